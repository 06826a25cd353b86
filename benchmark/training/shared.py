"""First phases that several runs have in common: trained once, taken over by the others.

An outcome lies under a hash of everything that decides it, so that taking it over changes no result, only the time.
On CUDA, where sums come out a little different each time, runs that share a phase go on from the very same weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from benchmark.training import parallel
from benchmark.training.checkpoint import Checkpoints
from methods.interface import Context, unaligned
from methods.trained import Phase

_LOGS = ("rows", "first")  # of Position
_SETTINGS = ("name", "epochs", "batch_size", "fresh", "flip", "shared")


def outcome(phase: Phase, rows: Tensor, context: Context, step: str) -> Checkpoints | None:
    """Where the outcome of a run's first phase belongs, before it is trained; None where it is the run's own.

    rows: the faces that the phase sees; step: how an update runs.
    """
    if phase.shared is None or context.shared is None or context.align is not unaligned:
        return None
    settings: dict[str, Any] = {name: getattr(phase, name) for name in _SETTINGS}
    settings["optimiser"] = dataclasses.asdict(phase.optimiser)
    settings["context"] = [context.seed, context.device.type, step]
    settings["machine"] = [torch.__version__, torch.get_num_threads(), parallel.world()]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for tensor in (rows, *phase.module.state_dict().values()):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return Checkpoints(context.shared / f"{phase.name}-{digest.hexdigest()[:16]}")


def recall(store: Checkpoints, phase: Phase, device: torch.device) -> dict[str, list[dict[str, Any]]] | None:
    """Load into the phase's module what it was once trained to; returns its rows of both logs, or None: not there."""
    state = store.load(device) if parallel.agree(store.last() is not None, device) else None
    if state is None:
        return None
    phase.module.load_state_dict(state["module"])
    parallel.say(f"phase {phase.name}: trained before by a run that shares it, taken from {store.folder}")
    return {name: state[name] for name in _LOGS}


def keep(store: Checkpoints, phase: Phase, logs: dict[str, list[dict[str, Any]]]) -> None:
    """Store what the phase's module was trained to, with its rows of both logs, for the runs that share it."""
    if not parallel.main():
        return
    store.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(store.folder / ".lock"):  # runs side by side may end the phase at the same moment
        if store.load(torch.device("cpu")) is None:  # none there, or a damaged one
            store.save({"module": phase.module.state_dict(), **logs})
