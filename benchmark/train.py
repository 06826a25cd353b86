"""Stage `train`: fit one run's method on the training faces and store its weights. What is up to date is kept."""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
import yaml
from filelock import FileLock, Timeout

from benchmark import cli, config
from benchmark.runs import external
from benchmark.runs.alignment import aligned_pairs, alignment, score_alignment
from benchmark.runs.fingerprint import is_trained, record_of
from benchmark.runs.hardware import choose_device, machine
from benchmark.runs.make import aligner_of, alignment_of, class_of, foundations, make_method, trunk_of
from benchmark.runs.provenance import RECORD, data_hash, file_hash
from benchmark.training import checkpoint
from benchmark.training.loop import Settings, train, write_log
from benchmark.training.step import Mode
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method
from methods.trained import TrainedMethod


def main(args: argparse.Namespace) -> None:
    experiment = config.load(args.experiment)
    run = experiment.run(args.run)
    if args.seed is not None and args.seed < 0:
        raise BadInput(f"--seed {args.seed}: give 0 or more")
    if run.external:
        external.store_records(run)
        return
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    training = experiment.training
    device = choose_device(args.device, training.threads)
    settings = Settings(step=args.step, precision=training.precision, deadline=deadline)
    seeds = run.seeds if args.seed is None else [args.seed]
    todo = [seed for seed in seeds if args.retrain or not is_trained(run, seed)]
    for seed in sorted({*seeds} - {*todo}):
        print(f"{run.weights(seed)}: up to date, kept", flush=True)
    pairs = Pairs.load(experiment.data / "train") if todo else None
    for seed in todo:
        assert pairs is not None
        with exclusive(work_folder(run, seed), f"{run.name} seed {seed}"):
            if args.retrain or not is_trained(run, seed):  # it may have been trained while this process waited
                fit_seed(run, seed, pairs, device, settings)
    if run.pretrained:
        score_alignment(run, Pairs.load(experiment.data / "test"))


def fit_seed(run: config.Run, seed: int, pairs: Pairs, device: torch.device, settings: Settings) -> None:
    """Fit the run with one seed and store weights, log and provenance; SR images of earlier weights go."""
    for needed, its_seed in foundations(run, seed):
        if not is_trained(needed, its_seed):
            raise BadInput(
                f"{needed.weights(its_seed)}: not trained as {config.PARAMS} says, and {run.name} builds on it; run "
                f"`python -m benchmark train --experiment {run.experiment.name} --run {needed.name}` first"
            )
    torch.manual_seed(seed)
    method, record = make_method(run), record_of(run, seed)
    print(yaml.safe_dump(record, sort_keys=False).rstrip(), flush=True)
    context = make_context(run, seed, device, work_folder(run, seed), run.log(seed))
    context.train = partial(train, settings=settings)
    if not isinstance(method, TrainedMethod):
        align = alignment(run.experiment, alignment_of(run), device, torch.float64)
        pairs = aligned_pairs(pairs, align, device)
    method.to(device)
    began = time.monotonic()
    try:
        method.fit(pairs, context)
    except torch.OutOfMemoryError as error:
        raise BadInput(f"{device}: the device's memory is full; lower batch_size, or take --step eager") from error
    if not isinstance(method, TrainedMethod):
        context.training_metadata["epochs"] = [{"phase": "fit", "epoch": 1, "seconds": time.monotonic() - began}]
        write_log(context.log, context.training_metadata["epochs"])
    store(run, seed, method, context, record)
    print(f"{run.weights(seed)}: stored", flush=True)


def make_context(run: config.Run, seed: int, device: torch.device, work: Path, log: Path) -> Context:
    """What the run lends its method while it fits. work: folder of the resume state."""
    context = Context(device, seed, work, log)
    if trunk := trunk_of(run):
        context.trunk, context.trunk_log = trunk.weights(seed), trunk.log(seed)
    if not issubclass(class_of(run), TrainedMethod):
        return context
    context.align = alignment(run.experiment, alignment_of(run), device)
    context.vgg = vgg_weights(run.experiment)
    if device.type == "cpu":  # on CUDA reading takes longer than computing
        context.features = Path("work") / f"features-{data_hash(run.experiment.data, 'train')}"
    return context


