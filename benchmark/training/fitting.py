"""One method fitted and stored: its device, the folder of its resume state, and the record beside its weights."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmark.cli import whole_folder
from benchmark.provenance import data_hash
from benchmark.training import course, engine, parallel
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.hardware import keep_memory
from benchmark.training.progress import write_log
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method
from methods.trained import TrainedMethod

_ROOT = Path(__file__).parents[2]
# Code that decides what a training run computes, beside the method's own folder.
_CODE = ["benchmark/alignment.py", "benchmark/make.py", "benchmark/training/*.py", "methods/*.py"]
_CODE += [f"datasets/{name}.py" for name in ("batch", "components", "degrade", "heatmaps", "pairs")]


def choose_device(name: str, threads: int | None = None) -> torch.device:
    """The device for "auto" (CUDA where there is one), "cpu" or "cuda"; BadInput for cuda without one.

    threads: how many PyTorch works with on the CPU from now on, or None for its own choice. Sums are rounded
    differently by another number.
    """
    keep_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: no CUDA device is to be found; take --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def work_folder(name: str, method: str, parameters: Mapping[str, Any], data: Path) -> Path:
    """work/NAME-HASH: resume state that only a run of the same parameters, code and data takes up."""
    digest = hashlib.sha256(json.dumps([parameters, data_hash(data)], sort_keys=True).encode())
    for pattern in (*_CODE, f"methods/{method}/**/*.py"):
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return Path("work") / f"{name}-{digest.hexdigest()[:16]}"


def fit_and_save(
    method: Method,
    pairs: Pairs,
    context: Context,
    target: Path,
    provenance: Path,
    record: Mapping[str, Any],
    settings: engine.Settings,
) -> None:
    """Fit `method`, then put its weights and config.json in place of `target`, and its log in context.log.

    All of these follow from the inputs alone; how the training came about goes to the file `provenance`.
    Under torchrun a method without training is fitted, and everything is written, by the first process alone.
    BadInput where the device's memory does not do.
    """
    trained = isinstance(method, TrainedMethod)
    if not trained and not parallel.main():
        return
    context.train = partial(engine.train, settings=settings)
    method.to(context.device)
    started = time.monotonic()
    try:
        method.fit(pairs, context)
    except torch.OutOfMemoryError as error:
        remedy = "lower batch_size, or take --step eager"
        raise BadInput(f"{context.device}: the device's memory is full; {remedy}") from error
    if not parallel.main():
        return
    if not trained:
        context.course["epochs"] = [{"phase": "fit", "epoch": 1, "seconds": time.monotonic() - started}]
        write_log(context.log, context.course["epochs"])
    with whole_folder(target) as part:
        method.save(part)
        text = json.dumps({**record, **_facts(method, context)}, indent=1)
        (part / "config.json").write_text(text + "\n")
    course.write(context, provenance)


def keep_last(work: Path) -> None:
    """Drop all but a run's newest checkpoint: from it the same command restores the weights, should they be removed."""
    if parallel.main():
        Checkpoints(work / "checkpoints").thin(1)


def _facts(method: Method, context: Context) -> dict[str, Any]:
    """What a result must state of itself, beside what it was made from."""
    return {
        "options": dataclasses.asdict(method.options),
        "seed": context.seed,
        "parameters": method.parameters_count(),
        "notes": context.notes,
    }
