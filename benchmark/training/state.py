"""A training run between two updates: where it stands, what a checkpoint of it holds, and how it is taken up again."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.config import Precision
from benchmark.training import parallel, shared
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.hardware import resolve
from benchmark.training.progress import first_log, write_log
from benchmark.training.step import Mode, Step
from datasets.batch import DeviceFaces
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import Phase, TrainedMethod


class TrainingStopped(BadInput):
    """Training cannot go on: a loss or a weight is not finite."""


class OutOfTime(Exception):
    """The time limit is reached; the state is saved, and the same command goes on from there."""


@dataclass(frozen=True)
class Settings:
    """How the engine works, none of which may change its results (beyond rounding, for `step` and `precision`).

    step, precision: see make_step. deadline: time.monotonic() at which to stop, or None. checkpoint_seconds: the
    longest stretch of work that a kill may cost; 0 saves after every update. The end of a phase is always saved.
    """

    step: Mode = "auto"
    precision: Precision = "auto"
    deadline: float | None = None
    checkpoint_seconds: float = 60.0


DEFAULTS = Settings()


@dataclass
class Position:
    """Where a run stands: the update to make next, and what the log says so far."""

    phase: int = 0
    epoch: int = 0
    update: int = 0
    seconds: float = 0.0  # of this epoch, over all processes that worked on it in turn
    precisions: list[str] = field(default_factory=list)  # in which this run has worked, in turn
    sums: dict[str, float] = field(default_factory=dict)  # of this epoch's loss terms
    rows: list[dict[str, Any]] = field(default_factory=list)  # of log.csv
    first: list[dict[str, Any]] = field(default_factory=list)  # loss terms of each phase's first updates


@dataclass
class Run:
    """One training run: what the loop of engine.py works on."""

    method: TrainedMethod
    context: Context
    settings: Settings
    phases: list[Phase]
    faces: DeviceFaces
    rows: list[Tensor]  # the faces that each phase sees
    watched: DeviceFaces
    store: Checkpoints
    at: Position
    outcome: Checkpoints | None = None  # of the first phase, where it is shared
    saved_at: float = field(default_factory=time.monotonic)

    def size(self, number: int) -> int:
        """Faces in a batch of phase `number`."""
        return min(self.phases[number].batch_size, len(self.rows[number]))

    def updates(self, number: int) -> int:
        """Updates in an epoch of phase `number`."""
        return len(self.rows[number]) // self.size(number)

    def images(self, number: int) -> int:
        """Faces that phase `number` goes through, all epochs together."""
        return self.phases[number].epochs * self.updates(number) * self.size(number)

    def modules(self) -> list[nn.Module]:
        """All that training changes, the method's own module first."""
        critics = [phase.critic for phase in self.phases if phase.critic is not None]
        return [self.method.module, *(phase.module for phase in self.phases), *critics]

    def ended(self) -> bool:
        """Whether no phase is left."""
        return self.at.phase == len(self.phases)

    def log(self) -> None:
        """Write log.csv as far as the run has come."""
        if parallel.main() and self.at.rows:
            write_log(self.context.log, self.at.rows)
            write_log(first_log(self.context.log), self.at.first)

    def save(self, step: Step | None) -> None:
        """Write a checkpoint; TrainingStopped where a weight is not finite."""
        self.saved_at = time.monotonic()
        if not parallel.main():
            return
        for module in self.modules():
            for name, weight in module.named_parameters():
                if not weight.isfinite().all():
                    raise self.stopped(f"weight {name} is not finite")
        states = [module.state_dict() for module in self.modules()]
        state = {"position": asdict(self.at), "modules": states, "step": step.state() if step else None}
        self.store.save(state)

    def stopped(self, why: str) -> TrainingStopped:
        """The error that ends a run that went astray."""
        phase = self.phases[self.at.phase].name
        return TrainingStopped(
            f"phase {phase}, epoch {self.at.epoch + 1}: {why}; last good checkpoint: {self.store.last() or 'none'}; "
            "lower the learning rate, or set clip"
        )


def prepare(
    method: TrainedMethod, pairs: Pairs, context: Context, settings: Settings
) -> tuple[Run, dict[str, Any] | None]:
    """The run as an earlier process left it, and the state of its step, if it was within a phase."""
    torch.manual_seed(context.seed)  # critics and feature networks are drawn here
    phases = method.phases(context)
    training = pairs.training()
    rows = [_rows(phase, training) for phase in phases]
    faces, watched = DeviceFaces(training, context.device), DeviceFaces(pairs.validation(), context.device)
    store = Checkpoints(context.workdir / "checkpoints")
    saved = store.load(context.device)
    parallel.wait()  # nobody writes before everybody has read
    at = Position(**saved["position"]) if saved else Position()

    outcome = shared.outcome(
        phases[0], rows[0], context, f"{settings.step} {resolve(settings.precision, context.device)}"
    )
    run = Run(method, context, settings, phases, faces, rows, watched, store, at, outcome)
    for module in run.modules():
        # Faster on GPU and CPU alike. All parts at once, whichever phase a run goes on in: rounding depends on it.
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if saved is None:
        _take_over(run)
        return run, None
    for module, state in zip(run.modules(), saved["modules"], strict=True):
        module.load_state_dict(state)
    run.log()
    if run.ended():
        parallel.say(f"taken from {store.folder}: this training came to its end before")
    else:
        parallel.say(
            f"going on from {store.folder}: phase {at.phase + 1}, epoch {at.epoch + 1}, update {at.update + 1}"
        )
    return run, saved["step"]


def _take_over(run: Run) -> None:
    """Put a run that has not begun behind its first phase, where another that shares it has been through it."""
    front = run.phases[0]
    known = shared.recall(run.outcome, front, run.context.device) if run.outcome else None
    if known is not None:
        run.at = Position(phase=1, rows=known["rows"], first=known["first"])
        run.context.course[f"phase {front.name}"] = "taken over from a run that shares it"
        run.log()


def _rows(phase: Phase, training: Pairs) -> Tensor:
    """Indices of the training faces that a phase sees; BadInput where it sees none."""
    mask = np.ones(len(training), bool) if phase.faces is None else phase.faces(training)
    if not mask.any():
        raise BadInput(f"phase {phase.name}: none of {len(training)} training faces is for it; prepare more faces")
    return torch.from_numpy(np.flatnonzero(mask))
