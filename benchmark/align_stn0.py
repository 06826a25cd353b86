"""Train STN_0, which turns LR faces upright for the methods that cannot, and score it on the test faces' warps."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from benchmark import cli, config
from benchmark.provenance import data_hash, recorded
from benchmark.scoring.estimates import rounded, warp_errors
from benchmark.training import parallel
from benchmark.training.engine import OutOfTime, Settings
from benchmark.training.fitting import choose_device, fit_and_save, keep_last, work_folder
from benchmark.training.step import Mode
from datasets.batch import to_float
from datasets.pairs import Pairs
from methods.interface import Context
from methods.stn0 import STN0

_BATCH = 64


def work_of(experiment: config.Experiment) -> Path:
    """The folder of STN_0's resume state."""
    return work_folder(f"{experiment.name}-stn0", "stn0", experiment.params["stn0"], experiment.data)


def stored(experiment: config.Experiment) -> bool:
    """Whether STN_0's weights are there and are what this stage would store now, for all but changes of code."""
    options = dataclasses.asdict(STN0(experiment.params["stn0"]).options)
    expected = {"method": "stn0", "options": options, "data": data_hash(experiment.data)}
    return recorded(experiment.results / "weights" / "stn0", expected)


def score(method: STN0, test: Pairs) -> dict[str, Any]:
    """Errors of STN_0 on the test faces, and of guessing that nothing has to be undone."""
    lr = to_float(torch.from_numpy(np.array(test.lr)))
    estimate = torch.cat([method.align(part.to(method.device))[1].cpu() for part in lr.split(_BATCH)])
    truth = torch.from_numpy(np.array(test.warp))
    identity = truth.new_tensor([0.0, 1.0, 0.0, 0.0]).expand_as(truth)
    errors = {"stn0": warp_errors(estimate, truth), "identity": warp_errors(identity, truth)}
    return {"faces": len(test), **rounded(errors)}


def main(args: argparse.Namespace) -> None:
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    experiment = config.load(args.experiment)
    device = parallel.start(choose_device(args.device, experiment.threads))
    train, test = (Pairs.load(experiment.data / side) for side in ("train", "test"))
    options = experiment.params["stn0"]
    work = work_of(experiment)
    context = Context(device, workdir=work, log=experiment.results / "logs" / "stn0.csv")
    torch.manual_seed(context.seed)
    method = STN0(options)
    record = {"method": "stn0", "data": data_hash(experiment.data)}
    settings = Settings(step=args.step, precision=experiment.precision, deadline=deadline)
    try:
        weights = experiment.results / "weights" / "stn0"
        fit_and_save(method, train, context, weights, experiment.stn0_provenance, record, settings)
    except OutOfTime as error:
        parallel.say(str(error))
        sys.exit(cli.OUT_OF_TIME)
    if parallel.main():
        errors = score(method, test)
        with cli.whole_file(experiment.results / "metrics" / "stn0.json") as part:
            part.write_text(json.dumps(errors, indent=1) + "\n")
        print(json.dumps(errors, indent=1))
    keep_last(work)
    parallel.stop()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA if there is one")
    options.add_argument("--step", choices=get_args(Mode), default="auto", help="see train")
    options.add_argument("--seconds", type=float, help="see train")
    return options


if __name__ == "__main__":
    cli.run(main, parser())
