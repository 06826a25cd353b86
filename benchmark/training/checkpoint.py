"""A training run between two updates: its state, and the checkpoint from which it is resumed bit for bit."""

from __future__ import annotations

import math
import os
import time
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmark.cli import whole_file
from benchmark.training.step import Step
from datasets.batch import DeviceFaces
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import Phase, TrainedMethod

FILE = "checkpoint.pt"  # in the work folder


class TrainingStopped(BadInput):
    """Training cannot go on: a loss or a weight is not finite."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint: a kill leaves the old one whole, or the new one."""
    with whole_file(path) as part, part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Load a checkpoint, its tensors on `device`; None if there is none.

    Raises:
        BadInput: if it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        return None
    except zipfile.BadZipFile:
        damaged = path.name
    if damaged:
        raise BadInput(f"{path}: damaged checkpoint; delete it to train from the beginning")
    return torch.load(path, map_location=device, weights_only=True)


@dataclass
class TrainState:
    """Where a run stands: the update to make next, and what the log holds so far."""

    phase: int = 0
    epoch: int = 0
    update: int = 0  # of this epoch
    updates: int = 0  # made so far, over all phases
    seconds: float = 0.0  # of this epoch, over all processes that worked on it in turn
    precisions: list[str] = field(default_factory=list)  # in which this run has worked, in turn
    loss_sums: dict[str, float] = field(default_factory=dict)  # of this epoch
    rows: list[dict[str, Any]] = field(default_factory=list)  # of log.csv
    first_losses: list[dict[str, Any]] = field(default_factory=list)  # of each phase's first updates


class Run:
    """One training run: its phases, faces and state, as an earlier process left them in context.workdir.

    max_updates: how many to make, counted over the phases; None for all.
    """

    def __init__(self, method: TrainedMethod, pairs: Pairs, context: Context, max_updates: int | None = None):
        torch.manual_seed(context.seed)  # critics and feature networks are drawn here
        self.method, self.context, self.phases = method, context, method.phases(context)
        training = pairs.training()
        self.rows = [_rows(phase, training) for phase in self.phases]
        self.faces = DeviceFaces(training, context.device)
        self.validation = DeviceFaces(pairs.validation(), context.device)
        self.modules = [method.module, *(phase.module for phase in self.phases)]
        self.modules += [phase.critic.module for phase in self.phases if phase.critic is not None]
        for module in self.modules:
            # Faster on GPU and CPU alike. All parts at once, whichever phase is resumed: rounding depends on it.
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.checkpoint, self.saved_at = context.workdir / FILE, time.monotonic()
        self.state, self.optimisers = self._restore()
        self.max_updates = math.inf if max_updates is None else max_updates
        self.pending: list[Tensor] = []  # losses of the last updates, still on the device
        self.trunk_rows, self.trunk_first_losses = _trunk_rows(context)

    def _restore(self) -> tuple[TrainState, list[dict[int, Any]] | None]:
        """The state in the last whole checkpoint, and the optimisers' within a phase; the modules' are loaded."""
        saved = load(self.checkpoint, self.context.device)
        if saved is None:
            return TrainState(), None
        state = TrainState(**saved["state"])
        for module, tensors in zip(self.modules, saved["modules"], strict=True):
            module.load_state_dict(tensors)
        if state.phase == len(self.phases):
            line = f"taken from {self.checkpoint}: this training came to its end before"
        else:
            place = f"phase {state.phase + 1}, epoch {state.epoch + 1}, update {state.update + 1}"
            line = f"going on from {self.checkpoint}: {place}"
        print(line, flush=True)
        return state, saved["optimisers"]

    @property
    def phase(self) -> Phase:
        """The phase that the run stands in."""
        return self.phases[self.state.phase]

    @property
    def number(self) -> int:
        """That phase's number in the seeds."""
        return self.state.phase if self.phase.number is None else self.phase.number

    @property
    def finished(self) -> bool:
        """Whether no phase is left."""
        return self.state.phase == len(self.phases)

    def enough(self) -> bool:
        """Whether all the updates that were asked for are made."""
        return self.state.updates >= self.max_updates

    def batch_size(self, phase: int | None = None) -> int:
        """Faces in a batch of a phase (default: the present one)."""
        phase = self.state.phase if phase is None else phase
        return min(self.phases[phase].batch_size, len(self.rows[phase]))

    def updates(self, phase: int | None = None) -> int:
        """Updates in an epoch of a phase; the last partial batch is left out, so that all have one size."""
        return len(self.rows[self.state.phase if phase is None else phase]) // self.batch_size(phase)

    def count_update(self, losses: Tensor) -> None:
        """Count one more update, and keep its losses until they are read."""
        self.pending.append(losses.clone())
        self.state.update, self.state.updates = self.state.update + 1, self.state.updates + 1

    def next_epoch(self) -> None:
        state = self.state
        state.epoch, state.update, state.seconds, state.loss_sums = state.epoch + 1, 0, 0.0, {}

    def next_phase(self, step: Step) -> None:
        """End the phase: its modules as they are to be used, its last weights in a checkpoint."""
        step.decompile()
        self.state.phase, self.state.epoch = self.state.phase + 1, 0
        self.save(None)

    def save_if_due(self, step: Step, seconds: float) -> None:
        """Write a checkpoint if the last one is that old."""
        if self.saved_at + seconds <= time.monotonic():
            self.save(step)

    def save(self, step: Step | None) -> None:
        """Write a checkpoint, or raise TrainingStopped: a weight is not finite. step: of an unfinished phase."""
        self.saved_at = time.monotonic()
        for module in self.modules:
            for name, weight in module.named_parameters():
                if not weight.isfinite().all():
                    raise self.stopped(f"weight {name} is not finite")
        modules = [module.state_dict() for module in self.modules]
        state = {"state": asdict(self.state), "modules": modules, "optimisers": step.state() if step else None}
        save(self.checkpoint, state)

    def stopped(self, why: str) -> TrainingStopped:
        """The error that ends a run that has diverged."""
        place = f"phase {self.phases[self.state.phase].name}, epoch {self.state.epoch + 1}"
        return TrainingStopped(f"{place}: {why}; lower the learning rate, or set clip")


def _rows(phase: Phase, training: Pairs) -> Tensor:
    """Indices of the training faces that a phase sees; BadInput if it sees none."""
    mask = np.ones(len(training), bool) if phase.faces is None else phase.faces(training)
    if not mask.any():
        raise BadInput(f"phase {phase.name}: none of {len(training)} training faces is for it; prepare more faces")
    return torch.from_numpy(np.flatnonzero(mask))


def first_log(log: Path) -> Path:
    """Where the losses of each phase's first updates are, next to log.csv: what a replay is compared with."""
    return log.with_suffix(".first.csv")


def _trunk_rows(context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of both logs of the pretrained trunk, with which a run's own begin; empty where it has none."""
    logs = (context.trunk_log, first_log(context.trunk_log)) if context.trunk_log else ()
    tables = [pd.read_csv(path).to_dict("records") if path.is_file() else [] for path in logs]
    rows, first = tables or ([], [])
    return rows, first  # type: ignore[return-value]
