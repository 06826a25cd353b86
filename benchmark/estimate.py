"""What an experiment would cost, from the speeds at which its networks train: results/EXPERIMENT/speeds."""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from benchmark import config
from benchmark.grid import Training, trainings_of
from benchmark.make import make_method
from benchmark.reporting.tables import DASH
from methods.interface import Context
from methods.trained import TrainedMethod

DEVICES = (1, 8, 64)
FACES = {"30,000, as in the paper": 30_000, "202,599, CelebA whole": 202_599}

HEAD = (
    "## Estimate for `{}`\n\nEach phase's epochs times all training faces over the images a second that it was "
    "measured at, whole networks on a few batches (`python -m benchmark.speeds`); trainings in the order of "
    "`run_all`, STN_0 before those that need it. Training alone: not the faces' preparation, nor scoring. TDAE, which "
    "trains on near-frontal faces, is counted as if it saw all. The critical path is the time on as many devices as "
    "there are trainings."
)
SPEEDS = "Images a second, as measured"
NONE = "No device's speed has been measured yet."


@dataclass(frozen=True)
class Speeds:
    """Images a second that a device trains at, by run and phase. how: of which code, and by which kind of step."""

    device: str
    runs: dict[str, dict[str, float]]
    how: str = ""


def speeds(experiment: config.Experiment) -> list[Speeds]:
    """What benchmark.speeds measured, a device each."""
    found = []
    for path in sorted((experiment.results / "speeds").glob("*.json")):
        known = json.loads(path.read_text())
        how = f"{known['device']}: step {known['step']}, commit {str(known['commit'])[:7]}"
        found.append(Speeds(known["device"], known["images_per_second"], how))
    return found


def markdown(target: config.Experiment) -> str:
    """The estimate for `target`, a row a device and number of faces, and the speeds below that it was made from."""
    if not (found := speeds(target)):
        return f"{HEAD.format(target.name)}\n\n{NONE}"
    trainings = trainings_of(target)
    first = [t for t in trainings if t.seed == 0]  # making a network takes seconds
    aligners = {t.name: t.aligner for t in first}
    waiting = {str(t): f"{aligners[t.name]} seed 0" for t in trainings if aligners[t.name]}
    phases = {t.name: epochs(t) for t in first}
    rows, lines = [], []
    for device in found:
        if unknown := sorted(name for name, rounds in phases.items() if rounds.keys() - device.runs.get(name, {})):
            lines.append(f"On {device.device} without {', '.join(unknown)}, of which no speed has been measured there.")
        counted = [t for t in trainings if t.name not in unknown]
        for label, faces in FACES.items():
            seen = training_faces(target, faces)
            hours = {str(t): seconds(phases[t.name], device.runs.get(t.name, {}), seen) / 3600 for t in counted}
            walls = {f"hours on {n}": wall(hours, waiting, n) for n in DEVICES}
            walls["critical path, hours"] = wall(hours, waiting, len(hours))
            rows.append({"faces": label, "device": device.device, "device hours": sum(hours.values()), **walls})
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=",.1f") if rows else ""
    said = f"{SPEEDS} ({'; '.join(device.how for device in found)}):"
    known = by_run(found).astype(object)
    measured = known.where(known.notna(), DASH).to_markdown(index=False, floatfmt=",.1f")
    return "\n\n".join(part for part in (HEAD.format(target.name), table, *lines, said, measured) if part)


def by_run(found: Sequence[Speeds]) -> pd.DataFrame:
    """The speeds, a row a run and phase, a column a device; NaN where one has not been measured."""
    columns = {
        device.device: pd.Series({(run, phase): v for run, of in device.runs.items() for phase, v in of.items()})
        for device in found
    }
    return pd.concat(columns, axis=1).rename_axis(["run", "phase"]).reset_index()


def seconds(epochs: dict[str, int], speed: dict[str, float], faces: float) -> float:
    """How long a training takes whose phases have so many epochs of `faces` faces."""
    return sum(count * faces / speed[phase] for phase, count in epochs.items())


def epochs(training: Training) -> dict[str, int]:
    """Epochs of each phase; none of what is fitted in one go."""
    method = make_method(training.run)
    if not isinstance(method, TrainedMethod):
        return {}
    return {phase.name: phase.epochs for phase in method.phases(Context(torch.device("cpu")))}


def training_faces(experiment: config.Experiment, faces: int) -> float:
    """How many of an experiment's faces are trained on."""
    fractions = experiment.params["prepare"]
    return faces * (1 - fractions["test_fraction"]) * (1 - fractions["validation_fraction"])


def wall(hours: dict[str, float], waiting: dict[str, str], devices: int) -> float:
    """Hours until the last training has ended on so many devices, one a device.

    waiting: the STN_0 that a training needs, for which none waits where its hours are not known.
    """
    ready = {name: hours.get(waiting.get(name, ""), 0.0) for name in hours}
    free = [0.0] * devices
    last = 0.0
    for name in sorted(ready, key=ready.__getitem__):
        end = max(heapq.heappop(free), ready[name]) + hours[name]
        heapq.heappush(free, end)
        last = max(last, end)
    return last
