"""What an experiment would cost on GPUs, from the speed at which its networks were trained before."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict

import pandas as pd
import torch

from benchmark import config
from benchmark.grid import Training, needs_stn0, trainings_of
from benchmark.make import make_method
from benchmark.reporting import costs
from methods.interface import Context, TrainedMethod
from methods.stn0 import STN0

GPUS = (1, 8, 64)
FACES = {"30,000, as in the paper": 30_000, "202,599, CelebA whole": 202_599}

HEAD = (
    "## Estimate for `{}`\n\nEpochs times faces over the measured images a second of networks of the same size (of "
    "their last phase, with the batch of that experiment); trainings in the order of `run_all`, STN_0 before those "
    "that need it. The critical path is the time on as many devices as there are trainings."
)


def markdown(experiments: list[config.Experiment], target: config.Experiment) -> str:
    """The estimate for `target`, from what `experiments` know: a row a device and number of faces."""
    if not (found := speeds(experiments, target)):
        return f"{HEAD.format(target.name)}\n\nNo network of its size has been trained yet."
    trainings = trainings_of(target)
    first = [t for t in trainings if t.seed == 0]  # making a network takes seconds
    needing = {t.name for t in first if t.run and needs_stn0(t.run)}
    waiting = {str(t) for t in trainings if t.name in needing}
    by_name = {t.name: epochs(t, target) for t in first}
    rounds = {str(t): by_name[t.name] for t in trainings}
    networks = {t.name for t in trainings if rounds[str(t)]}
    rows, lines = [], []
    for device, speed in found.items():
        if unknown := sorted(networks - speed.keys()):
            lines.append(f"On {device} too few networks were trained in full size: {', '.join(unknown)} are missing.")
            continue
        for label, faces in FACES.items():
            seen = training_faces(target, faces)
            hours = {str(t): rounds[str(t)] * seen / speed.get(t.name, math.inf) / 3600 for t in trainings}
            walls = {f"hours on {n}": wall(hours, waiting, n) for n in GPUS}
            walls["critical path, hours"] = wall(hours, waiting, len(hours))
            rows.append({"faces": label, "device": device, "device hours": sum(hours.values()), **walls})
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".1f") if rows else ""
    return "\n\n".join(part for part in (HEAD.format(target.name), table, *lines) if part)


def speeds(experiments: list[config.Experiment], target: config.Experiment) -> dict[str, dict[str, float]]:
    """Images a second by device and run, of the experiments whose networks are those of `target`."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for experiment in experiments:
        if experiment.params["methods"] != target.params["methods"]:
            continue
        known = costs.numbers(experiment).dropna(subset=["images/s", "device"])
        for row in known.to_dict("records"):
            found[row["device"]][row["run"]] = row["images/s"]
    return dict(found)


def epochs(training: Training, experiment: config.Experiment) -> int:
    """Epochs of all phases; 0 for what is fitted in one go."""
    run = training.run
    method = make_method(run) if run else STN0(experiment.params["stn0"])
    if not isinstance(method, TrainedMethod):
        return 0
    return sum(phase.epochs for phase in method.phases(Context(torch.device("cpu"))))


def training_faces(experiment: config.Experiment, faces: int) -> float:
    """How many of an experiment's faces are trained on."""
    fractions = experiment.params["prepare"]
    return faces * (1 - fractions["test_fraction"]) * (1 - fractions["validation_fraction"])


def wall(hours: dict[str, float], waiting: set[str], devices: int) -> float:
    """Hours until the last training has ended on so many devices, one a device; those of `waiting` need STN_0."""
    stn0 = hours.get("stn0 seed 0", 0.0)
    ready = {name: stn0 if name in waiting else 0.0 for name in hours}
    free = [0.0] * devices
    last = 0.0
    for name in sorted(ready, key=ready.__getitem__):
        end = max(heapq.heappop(free), ready[name]) + hours[name]
        heapq.heappush(free, end)
        last = max(last, end)
    return last
