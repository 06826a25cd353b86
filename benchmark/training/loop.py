"""The training loop: every trained method runs through it, phase by phase, and survives being killed.

Nothing random is kept between updates: an epoch's order, warps and flips come from CPU generators seeded by (seed,
phase, epoch), and PyTorch's own state (dropout, noise) is seeded again by (seed, phase, update). So a run that is
resumed from a checkpoint draws what the unbroken one would have drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from benchmark.cli import OutOfTime, whole_file
from benchmark.runs.hardware import Precision, resolve_precision
from benchmark.training.checkpoint import Run, TrainingStopped, first_log
from benchmark.training.step import Mode, Step, make_step
from benchmark.training.validation import validate
from datasets import degrade
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import TrainedMethod

__all__ = ["FIRST", "OutOfTime", "Settings", "TrainingStopped", "first_log", "train", "write_log"]

FIRST = 20  # updates of each phase whose losses are kept, to compare a replay with
TIMES = ("images_per_second", "seconds")  # of an epoch: the only values of a row that differ from call to call
_LOOK_EVERY = 50  # updates on CUDA between two looks at the losses, which wait for the device


@dataclass(frozen=True)
class Settings:
    """How the loop works, none of which may change its results (beyond rounding, for `step` and `precision`).

    step, precision: see make_step. deadline: time.monotonic() at which to stop, or None. checkpoint_seconds: the
    longest stretch of work that a kill may cost; 0 saves after every update. The end of a phase is always saved.
    """

    step: Mode = "auto"
    precision: Precision = "auto"
    deadline: float | None = None
    checkpoint_seconds: float = 60.0


DEFAULTS = Settings()


def train(
    method: TrainedMethod, pairs: Pairs, context: Context, settings: Settings = DEFAULTS, max_updates: int | None = None
) -> None:
    """Train on pairs.training(), phase by phase, and score pairs.validation() after each epoch.

    Writes context.log, a checkpoint and sample grids, and resumes from the checkpoint in context.workdir.
    max_updates: save and return after so many, counted over the phases. Raises: TrainingStopped, OutOfTime.
    """
    run = Run(method, pairs, context, max_updates)
    state, bar = run.state, _start(run, settings)
    while not (run.finished or run.enough()):
        phase, updates, step = run.phase, run.updates(), _make_step(run, settings)
        while state.epoch < phase.epochs:
            faces, started = _draw_epoch(run), time.monotonic() - state.seconds
            while state.update < updates:
                # Read data and augment: which faces, warps and mirroring; the step makes the images, on the device.
                rows, warp, flip = faces[state.update]
                # Step.
                done = state.epoch * updates + state.update
                torch.manual_seed(_seed(context.seed, run.number, done))
                step.set_rate(state.epoch, done, phase.epochs * updates)
                run.count_update(step(rows, warp, flip, state.epoch))
                # Log.
                bar.update(run.batch_size())
                if not _log_losses(run, step.names):
                    continue
                state.seconds = time.monotonic() - started
                # Checkpoint, or stop.
                late = settings.deadline is not None and time.monotonic() >= settings.deadline
                run.save_if_due(step, 0 if late or run.enough() else settings.checkpoint_seconds)
                if late or run.enough():
                    return _stop(run, bar, step, late)
            # Validate, log, checkpoint.
            _log_epoch(run, validate(run) if phase.validate else {"val_psnr": math.nan})
            run.next_epoch()
            run.save_if_due(step, settings.checkpoint_seconds)
        run.next_phase(step)
    return _stop(run, bar)


def _start(run: Run, settings: Settings) -> tqdm:
    """Note what is known of the run, and show a bar over all its images that begins where the run stands."""
    state, precision = run.state, resolve_precision(settings.precision, run.context.device)
    if not run.finished and precision not in state.precisions:
        state.precisions.append(precision)
    _write_logs(run)
    images = [phase.epochs * run.updates(i) * run.batch_size(i) for i, phase in enumerate(run.phases)]
    done = sum(images[: state.phase])
    if not run.finished:
        done += (state.epoch * run.updates() + state.update) * run.batch_size()
    if run.context.device.type == "cpu":
        print(f"no GPU: training on the CPU, {torch.get_num_threads()} thread(s)", flush=True)
    return tqdm(total=sum(images), initial=done, unit="image", unit_scale=True)


def _make_step(run: Run, settings: Settings) -> Step:
    """The present phase's step, as a checkpoint left it. What the phase does not train is in evaluation mode."""
    run.method.module.eval()
    step = make_step(run.phase, run.faces, run.context, settings.step, settings.precision)
    if run.optimisers is not None:
        step.load_state(run.optimisers)
        run.optimisers = None
    return step


