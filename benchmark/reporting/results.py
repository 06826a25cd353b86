"""The results of an experiment: what its runs have in metrics/, logs/ and recognition/, each file read once."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import config
from benchmark.reference import label_of
from benchmark.runs.make import alignment_of, options_of
from benchmark.runs.provenance import data_hash
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.recognition import TRUTH
from benchmark.scoring.statistics import read_rows
from datasets.face import BadInput
from methods.interface import discover
from methods.trained import TrainedMethod

SYNTHETIC = {"synthetic"}  # corpora that a program draws
OURS = "ours"  # the run of the paper's own method
ERRORS = ("rotation_degrees", "shift_percent", "scale_percent", "peak_px")  # of estimates, columns of metrics/RUN.csv
OF_FACES = ("person", "yaw_bin", "black")


@dataclass(frozen=True)
class Results:
    """What has been measured in an experiment, of the runs of params.yaml alone and in their order."""

    experiment: config.Experiment

    @cached_property
    def summaries(self) -> dict[str, dict[str, Any]]:
        """Means, intervals and facts of every evaluated run: metrics/RUN.json and RUN.facts.json.

        Raises:
            BadInput: if one of the two files is missing.
        """
        runs = [run for run in map(self.experiment.run, self.experiment.runs) if run.metrics.exists()]
        return {
            run.name: json.loads(_required(run.facts, run).read_text()) | json.loads(run.metrics.read_text())
            for run in runs
        }

    @cached_property
    def rows(self) -> dict[str, pd.DataFrame]:
        """Scores of every evaluated run, a row a face and seed: metrics/RUN.csv.

        Raises:
            BadInput: if a file is missing, or two runs were scored on different faces.
        """
        runs = map(self.experiment.run, self.summaries)
        tables = {run.name: read_rows(_required(run.metrics.with_suffix(".csv"), run)) for run in runs}
        faces = {name: set(table["name"]) for name, table in tables.items()}
        first = next(iter(faces), "")
        for name in faces:
            if faces[name] != faces[first]:
                raise BadInput(
                    f"{self.experiment.results}/metrics: {first}.csv has {len(faces[first])} faces and {name}.csv "
                    f"other ones ({len(faces[name])}); run `dvc repro` to evaluate both on the same test set"
                )
        return tables

    @cached_property
    def recognised(self) -> dict[str, pd.DataFrame]:
        """recognition/faces.csv by run, a row a face and seed, of TRUTH (the HR faces) too; {} without the file."""
        path = self.experiment.results / "recognition" / "faces.csv"
        if not path.is_file():
            return {}
        by_run = read_rows(path).groupby("run", sort=False)
        return {str(run): part for run, part in by_run if run == TRUTH or run in self.experiment.runs}

    def tables(self, measure: str) -> dict[str, pd.DataFrame]:
        """The tables of `rows` or `recognised` that hold `measure`, by run, without seeds that lack it altogether."""
        tables = self.rows if measure in (*COLUMNS, *ERRORS) else self.recognised
        holding = {run: table for run, table in tables.items() if measure in table and table[measure].notna().any()}
        return {run: t[t.groupby("seed")[measure].transform("count") > 0] for run, t in holding.items()}

    @cached_property
    def faces(self) -> pd.DataFrame:
        """Identity, yaw bin and black border (%) of each test face, by its name; empty if no run is evaluated."""
        if not self.rows:
            return pd.DataFrame(columns=list(OF_FACES))
        return next(iter(self.rows.values())).drop_duplicates("name").set_index("name")[list(OF_FACES)]

    @cached_property
    def logs(self) -> dict[str, dict[int, pd.DataFrame]]:
        """log.csv by seed of every evaluated run that has one, of its scored seeds: others may still be training."""
        by_run = {}
        for name, summary in self.summaries.items():
            paths = {seed: self.experiment.run(name).log(seed) for seed in summary["scored_seeds"]}
            by_run[name] = {seed: pd.read_csv(path) for seed, path in paths.items() if path.is_file()}
        return {name: logs for name, logs in by_run.items() if logs}

    @cached_property
    def claims(self) -> dict[str, dict[str, Any]]:
        """The judged claims by id, as the report wrote them into claims.json.

        Raises:
            BadInput: if the experiment has no report yet.
        """
        path = self.experiment.results / "claims.json"
        if not path.exists():
            raise BadInput(
                f"{path}: missing; run `python -m benchmark report --experiment {self.experiment.name}` first"
            )
        return {claim["id"]: claim for claim in json.loads(path.read_text())["claims"]}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each run that trains a network; the other runs have no randomness, so that seeds are alike.

        Runs of one kind share the variance between seeds if a test allows it: those of one method and recipe, all with
        L_U or all without. Images from elsewhere are a kind of their own, a trained one unless the run says
        `trained: false`.
        """
        kinds, usual = {}, self.experiment.training.recipe
        for run in map(self.experiment.run, self.experiment.runs):
            if run.external:
                if run.options.get("trained", True):
                    kinds[run.name] = run.name
            elif issubclass(discover().get(run.method, TrainedMethod), TrainedMethod):
                recipe = run.options.get("recipe", usual)
                without = "" if run.options.get("adversarial", True) else " without L_U"
                kinds[run.name] = run.method + without + ("" if recipe == usual else f", recipe {recipe}")
        return kinds

    @cached_property
    def trunks(self) -> dict[str, dict[int, Hashable | None]]:
        """What identifies the pretrained trunk of each training, by run and seed; None where it has none."""
        return {
            name: {r["seed"]: (r["trunk"], r["seed"]) if r.get("trunk") else None for r in summary["training"]}
            for name, summary in self.summaries.items()
        }

    @cached_property
    def epochs(self) -> dict[str, int]:
        """Epochs of each evaluated run that trains a network, all phases together, from its log."""
        ours = {run for run in self.kinds if not self.experiment.run(run).external}
        return {run: len(next(iter(logs.values()))) for run, logs in self.logs.items() if run in ours}

    @cached_property
    def parameters(self) -> dict[str, float]:
        """Number of learnt values of each evaluated run; NaN if its images came without weights."""
        numbers = {}
        for run, summary in self.summaries.items():
            records = [] if summary["method"] == config.EXTERNAL else summary["training"]
            numbers[run] = float(records[0]["parameters"]) if records else np.nan
        return numbers

    @cached_property
    def synthetic(self) -> bool:
        """Whether a program draws all faces: then no score says anything about the paper."""
        return set(self.experiment.corpora) <= SYNTHETIC

    @cached_property
    def title(self) -> str:
        """The experiment, and width and epochs of OURS if that is evaluated: what every figure says."""
        summary = self.summaries.get(OURS, {})
        width = next((record.get("options", {}).get("width") for record in summary.get("training", [])), None)
        budget = [f"width {width}"] if width is not None else []
        budget += [f"{self.epochs[OURS]} epochs"] if OURS in self.epochs else []
        return f"Experiment {self.experiment.name}" + (f"; {label_of(OURS)}: {', '.join(budget)}" if budget else "")


