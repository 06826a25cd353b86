"""What has been measured: rows and summaries in metrics/ of every run of params.yaml, and the names that runs go by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import config
from benchmark.scoring import recognition
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.recognition import TRUTH
from benchmark.scoring.statistics import read_rows
from datasets.face import BadInput
from methods.interface import discover
from methods.trained import TrainedMethod

SYNTHETIC = {"synthetic"}  # corpora that a program draws
REFERENCE = Path(__file__).parents[1] / "reference" / "paper.csv"
COPIES = REFERENCE.with_name("copies.csv")


def drawn(experiment: config.Experiment) -> bool:
    """Whether all faces are drawn by a program: nothing measured on them tells of the paper's own faces."""
    return set(experiment.params["corpora"]) <= SYNTHETIC


def trained(experiment: config.Experiment) -> dict[str, str]:
    """The kind of each run that trains a network; the other runs draw nothing, so that their seeds are alike.

    Runs are of one kind, whose seeds are taken to differ alike, where they have one method and train with L_U both or
    neither. Images from elsewhere are a kind of their own, a trained one unless the run says `trained: false`.
    """
    methods = discover()
    found: dict[str, str] = {}
    for name in experiment.runs:
        run = experiment.run(name)
        if run.method == "images":
            if run.options.get("trained", True):
                found[name] = name
        elif issubclass(methods.get(run.method, TrainedMethod), TrainedMethod):  # a method from elsewhere: trained
            found[name] = run.method if run.options.get("adversarial", True) else f"{run.method} without L_U"
    return found


def fronts(run: config.Run, seeds: Iterable[int]) -> list[str | None]:
    """What tells the first phase of each training of a run from any other: trainings that share it have it alike.

    It is that phase's part of log.csv, whose losses no two trainings of it have in common unless they went the same
    way from the same weights; None without a log.
    """
    found: list[str | None] = []
    for path in map(run.log, seeds):
        rows = pd.read_csv(path, dtype=str) if path.is_file() else pd.DataFrame()
        first = rows[rows["phase"] == rows["phase"].iloc[0]].dropna(axis=1) if len(rows) else rows
        found.append(first.to_csv(index=False) if len(rows) else None)
    return found


def measured(experiment: config.Experiment) -> dict[str, dict[str, Any]]:
    """Means, intervals and facts of every run of params.yaml that has been evaluated: metrics/RUN.json and .facts.json.

    BadInput where one of the two is missing.
    """
    runs = {name: experiment.run(name) for name in experiment.runs}
    files = {name: (_beside(run.facts, name), run.metrics) for name, run in runs.items() if run.metrics.exists()}
    return {name: _read(facts) | _read(means) for name, (facts, means) in files.items()}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _beside(path: Path, run: str) -> Path:
    """The path of a file that must stand beside metrics/RUN.json."""
    if not path.exists():
        command = f"python -m benchmark.evaluate --experiment {path.parts[1]} --run {run}"
        raise BadInput(f"{path}: missing beside the .json; run `{command}`")
    return path


def rows(experiment: config.Experiment) -> dict[str, pd.DataFrame]:
    """metrics/RUN.csv of the same runs: a row a face and seed. BadInput where two runs are of different faces."""
    tables = {}
    for name in measured(experiment):
        path = _beside(experiment.run(name).metrics.with_suffix(".csv"), name)
        tables[name] = read_rows(path)
    faces = {name: set(table["name"]) for name, table in tables.items()}
    for name in faces:
        first = next(iter(faces))
        if faces[name] != faces[first]:
            raise BadInput(
                f"{experiment.results}/metrics: {first}.csv has {len(faces[first])} faces and {name}.csv other ones "
                f"({len(faces[name])}); run `dvc repro` to evaluate both on the same test set"
            )
    return tables


def people(experiment: config.Experiment) -> pd.Series:
    """Whose face each test face is, by its name, from the first run that is measured; empty where none is."""
    tables = (experiment.run(name).metrics.with_suffix(".csv") for name in experiment.runs)
    for path in filter(Path.is_file, tables):
        return read_rows(path).drop_duplicates("name").set_index("name")["person"]
    return pd.Series(dtype=str)


