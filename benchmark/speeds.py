"""How fast each network of an experiment trains on this machine, from a few updates of each phase, before any training.

Faces are noise, STN_0 and VGG-19 have random weights: speed depends on none of them. `python -m benchmark.costs` tells
from these speeds what the whole experiment would take.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmark import cli, config
from benchmark.alignment import oracle
from benchmark.grid import trainings_of
from benchmark.make import make_method
from benchmark.training import stage
from benchmark.training.course import machine
from benchmark.training.engine import Settings, train
from benchmark.training.fitting import choose_device
from benchmark.training.hardware import resolve
from datasets.face import BadInput
from datasets.noise import smooth_noise
from datasets.pairs import Pairs
from methods.interface import Context
from methods.trained import Phase, TrainedMethod

UPDATES = {"cpu": 2, "cuda": 50}  # of each of two epochs: the first warms up, the second is timed
LARGEST = {"cpu": 8, "cuda": 10_000}  # faces in a batch: more of them are no faster on a CPU


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    device = choose_device(arguments.device, experiment.threads)
    updates = UPDATES[device.type] if arguments.updates is None else arguments.updates
    if updates < 1:
        raise BadInput(f"--updates {updates}: give 1 or more")
    settings = Settings(step=arguments.step, precision=experiment.precision)
    found = {}
    runs = {training.name: training.run for training in trainings_of(experiment, arguments.only)}
    for name, run in tqdm(runs.items(), unit="run"):
        method = make_method(run)
        if isinstance(method, TrainedMethod):
            found[name] = measure(method, device, settings, updates)
            tqdm.write(f"{name}: " + ", ".join(f"{phase} {speed} images/s" for phase, speed in found[name].items()))
    print(f"{write(experiment, device, found, arguments.step)}: written")


def measure(method: TrainedMethod, device: torch.device, settings: Settings, updates: int) -> dict[str, float]:
    """Images a second of each phase of the method's training, by the engine's own clock."""
    build, largest = method.phases, LARGEST[device.type]
    size = min(largest, max(phase.batch_size for phase in build(Context(device))))

    def phases(context: Context) -> list[Phase]:
        return [shortened(phase, min(largest, phase.batch_size) * updates, largest) for phase in build(context)]

    method.phases = phases  # type: ignore[method-assign]
    method.to(device)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(device, workdir=Path(folder), log=Path(folder) / "log.csv", align=oracle)
        if device.type == "cpu":
            context.features = Path(folder) / "features"  # made in the first epoch and read in the second, as by train
        context.train = partial(train, settings=dataclasses.replace(settings, checkpoint_seconds=1e9))
        method.fit(smooth_noise(size * updates), context)
    return {row["phase"]: round(row["images_per_second"], 3) for row in context.course["epochs"]}


def shortened(phase: Phase, count: int, largest: int) -> Phase:
    """The phase on `count` faces, twice; none of them mirrored, so that all are known the second time."""

    def faces(pairs: Pairs) -> np.ndarray:
        return np.arange(len(pairs)) < count

    size = min(phase.batch_size, largest)
    return dataclasses.replace(phase, epochs=2, batch_size=size, faces=faces, flip=False, shared=None)


def write(experiment: config.Experiment, device: torch.device, found: dict[str, dict[str, float]], step: str) -> Path:
    """Put the speeds into results/EXPERIMENT/speeds/DEVICE.json; its path.

    Those of other runs stay there if they were measured by the same code and options in the same way.
    """
    facts = {**machine(device), "precision": resolve(experiment.precision, device)}
    name = facts["device"]
    if device.type == "cpu":
        name = f"{name}, {torch.backends.cpu.get_cpu_capability()}, {facts['threads']} thread(s)"
    facts |= {"device": f"{name}, {facts['precision']}", "step": step, "options": experiment.params["methods"]}
    file = re.sub(r"\W+", "-", facts["device"]).strip("-")
    target = experiment.results / "speeds" / f"{file}.json"
    known = json.loads(target.read_text()) if target.is_file() else {}
    same = all(known.get(key) == facts[key] for key in ("commit", "torch", "step", "options"))
    with cli.whole_file(target) as part:
        speeds = {**(known["images_per_second"] if same else {}), **found}
        part.write_text(json.dumps({**facts, "images_per_second": speeds}, indent=1) + "\n")
    return target


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("--only", nargs="+", metavar="RUN", help="these runs (default: all, and STN_0 as stn0)")
    options.add_argument("--updates", type=int, help="updates that are timed (default: 2 on a CPU, 50 on CUDA)")
    cli.add_device(options)
    stage.add_step(options)
    return options


if __name__ == "__main__":
    cli.run(main, parser())
