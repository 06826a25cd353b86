"""The one training loop: every trained method runs through it, phase by phase, and survives being killed.

Nothing random is kept between updates: an epoch's order, warps and flips come from CPU generators seeded by (seed,
phase, epoch), and PyTorch's own state (dropout, noise) is seeded anew by (seed, phase, update). So a run that goes on
from a checkpoint draws what the unbroken one would have drawn.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor

from benchmark.scoring.metrics import psnr
from benchmark.training import parallel, shared
from benchmark.training.hardware import resolve
from benchmark.training.optimise import learning_rate, set_rate
from benchmark.training.progress import Progress, save_grid
from benchmark.training.state import DEFAULTS, OutOfTime, Run, Settings, TrainingStopped, prepare
from benchmark.training.step import Step, make_step, upright
from datasets import degrade
from datasets.batch import to_uint8
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import TrainedMethod

__all__ = ["OutOfTime", "Settings", "TrainingStopped", "make_step", "train"]

FIRST = 20  # updates of each phase whose loss terms are kept, to compare a replay with
_GRID = 8  # faces in a sample grid
_VALIDATION_BATCH = 64
_LOOK_EVERY = 50  # updates between two looks at the losses on CUDA


def train(method: TrainedMethod, pairs: Pairs, context: Context, settings: Settings = DEFAULTS) -> None:
    """Train `method` on pairs.training(), watched on pairs.validation(); see methods.trained.Phase.

    Writes context.log, a row an epoch, and into context.workdir checkpoints and sample grids; goes on from the last
    whole checkpoint there. Under torchrun each process takes its part of every batch and the first one writes. The last
    partial batch of an epoch is left out, so that every batch has one size. Reseeds PyTorch's global generator.
    Raises TrainingStopped at a loss that is not finite, OutOfTime at the deadline.
    """
    run, saved = prepare(method, pairs, context, settings)
    at, precision = run.at, resolve(settings.precision, context.device)
    context.course["restored"] = run.ended()
    if not run.ended() and precision not in at.precisions:
        at.precisions.append(precision)
    progress = _progress(run)
    while not run.ended():
        phase = run.phases[at.phase]
        method.module.eval()  # the parts that this phase leaves alone
        step = make_step(phase, run.faces, context, settings.step, precision)
        if saved is not None:
            step.load_state(saved)
            saved = None

        while at.epoch < phase.epochs:
            _epoch(run, step, progress)
            with step.averaged():
                scores = validate(run) if phase.watched else {"val_psnr": math.nan}
            phase.module.train()
            _log(run, scores)
            at.epoch, at.update, at.seconds, at.sums = at.epoch + 1, 0, 0.0, {}
            if run.saved_at + settings.checkpoint_seconds <= time.monotonic():
                run.save(step)

        step.finish()
        if run.outcome and at.phase == 0:
            shared.keep(run.outcome, phase, {"rows": at.rows, "first": at.first})
        at.phase, at.epoch = at.phase + 1, 0
        run.save(None)
    method.module.eval()
    context.course |= {"epochs": at.rows, "precision": " then ".join(at.precisions)}
    progress.close()
    parallel.wait()


def _progress(run: Run) -> Progress:
    """The bar over all phases, standing where the run stands."""
    at, images = run.at, [run.images(number) for number in range(len(run.phases))]
    done = sum(images[: at.phase])
    if at.phase < len(run.phases):
        done += (at.epoch * run.updates(at.phase) + at.update) * run.size(at.phase)
    return Progress(sum(images), done, run.context.device, run.context.workdir)


def _epoch(run: Run, step: Step, progress: Progress) -> None:
    """The rest of the epoch that the run stands in."""
    at, device, seed = run.at, run.context.device, run.context.seed
    phase, size, length = run.phases[at.phase], run.size(at.phase), run.updates(at.phase)
    share = parallel.share(size)
    faces = _draw(run)
    pending: list[Tensor] = []
    started = time.monotonic() - at.seconds

    while at.update < length:
        # One update, on this process's part of the batch.
        done = at.epoch * length + at.update
        torch.manual_seed(_seed(seed, at.phase, done, parallel.rank()))
        for optimiser, recipe in step.optimisers():
            set_rate(optimiser, learning_rate(recipe, at.epoch, done, phase.epochs * length))
        first = at.update * size + parallel.rank() * share
        rows, warp, flip = (None if t is None else t[first : first + share] for t in faces)
        assert rows is not None
        terms = step(rows, warp, flip, at.epoch)
        if step.average:
            step.average.update(done)
        pending.append(terms.clone())
        at.update += 1
        progress.step(phase.name, at.epoch, size)

        # Now and then: look at the losses, which waits for the device, and save.
        if len(pending) < (_LOOK_EVERY if device.type == "cuda" else 1) and at.update < length:
            continue
        _read(run, step.names, pending)
        pending = []
        at.seconds = time.monotonic() - started
        deadline = run.settings.deadline
        late = deadline is not None and parallel.agree(time.monotonic() >= deadline, device)
        if late or run.saved_at + run.settings.checkpoint_seconds <= time.monotonic():
            run.save(step)
        if late:
            progress.close()
            raise OutOfTime("time is up; the same command goes on from here")


def _draw(run: Run) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The order of the faces in this epoch, their fresh warps, and whether each is mirrored; on the device."""
    phase, rows, device = run.phases[run.at.phase], run.rows[run.at.phase], run.context.device
    generator = torch.Generator().manual_seed(_seed(run.context.seed, run.at.phase, run.at.epoch))
    order = rows[torch.randperm(len(rows), generator=generator)].to(device)
    warps = degrade.sample_warps(len(rows), generator).to(device) if phase.fresh else None
    flips = (torch.rand(len(rows), generator=generator) < 0.5).to(device) if phase.flip else None
    return order, warps, flips