def _required(path: Path, run: config.Run) -> Path:
    """A file that must lie next to metrics/RUN.json."""
    if not path.exists():
        command = f"python -m benchmark evaluate --experiment {run.experiment.name} --run '{run.name}'"
        raise BadInput(f"{path}: missing next to the .json; run `{command}`")
    return path


def seed_grid(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One run's `measure`: a row a face, sorted by name, a column a seed.

    Raises:
        BadInput: if a seed lacks a face.
    """
    grid = table.pivot(index="name", columns="seed", values=measure)
    if grid.isna().to_numpy().any():
        raise BadInput(f"metrics: not every seed has a {measure} for every face; run `dvc repro` to evaluate again")
    return grid


def by_face(tables: Mapping[str, pd.DataFrame], measure: str) -> pd.DataFrame:
    """`measure` averaged over seeds: a row a face, sorted by name, a column a run."""
    return pd.DataFrame({run: seed_grid(table, measure).mean(axis=1) for run, table in tables.items()})


def outdated(results: Results) -> dict[str, list[str]]:
    """Runs whose scores were made with other options or faces than today's, and what differs: "width 32, now 16"."""
    data, differing = data_hash(results.experiment.data), {}
    for name, summary in results.summaries.items():
        run = results.experiment.run(name)
        now = {"align": alignment_of(run)} | options_of(run).model_dump(mode="json")
        records = [{"align": record.get("align")} | record.get("options", {}) for record in summary["training"]]
        lines = [
            f"{key} {old.get(key)}, now {new}" for old in records for key, new in now.items() if old.get(key) != new
        ]
        lines += [f"other faces than those in {results.experiment.data}"] if data not in (None, summary["data"]) else []
        differing[name] = list(dict.fromkeys(lines))
    return {name: lines for name, lines in differing.items() if lines}
