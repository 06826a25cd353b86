"""What results cost: a table of trainings and inference, and a plot of quality against time, from provenance/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark import config
from benchmark.reporting import measurements, tables
from benchmark.reporting.plots import finish, styles

DIGITS = {"parameters": 0, "training, s": 0, "images/s": 1, "threads": 0, "inference, ms a face": 2}


def numbers(experiment: config.Experiment) -> pd.DataFrame:
    """A row a run and seed with what provenance/ tells of it, STN_0 first; NaN and None where it tells nothing."""
    sizes, rows = measurements.parameters(experiment), []
    aligners = [(aligner.name, aligner.provenance()) for aligner in experiment.aligners]
    rows += [{"run": name, "seed": 0, **_training(path)} for name, path in aligners if path.is_file()]
    for name, known in measurements.measured(experiment).items():
        run = experiment.run(name)
        shared = {"parameters": sizes[name], "inference, ms a face": 1000 * inference(run)}
        seeds = [record["seed"] for record in known["training"]]
        rows += [{"run": name, "seed": seed, **_training(run.provenance(seed)), **shared} for seed in seeds]
    columns = ["run", "seed", "parameters", "training, s", "images/s", "device", "threads", "precision"]
    return pd.DataFrame(rows, columns=[*columns, "inference, ms a face", "note"])


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _training(path: Path) -> dict[str, Any]:
    """The columns that a seed's provenance fills."""
    known = _read(path)
    found = {"training, s": known.get("seconds"), "images/s": known.get("images_per_second")}
    return found | {key: known.get(key) for key in ("device", "threads", "precision", "note")}


def hours(experiment: config.Experiment, trainings: pd.DataFrame) -> dict[int, float]:
    """Hours by seed of all `trainings`, of `numbers`. Phases of the very same times are one, which runs shared."""
    phases: dict[int, set[tuple[str, tuple[float, ...]]]] = {}
    for run, seed in trainings[["run", "seed"]].itertuples(index=False):
        known = _read(experiment.training(run).provenance(seed))
        found = {(name, tuple(times)) for name, times in known.get("epochs", {}).items()}
        phases.setdefault(seed, set()).update(found)
    return {seed: sum(sum(times) for _, times in found) / 3600 for seed, found in phases.items()}


def inference(run: config.Run) -> float:
    """Seconds a face, in batches, with the copies to and from the device; NaN where not measured here."""
    return float(_read(run.predict_provenance).get("seconds_a_face", np.nan))


def markdown(experiment: config.Experiment) -> str:
    """The table as text, a dash where a number is missing; below it the remarks of provenance/ and their runs."""
    found, names = numbers(experiment), measurements.labels(experiment)
    spent = ", ".join(f"{time:.2f} for seed {seed}" for seed, time in sorted(hours(experiment, found).items()))
    found["run"] = [names.get(run, run) for run in found["run"]]
    remarks = found.groupby("note", sort=False)["run"].unique()
    found = found.drop(columns="note")
    text = found.astype(object).where(found.notna(), tables.DASH)
    for column, digits in DIGITS.items():
        text[column] = [tables.number(value, digits) for value in found[column].astype(float)]
    below = [f"Hours of training in all, what runs share counted once: {spent}."]
    below += [f"{', '.join(runs)}: {remark}." for remark, runs in remarks.items()]
    return "\n\n".join([text.to_markdown(index=False, disable_numparse=True), *below])


def quality_and_time(experiment: config.Experiment) -> plt.Figure:
    """Mean PSNR against seconds a face of inference, and against seconds of training."""
    style, summaries = styles(experiment), measurements.measured(experiment)
    found = numbers(experiment)
    found = found[found["parameters"] > 0]  # what learns nothing is not trained
    training = found.groupby("run")["training, s"].mean()
    devices = " and ".join(sorted(found["device"].dropna().unique()))
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    seconds = {
        "inference, s a face": {name: inference(experiment.run(name)) for name in summaries},
        f"training, s ({devices})": {name: float(training.get(name, np.nan)) for name in summaries},
    }
    for axis, (title, times) in zip(axes, seconds.items(), strict=True):
        for name, value in times.items():
            if np.isfinite(value) and value > 0:
                axis.plot(value, summaries[name]["psnr"], ls="", ms=6, **style[name])
        axis.set(xlabel=title, xscale="log")
        axis.grid(alpha=0.3)
    axes[0].set(ylabel="PSNR, dB")
    drawn = {line.get_label(): line for axis in axes for line in axis.lines}  # a run may be in one plot alone
    axes[1].legend(drawn.values(), drawn.keys(), fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return finish(figure)
