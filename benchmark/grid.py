"""An experiment's grid: every training of it, whether it is stored and scored, and how far it is."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pandas as pd

from benchmark import align_stn0, cli, config, status, train
from benchmark.make import aligner_of, make_method
from benchmark.provenance import file_hashes, says

LOGS = Path("work/run_all")
STORED, SKIPPED, FAILED, NOT_REACHED = "stored", "skipped", "failed", "not reached"


@dataclass
class Training:
    """A run, or an STN_0, with a seed; `state` is what this call made of it.

    aligner: name of the STN_0 that it needs. anew: whether to train it though it is stored, if that was not done here.
    """

    run: config.Run
    seed: int
    aligner: str | None = None
    anew: bool = False
    state: str = NOT_REACHED

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def scores(self) -> bool:
        """Whether it is of a run, which is scored."""
        return not isinstance(self.run, config.Aligner)

    @property
    def provenance(self) -> Path:
        return self.run.provenance(self.seed)

    @property
    def log(self) -> Path:
        """What its stages print, where several trainings run at a time."""
        return self._file("log")

    @property
    def error(self) -> Path:
        """Where its last error is written; the file is removed where it is tried again."""
        return self._file("error")

    def _file(self, kind: str) -> Path:
        return LOGS / f"{self.run.experiment.name}-{self.name}-seed{self.seed}.{kind}"

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed}"


def trainings_of(
    experiment: config.Experiment, only: list[str] | None = None, seed: int | None = None, anew: bool = False
) -> list[Training]:
    """Seed 0 of every run in the order of params.yaml, then seed 1, and so on; before them each STN_0 that one needs.

    only: these runs, among which may be an STN_0 itself; seed: this one alone; anew: of what is asked for.
    """
    chosen = {name: experiment.training(name) for name in only or experiment.runs}
    runs = [chosen[name] for name in experiment.runs if name in chosen]
    pairs = [(run, number) for run in runs for number in run.seeds if seed in (None, number)]
    pairs.sort(key=itemgetter(1))
    # Every run is made, whatever the seed, so that wrong options are told before time is spent.
    for run in runs:
        make_method(run)
    needs = {run.name: stn0.name if (stn0 := aligner_of(run)) else None for run in runs}
    found = [Training(run, number, needs[run.name], anew) for run, number in pairs]
    aligners = [experiment.aligner(name) for name in config.ALIGNERS if name in {*needs.values(), *chosen}]
    return [*(Training(it, 0, anew=anew and (not only or it.name in only)) for it in aligners), *found]


def unscored(trainings: list[Training]) -> list[Training]:
    """Those that metrics/ has no scores of, trained here or elsewhere, and each STN_0 that one of them needs."""
    left = [t for t in trainings if t.scores and not known(t.run, t.seed)]
    needed = {t.aligner for t in left}
    return [t for t in trainings if (t in left if t.scores else t.name in needed)]


def known(run: config.Run, seed: int) -> bool:
    """Whether the run's metrics are, among others, of this seed, trained as params.yaml says."""
    if not (run.metrics.is_file() and run.facts.is_file()):
        return False
    expected = train.expected(run, seed)
    return any(says(record, expected) for record in json.loads(run.facts.read_text())["training"])


def stored(training: Training) -> bool:
    """Whether the training's weights are there."""
    run = training.run
    return align_stn0.stored(run) if isinstance(run, config.Aligner) else train.stored(run, training.seed)


def work_of(training: Training) -> Path:
    """The folder of the training's resume state. Its name takes reading all code, and VGG's and STN_0's weights."""
    run = training.run
    return align_stn0.work_of(run) if isinstance(run, config.Aligner) else train.work_of(run, training.seed)


def scored(run: config.Run) -> bool:
    """Whether the run's metrics are those that were made from the very weights that are stored now."""
    record = score_record(run)
    if not (run.metrics.is_file() and record.is_file()):
        return False
    return json.loads(record.read_text()) == {**weights_hashes(run), **metrics_hashes(run)}


def record_scores(run: config.Run, weights: dict[str, str]) -> None:
    """Keep which weights, by their hashes, gave the run's metrics."""
    with cli.whole_file(score_record(run)) as part:
        part.write_text(json.dumps({**weights, **metrics_hashes(run)}, indent=1) + "\n")


def score_record(run: config.Run) -> Path:
    """Which weights gave which metrics, known in this folder alone: metrics say nothing of weights."""
    return LOGS / f"{run.experiment.name}-{run.name}.scored.json"


def weights_hashes(run: config.Run) -> dict[str, str]:
    """SHA-256 of each file of all seeds' stored weights, and of those of the STN_0 that they are behind, by path."""
    folders = [run.weights(seed) for seed in run.seeds if train.stored(run, seed)]
    if stn0 := aligner_of(run):
        folders.append(stn0.weights())
    return file_hashes(path for folder in folders for path in folder.glob("*"))


def metrics_hashes(run: config.Run) -> dict[str, str]:
    """SHA-256 of each file of the run's metrics, by path."""
    return file_hashes(run.metrics.parent.glob(f"{run.name}.*"))


def progress(trainings: list[Training]) -> pd.DataFrame:
    """Where each training stands, a row each; see benchmark.status."""
    rows = []
    for t in trainings:
        last = t.error.read_text() if t.error.is_file() else ""
        known = status.describe(stored(t), t.provenance, work_of(t))
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