def _seed(*parts: int) -> int:
    """A seed of 63 bits that every one of `parts` changes."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _read(run: Run, names: list[str], pending: list[Tensor]) -> None:
    """Add the pending updates' loss terms to the epoch's sums, and keep those of a phase's first updates.

    TrainingStopped at the first that is not finite.
    """
    values = parallel.mean(torch.stack(pending)).tolist()
    for i, row in enumerate(values):
        done = run.at.epoch * run.updates(run.at.phase) + run.at.update - len(values) + i
        if done < FIRST:
            phase = run.phases[run.at.phase].name
            run.at.first.append({"phase": phase, "update": done + 1, **dict(zip(names, row, strict=True))})
        for name, value in zip(names, row, strict=True):
            if not math.isfinite(value):
                raise run.stopped(f"update {run.at.update - len(values) + i + 1}: loss {name} is {value}")
            run.at.sums[name] = run.at.sums.get(name, 0.0) + value


@torch.no_grad()
def validate(run: Run) -> dict[str, float]:
    """Mean PSNR (dB, 8-bit RGB) over the validation fold, NaN where it is empty; writes the sample grid.

    val_rotation: mean error of the method's own STN, degrees, where it has one. The faces are the stored ones. Only the
    first process computes it.
    """
    if not parallel.main() or not len(run.watched):
        return {"val_psnr": math.nan}
    run.method.module.eval()
    scores: list[float] = []
    turns: list[Tensor] = []
    with torch.compiler.set_stance("force_eager"):  # odd batch sizes are not worth a compilation
        for rows in torch.arange(len(run.watched), device=run.context.device).split(_VALIDATION_BATCH):
            batch = upright(run.watched.batch(rows), run.context)
            if run.method.told:
                run.method.tell(batch)
            sr, estimated = run.method.upscale_and_inspect(batch.lr)
            if "warp_stn" in estimated:
                turns.append(degrade.wrapped(estimated["warp_stn"][:, 0].double() - batch.warp[:, 0].double()).abs())
            if not scores:
                name = f"{run.at.phase + 1}_{run.phases[run.at.phase].name}_{run.at.epoch + 1:04d}.png"
                save_grid(run.context.workdir / "samples" / name, batch.lr[:_GRID], sr[:_GRID], batch.hr[:_GRID])
            images, references = (to_uint8(t).cpu().numpy() for t in (sr, batch.hr))
            scores += map(psnr, images, references)
    rotation = {"val_rotation": torch.rad2deg(torch.cat(turns).mean()).item()} if turns else {}
    return {"val_psnr": float(np.mean(scores)), **rotation}


def _log(run: Run, scores: dict[str, float]) -> None:
    """End the epoch's row of log.csv."""
    at, phase, length = run.at, run.phases[run.at.phase], run.updates(run.at.phase)
    at.rows.append(
        {
            "phase": phase.name,
            "epoch": at.epoch + 1,
            "lr": learning_rate(phase.optimiser, at.epoch, (at.epoch + 1) * length - 1, phase.epochs * length),
            **scores,
            "images_per_second": length * run.size(at.phase) / at.seconds,
            "seconds": at.seconds,
            **{name: total / length for name, total in at.sums.items()},
        }
    )
    run.log()
