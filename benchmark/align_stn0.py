"""Train an STN_0, which turns LR faces upright for the methods that cannot; score it on the test faces' warps."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark import cli, config
from benchmark.make import make_method, options_of
from benchmark.provenance import data_hash, recorded
from benchmark.scoring.estimates import rounded, warp_errors
from benchmark.training import parallel, stage
from benchmark.training.fitting import fit_and_save, keep_last, work_folder
from datasets.batch import to_float
from datasets.pairs import Pairs
from methods.interface import Context
from methods.stn0 import STN0

_BATCH = 64


def work_of(aligner: config.Aligner) -> Path:
    """The folder of its resume state."""
    experiment, name = aligner.experiment, aligner.name
    return work_folder(f"{experiment.name}-{name}", name, aligner.options, experiment.data)


def stored(aligner: config.Aligner) -> bool:
    """Whether its weights are there, scored, and what this stage would store now, for all but changes of code."""
    options = dataclasses.asdict(options_of(aligner))
    there = aligner.network(0).is_file() and aligner.metrics.is_file()
    return there and recorded(aligner.weights(), {**record_of(aligner), "options": options})


def record_of(aligner: config.Aligner) -> dict[str, Any]:
    """What beside its options decides what it computes."""
    return {"method": aligner.name, "data": data_hash(aligner.experiment.data)}


def score(method: STN0, test: Pairs) -> dict[str, Any]:
    """Errors of STN_0, from now on in float64, on the test faces, and of guessing that nothing has to be undone."""
    method.to(method.device, torch.float64)
    lr = to_float(torch.from_numpy(np.array(test.lr))).double()
    estimate = torch.cat([method.align(part.to(method.device))[1].cpu() for part in lr.split(_BATCH)])
    truth = torch.from_numpy(np.array(test.warp))
    identity = truth.new_tensor([0.0, 1.0, 0.0, 0.0]).expand_as(truth)
    errors = {"stn0": warp_errors(estimate, truth), "identity": warp_errors(identity, truth)}
    return {"faces": len(test), **rounded(errors)}


def main(args: argparse.Namespace) -> None:
    experiment = config.load(args.experiment)
    device, settings = stage.start(experiment, args)
    train, test = (Pairs.load(experiment.data / side) for side in ("train", "test"))
    aligner = experiment.aligner(args.network)
    work = work_of(aligner)
    context = Context(device, workdir=work, log=aligner.log())
    torch.manual_seed(context.seed)
    method = make_method(aligner)
    assert isinstance(method, STN0)
    record = record_of(aligner)
    if parallel.main():
        aligner.metrics.unlink(missing_ok=True)  # until there are those of the new weights
    with stage.in_time():
        fit_and_save(method, train, context, aligner.weights(), aligner.provenance(), record, settings)
    if parallel.main():
        errors = score(method, test)
        with cli.whole_file(aligner.metrics) as part:
            part.write_text(json.dumps(errors, indent=1) + "\n")
        print(json.dumps(errors, indent=1))
    keep_last(work)
    parallel.stop()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("--network", choices=config.ALIGNERS, default=config.ALIGNERS[0], help="see methods/stn0.py")
    stage.add_options(options)
    return options


if __name__ == "__main__":
    cli.run(main, parser())