def vgg_weights(experiment: config.Experiment) -> Path | None:
    """The file of VGG-19's weights, Path("torchvision") for a download, None for random ones.

    Raises:
        BadInput: if params.yaml names a file that is not there.
    """
    value = experiment.training.vgg
    if value is None or value == "torchvision":
        return None if value is None else Path(value)
    if not Path(value).is_file():
        raise BadInput(
            f"{value}: no such file; set experiments.{experiment.name}.training.vgg in {config.PARAMS} to torchvision "
            "(a download) or null (random weights)"
        )
    return Path(value)


def work_folder(run: config.Run, seed: int) -> Path:
    """Folder of the resume state, which only the same training takes up."""
    digest = str(record_of(run, seed)["fingerprint"])[:16]
    return Path("work") / f"{run.experiment.name}-{run.name}-{seed}-{digest}"


def store(run: config.Run, seed: int, method: Method, context: Context, record: dict[str, Any]) -> None:
    """Put weights and record in place at once; then the resume state and what was made of earlier weights go."""
    aligner, trunk = aligner_of(run), trunk_of(run)
    content = {
        "stn0": file_hash(aligner.weights(0) / "weights.safetensors") if aligner else None,
        "trunk": file_hash(trunk.weights(seed) / "weights.safetensors") if trunk else None,
        "parameters": method.parameters_count(),
        "notes": context.notes,
        "data": data_hash(run.experiment.data, "train"),
    }
    with cli.whole_folder(run.weights(seed)) as part:
        method.save(part)
        cli.write_json(part / RECORD, {**record, **content})
    cli.write_json(run.provenance(seed), provenance_of(context))
    shutil.rmtree(run.images(seed), ignore_errors=True)
    (context.workdir / checkpoint.FILE).unlink(missing_ok=True)


def provenance_of(context: Context) -> dict[str, Any]:
    """How a training came about: precision, seconds in all and by epoch, images a second of the last phase, machine."""
    rows = context.training_metadata["epochs"]
    seconds: dict[str, list[float]] = {}
    for row in rows:
        seconds.setdefault(row["phase"], []).append(round(row["seconds"], 3))
    # The median, because the first epoch may hold a compilation.
    speeds = [row["images_per_second"] for row in rows if row["phase"] == rows[-1]["phase"] and len(row) > 3]
    return {
        "precision": None,
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "images_per_second": round(median(speeds), 2) if speeds else None,
        "epochs": seconds,
        **{key: value for key, value in context.training_metadata.items() if key != "epochs"},
        **machine(context.device),
    }


def exclusive(folder: Path, title: str) -> AbstractContextManager:
    """One process at a time trains in `folder`; a second one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        return lock.acquire(timeout=0)  # it is released where the body ends
    except Timeout:
        print(f"{folder}: another process trains {title}; waiting for it", flush=True)
        return lock.acquire()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__, per_run=True)
    options.epilog = (
        "Weights and their record go to results/EXPERIMENT/weights/RUN/seedN, the log to results/EXPERIMENT/logs, "
        "device and seconds to results/EXPERIMENT/provenance, resume state and sample grids to work/. A killed "
        "training resumes when the command is given again."
    )
    options.add_argument("--seed", type=int, help="only this seed (default: all of the run's)")
    options.add_argument("--retrain", action="store_true", help="train also what is up to date")
    options.add_argument(
        "--step",
        choices=get_args(Mode),
        default="auto",
        help="how an update runs: plain PyTorch, a CUDA graph, or compiled; auto: compile on CUDA, eager on the CPU",
    )
    options.add_argument(
        "--seconds", type=float, help=f"save and stop after so many seconds, with exit status {cli.OUT_OF_TIME}"
    )
    cli.add_device(options)
    return options