def recognised(experiment: config.Experiment) -> dict[str, pd.DataFrame]:
    """recognition/faces.csv by run, a row a face and seed; {} where stage `recognise` has not run.

    Of TRUTH, the HR faces themselves, and of every run of params.yaml that was looked at.
    """
    path = experiment.results / "recognition" / "faces.csv"
    if not path.is_file():
        return {}
    table = recognition.read_rows(path)
    found = dict(list(table.groupby("run", sort=False)))
    return {str(run): part for run, part in found.items() if run == TRUTH or run in experiment.runs}


def of_measure(experiment: config.Experiment, measure: str) -> dict[str, pd.DataFrame]:
    """The tables of `rows` or `recognised` that hold `measure`, by run."""
    return rows(experiment) if measure in COLUMNS else recognised(experiment)


def scores(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One run's `measure`: a row a face in order of its name, a column a seed. BadInput where a seed lacks a face."""
    grid = table.pivot(index="name", columns="seed", values=measure)
    if grid.isna().to_numpy().any():
        raise BadInput(f"metrics: not every seed has a {measure} for every face; run `dvc repro` to evaluate again")
    return grid


def by_face(tables: dict[str, pd.DataFrame], measure: str) -> pd.DataFrame:
    """`measure` averaged over seeds: a row a face in order of its name, a column a run."""
    return pd.DataFrame({run: scores(table, measure).mean(axis=1) for run, table in tables.items()})


def copies() -> set[str]:
    """Names of test faces that are known to be copies of training faces, in the corpora that have been looked at."""
    return set(pd.read_csv(COPIES)["test"])


def paper() -> pd.DataFrame:
    """The paper's PSNR and SSIM, a row a run; a run of several tables has the same numbers in each."""
    return pd.read_csv(REFERENCE).drop_duplicates("run").set_index("run")


def labels(experiment: config.Experiment) -> dict[str, str]:
    """How tables and figures call each run: as the paper's first table that has it, else by its own name."""
    known = paper_labels()
    return {run: known.get(run, run) for run in experiment.runs}


def paper_labels() -> dict[str, str]:
    """The names of the paper's columns by run."""
    return {str(run): str(label) for run, label in paper()["label"].items()}


def ordered_bins(bins: pd.Series) -> list[str]:
    """Yaw bins from frontal to profile."""
    return sorted(bins.unique(), key=lambda text: int(text.split("-")[0]))


def parameters(experiment: config.Experiment) -> dict[str, float]:
    """Learnt values of each measured run, the same for all its seeds; NaN where the images came without weights."""
    known = measured(experiment)
    counts = {
        run: [record["parameters"] for record in facts["training"] if facts["method"] != "images"]
        for run, facts in known.items()
    }
    return {run: float(found[0]) if found else float("nan") for run, found in counts.items()}


def logs(experiment: config.Experiment) -> dict[str, dict[int, pd.DataFrame]]:
    """log.csv by seed of every measured run that has any, of the seeds that were scored: others may be at work."""
    found = {}
    for name, known in measured(experiment).items():
        paths = {seed: experiment.run(name).log(seed) for seed in known["scored_seeds"]}
        tables = {seed: pd.read_csv(path) for seed, path in paths.items() if path.is_file()}
        if tables:
            found[name] = tables
    return found


def validation(experiment: config.Experiment) -> dict[str, dict[int, np.ndarray]]:
    """By run and seed: the PSNR on the validation fold, dB, an epoch each, that its log has."""
    return {
        run: {seed: table["val_psnr"].dropna().to_numpy() for seed, table in tables.items()}
        for run, tables in logs(experiment).items()
        if all("val_psnr" in table for table in tables.values())
    }


def epochs(experiment: config.Experiment) -> dict[str, int]:
    """Passes over the training faces, all phases together, of each measured run that trains a network, by its log."""
    ours = {run for run in trained(experiment) if experiment.run(run).method != "images"}
    return {run: len(next(iter(tables.values()))) for run, tables in logs(experiment).items() if run in ours}
