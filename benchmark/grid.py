"""An experiment's grid: every training of it, whether it is stored and scored, and how far it is."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pandas as pd

from benchmark import align_stn0, config, status, train
from benchmark.make import make_method
from benchmark.provenance import file_hash, says
from methods import stn0
from methods.interface import Method

STN0 = "stn0"
LOGS = Path("work/run_all")
STORED, SKIPPED, FAILED, NOT_REACHED = "stored", "skipped", "failed", "not reached"


@dataclass
class Training:
    """A run with a seed, or STN_0 where `run` is None; `state` is what this call made of it."""

    experiment: str
    run: config.Run | None
    seed: int
    provenance: Path
    state: str = NOT_REACHED

    @property
    def name(self) -> str:
        return self.run.name if self.run else STN0

    @property
    def log(self) -> Path:
        """What its stages print, where several trainings run at a time."""
        return LOGS / f"{self.experiment}-{self.name}-seed{self.seed}.log"

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed}"


def trainings_of(
    experiment: config.Experiment, only: list[str] | None = None, seed: int | None = None
) -> list[Training]:
    """Seed 0 of every run in the order of params.yaml, then seed 1, and so on; STN_0 before them if one needs it.

    only: these runs, among which may be STN_0 itself; seed: this one alone.
    """
    chosen = {name: experiment.run(name) for name in only or experiment.runs if name != STN0}
    runs = [chosen[name] for name in experiment.runs if name in chosen]
    pairs = [(run, number) for run in runs for number in run.seeds if seed in (None, number)]
    pairs.sort(key=itemgetter(1))
    found = [Training(experiment.name, run, number, run.provenance(number)) for run, number in pairs]
    # Every run is asked, so that wrong options are told before time is spent.
    if sum(needs_stn0(run) for run in runs) or STN0 in (only or []):
        return [Training(experiment.name, None, 0, experiment.stn0_provenance), *found]
    return found


def method_of(name: str, experiment: config.Experiment) -> Method:
    """The method of the run of that name, or STN_0."""
    return stn0.STN0(experiment.params["stn0"]) if name == STN0 else make_method(experiment.run(name))


def needs_stn0(run: config.Run) -> bool:
    return run.alignment(make_method(run).wants) == "stn0"


def unscored(trainings: list[Training]) -> list[Training]:
    """Those that metrics/ has no scores of, trained here or elsewhere; STN_0 where one of them needs it."""
    left = [t for t in trainings if t.run and not known(t.run, t.seed)]
    needed = any(needs_stn0(t.run) for t in left if t.run)
    return [t for t in trainings if (t in left if t.run else needed)]


def known(run: config.Run, seed: int) -> bool:
    """Whether the run's metrics are, among others, of this seed, trained as params.yaml says."""
    if not (run.metrics.is_file() and run.facts.is_file()):
        return False
    expected = train.expected(run, seed)
    return any(says(record, expected) for record in json.loads(run.facts.read_text())["training"])


def stored(training: Training, experiment: config.Experiment) -> bool:
    """Whether the training's weights are there."""
    run = training.run
    return train.stored(run, training.seed) if run else align_stn0.stored(experiment)


def work_of(training: Training, experiment: config.Experiment) -> Path:
    """The folder of the training's resume state. Its name takes reading all code and VGG's weights."""
    run = training.run
    return train.work_of(run, training.seed) if run else align_stn0.work_of(experiment)


def scored(run: config.Run) -> bool:
    """Whether the run's metrics are those that were made from the very weights that are stored now."""
    record = score_record(run)
    return run.metrics.is_file() and record.is_file() and json.loads(record.read_text()) == fingerprint(run)


def score_record(run: config.Run) -> Path:
    """Which weights gave which metrics, known in this folder alone: metrics say nothing of weights."""
    return LOGS / f"{run.experiment.name}-{run.name}.scored.json"


def fingerprint(run: config.Run) -> dict[str, str]:
    """SHA-256 of each file of all seeds' stored weights, and of those of the run's metrics."""
    stored = [run.weights(seed) for seed in run.seeds if train.stored(run, seed)]
    files = [path for folder in stored for path in folder.iterdir()] + [*run.metrics.parent.glob(f"{run.name}.*")]
    return {str(path): file_hash(path) for path in sorted(files)}


def error_file(training: Training, experiment: config.Experiment) -> Path:
    """Where the last error of a training is written; the file is removed where it is tried again."""
    return LOGS / f"{experiment.name}-{training.name}-seed{training.seed}.error"


def progress(trainings: list[Training], experiment: config.Experiment) -> pd.DataFrame:
    """Where each training stands, a row each; see benchmark.status."""
    rows = []
    for t in trainings:
        error = error_file(t, experiment)
        last = error.read_text() if error.is_file() else ""
        known = status.describe(stored(t, experiment), t.provenance, work_of(t, experiment))
        rows.append({"run": t.name, "seed": t.seed, **known, "last error": last})
    return pd.DataFrame(rows)


def table(trainings: list[Training]) -> pd.DataFrame:
    """What became of each training; seconds and images/s as its provenance states them."""
    rows = []
    for t in trainings:
        known = t.state in (STORED, SKIPPED) and t.provenance.is_file()
        facts = json.loads(t.provenance.read_text()) if known else {}
        speed = facts.get("images_per_second")
        rows.append((t.name, t.seed, t.state, facts.get("seconds", math.nan), math.nan if speed is None else speed))
    return pd.DataFrame(rows, columns=["run", "seed", "state", "seconds", "images/s"])