def _seed(*parts: int) -> int:
    """A seed of 63 bits that every one of `parts` changes."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _draw_epoch(run: Run) -> list[tuple[Tensor, Tensor | None, Tensor | None]]:
    """For each update of the epoch its faces: indices, new warps, and whether each is mirrored."""
    phase, rows, size, updates = run.phase, run.rows[run.state.phase], run.batch_size(), run.updates()
    generator = torch.Generator().manual_seed(_seed(run.context.seed, run.number, run.state.epoch))

    def batches(values: Tensor) -> Iterable[Tensor]:
        return values.to(run.context.device)[: updates * size].unflatten(0, (updates, size))

    nothing = [None] * updates
    order = batches(rows[torch.randperm(len(rows), generator=generator)])
    warps = batches(degrade.sample_warps(len(rows), generator)) if phase.resample_degradation else nothing
    flips = batches(torch.rand(len(rows), generator=generator) < 0.5) if phase.flip else nothing
    return list(zip(order, warps, flips, strict=True))


def _log_losses(run: Run, names: list[str]) -> bool:
    """Add the pending updates' losses to the epoch's sums, and keep those of a phase's first updates.

    On CUDA, where reading them waits for the device, that is done now and then; returns whether it was.

    Raises:
        TrainingStopped: at the first loss that is not finite.
    """
    state, patience = run.state, _LOOK_EVERY if run.context.device.type == "cuda" else 1
    if len(run.pending) < patience and state.update < run.updates() and not run.enough():
        return False
    values = torch.stack(run.pending).tolist()
    run.pending.clear()
    for update, row in enumerate(values, state.update - len(values)):
        losses, done = dict(zip(names, row, strict=True)), state.epoch * run.updates() + update
        if done < FIRST:
            state.first_losses.append({"phase": run.phase.name, "update": done + 1, **losses})
        for name, value in losses.items():
            if not math.isfinite(value):
                raise run.stopped(f"update {update + 1}: loss {name} is {value}")
            state.loss_sums[name] = state.loss_sums.get(name, 0.0) + value
    return True


def _log_epoch(run: Run, scores: dict[str, float]) -> None:
    """End the epoch's row of log.csv."""
    state, phase, updates = run.state, run.phase, run.updates()
    last, seconds = (state.epoch + 1) * updates - 1, state.seconds
    state.rows.append(
        {
            "phase": phase.name,
            "epoch": state.epoch + 1,
            "lr": phase.optimiser.rate(state.epoch, last, phase.epochs * updates),
            **scores,
            "images_per_second": updates * run.batch_size() / seconds,
            "seconds": seconds,
            **{name: total / updates for name, total in state.loss_sums.items()},
        }
    )
    _write_logs(run)


def _write_logs(run: Run) -> None:
    """Write both logs as far as the run has come; the rows of its pretrained trunk come first."""
    if run.state.rows:
        write_log(run.context.log, [*run.trunk_rows, *run.state.rows])
    if run.state.first_losses:
        write_log(first_log(run.context.log), [*run.trunk_first_losses, *run.state.first_losses])


def write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write log.csv: a row an epoch; columns phase, epoch, lr, val_psnr, then the loss terms, but no times."""
    with whole_file(path) as part:
        pd.DataFrame(rows).drop(columns=list(TIMES), errors="ignore").to_csv(part, index=False, float_format="%.6g")


def _stop(run: Run, bar: tqdm, step: Step | None = None, late: bool = False) -> None:
    """Leave the method ready for use, and note how its training came about; OutOfTime if it is late."""
    bar.close()
    if late:
        raise OutOfTime("time is up; the same command goes on from here")
    if step is not None:
        step.decompile()
    _write_logs(run)
    run.method.module.eval()
    precisions = " then ".join(run.state.precisions)
    run.context.training_metadata |= {"epochs": run.state.rows, "precision": precisions}
