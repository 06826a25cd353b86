"""Fit one run's method on the training faces and store its weights: `python -m benchmark.train --run ours`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmark import cli, config
from benchmark.alignment import aligned_pairs, alignment
from benchmark.make import aligner_of, class_of, make_method, resolved
from benchmark.provenance import data_hash, file_hash, recorded
from benchmark.training import parallel, stage
from benchmark.training.engine import Settings
from benchmark.training.fitting import fit_and_save, keep_last, work_folder
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import TrainedMethod


def vgg_weights(experiment: config.Experiment) -> Path | None:
    """The file of VGG-19's weights, Path("torchvision") for a download, None for random ones; BadInput if absent."""
    value = experiment.params["training"]["vgg"]
    if value is None or value == "torchvision":
        return None if value is None else Path(value)
    if not Path(value).is_file():
        raise BadInput(
            f"{value}: no such file; set experiments.{experiment.name}.training.vgg in {config.PARAMS} to torchvision "
            "(a download) or null (random weights)"
        )
    return Path(value)


def made_from(run: config.Run) -> dict[str, Any]:
    """The inputs, by hash, that the run's record names: the prepared data, and the STN_0 that it is behind.

    Another training of STN_0 turns the faces otherwise. Where there is no STN_0 here, none is named.
    """
    stn0 = aligner_of(run)
    network = stn0.network(0) if stn0 else None
    aligner = {"stn0_hash": file_hash(network)} if network and network.is_file() else {}
    return {"data": data_hash(run.experiment.data), **aligner}


def expected(run: config.Run, seed: int) -> dict[str, Any]:
    """What the seed's record says if it was trained as this stage would train it now, for all but changes of code."""
    return {**resolved(run), "seed": seed, **made_from(run)}


def stored(run: config.Run, seed: int) -> bool:
    """Whether the seed's weights are there, and are such."""
    there = run.network(seed).is_file() or not issubclass(class_of(run), TrainedMethod)
    return there and recorded(run.weights(seed), expected(run, seed))


def work_of(run: config.Run, seed: int) -> Path:
    """The folder of the seed's resume state, which VGG's file has its part in where it is at hand."""
    record = resolved(run)
    vgg = None if record["vgg"] is None else Path(record["vgg"])
    # The files' content too: a checkpoint of a training that came to its end must not outlive what it was made from.
    decisive = {**record, **made_from(run), "vgg_hash": file_hash(vgg) if vgg and vgg.is_file() else None}
    return work_folder(f"{run.experiment.name}-{run.name}-{seed}", run.method, decisive, run.experiment.data)


def fit_seed(run: config.Run, seed: int, pairs: Pairs, device: torch.device, settings: Settings) -> Path:
    """Fit the run with one seed; returns the folder of its resume state."""
    torch.manual_seed(seed)
    method, record = make_method(run), resolved(run)
    parallel.say(yaml.safe_dump({**record, "seed": seed}, sort_keys=False).rstrip())
    work = work_of(run, seed)
    shared = work_folder("shared", run.method, {}, run.experiment.data)
    context = Context(device, seed, work, run.log(seed), shared)
    if isinstance(method, TrainedMethod):
        context.align = alignment(run.experiment, record["align"], device)
        context.vgg = vgg_weights(run.experiment)
        if device.type == "cpu":  # on CUDA reading takes longer than making
            context.features = Path("work") / f"features-{data_hash(run.experiment.data)}"
    else:
        pairs = aligned_pairs(pairs, alignment(run.experiment, record["align"], device, torch.float64), device)
    record |= made_from(run)
    fit_and_save(method, pairs, context, run.weights(seed), run.provenance(seed), record, settings)
    parallel.say(f"{run.weights(seed)}: stored")
    return work


def main(args: argparse.Namespace) -> None:
    experiment = config.load(args.experiment)
    run = experiment.run(args.run)
    if args.seed is not None and args.seed < 0:
        raise BadInput(f"--seed {args.seed}: give 0 or more")
    device, settings = stage.start(experiment, args)
    pairs = Pairs.load(experiment.data / "train")
    seeds = run.seeds if args.seed is None else [args.seed]
    with stage.in_time():
        done = [fit_seed(run, seed, pairs, device, settings) for seed in seeds]
    # One stays for each seed: DVC removes a stage's outputs before it runs the stage again.
    for work in done:
        keep_last(work)
    parallel.stop()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__, per_run=True)
    options.epilog = (
        "Weights and config.json go to results/EXPERIMENT/weights/RUN/seedN, log.csv to results/EXPERIMENT/logs, how "
        "the training came about to results/EXPERIMENT/provenance, resume state and sample grids to work/. A run that "
        "was killed goes on when the same command is given again; weights that were removed come back at once. "
        "Several GPUs for one run: torchrun --nproc-per-node N -m -- benchmark.train --run RUN."
    )
    options.add_argument("--seed", type=int, help="only this seed (default: the run's, one after the other)")
    stage.add_options(options)
    return options


if __name__ == "__main__":
    cli.run(main, parser())
