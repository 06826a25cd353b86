"""What results cost: a table of trainings and inference, and a plot of quality against time, from provenance/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark import cli, config
from benchmark.provenance import hours
from benchmark.reporting import measurements, tables
from benchmark.reporting.plots import finish, panels

KEPT = "costs.csv"
INDEX = ["run", "seed"]
DIGITS = {"parameters": 0, "training, s": 0, "images/s": 1, "threads": 0, "inference, ms a face": 2}


def numbers(experiment: config.Experiment) -> pd.DataFrame:
    """A row a run and seed with what is known of it, STN_0 first; NaN and None where nothing is.

    That is what provenance/ tells, and where it tells nothing, as in a clone of times that are of another machine,
    what KEPT has.
    """
    found, kept = _told(experiment), experiment.results / KEPT
    if kept.is_file():
        before = pd.read_csv(kept, index_col=INDEX, dtype={"run": str})
        found = found.fillna(before.reindex(pd.MultiIndex.from_frame(found[INDEX])).reset_index())
    return found.astype({"threads": "Int64"})  # a whole number, in a clone as where it was measured


def _told(experiment: config.Experiment) -> pd.DataFrame:
    """What provenance/ tells."""
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


def keep(experiment: config.Experiment) -> None:
    """Write KEPT."""
    with cli.whole_file(experiment.results / KEPT) as part:
        numbers(experiment).to_csv(part, index=False)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _training(path: Path) -> dict[str, Any]:
    """The columns that a seed's provenance fills."""
    known = _read(path)
    found = {"training, s": known.get("seconds"), "images/s": known.get("images_per_second")}
    return found | {key: known.get(key) for key in ("device", "threads", "precision", "note")}


def spent(experiment: config.Experiment, trainings: pd.DataFrame) -> dict[int, float]:
    """Hours by seed of all `trainings`, of `numbers`."""
    runs: dict[int, list[config.Run]] = {}
    for name, seed in trainings[["run", "seed"]].itertuples(index=False):
        runs.setdefault(seed, []).append(experiment.training(name))
    return {seed: hours(_read(run.provenance(seed)) for run in runs[seed]) for seed in sorted(runs)}


def inference(run: config.Run) -> float:
    """Seconds a face, in batches, with the copies to and from the device; NaN where not measured here."""
    return float(_read(run.predict_provenance).get("seconds_a_face", np.nan))


def markdown(experiment: config.Experiment) -> str:
    """The table as text, a dash where a number is missing; below it the remarks of provenance/ and their runs."""
    found, names = numbers(experiment), measurements.labels(experiment)
    times = ", ".join(f"{time:.2f} for seed {seed}" for seed, time in spent(experiment, found).items())
    found["run"] = [names.get(run, run) for run in found["run"]]
    remarks = found.groupby("note", sort=False)["run"].unique()
    found = found.drop(columns="note")
    text = found.astype(object).where(found.notna(), tables.DASH)
    for column, digits in DIGITS.items():
        text[column] = [tables.number(value, digits) for value in found[column].astype(float)]
    below = [f"Hours of training in all, what runs share counted once: {times}."]
    below += [f"{', '.join(runs)}: {remark}." for remark, runs in remarks.items()]
    return "\n\n".join([text.to_markdown(index=False, disable_numparse=True), *below])


def quality_and_time(experiment: config.Experiment) -> plt.Figure:
    """Mean PSNR against seconds a face of inference, and against seconds of training; a row a table of the paper."""
    summaries, times = measurements.measured(experiment), _times(experiment)
    shown = panels(summaries)
    size = (12, 3 * len(shown) + 0.6)
    figure, grid = plt.subplots(len(shown), 2, figsize=size, sharex="col", sharey="row", squeeze=False)
    for axes, (title, looks) in zip(grid, shown.items(), strict=True):
        for axis, seconds in zip(axes, times.values(), strict=True):
            for name, look in looks.items():
                if seconds.get(name, 0) > 0:
                    axis.plot(seconds[name], summaries[name]["psnr"], ls="", ms=6, **look)
            axis.set(xscale="log", title=title)
            axis.grid(alpha=0.3)
        axes[0].set(ylabel="PSNR, dB")
        drawn = {line.get_label(): line for axis in axes for line in axis.lines}  # a run may be in one plot alone
        axes[1].legend(
            drawn.values(), drawn.keys(), fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False
        )
    for axis, title in zip(grid[-1], times, strict=True):
        axis.set(xlabel=title)
    return finish(figure)


def _times(experiment: config.Experiment) -> dict[str, dict[str, float]]:
    """Seconds by run of inference a face, and of training, of which the mean over seeds; by what they are."""
    found = numbers(experiment)
    trained = found[found["parameters"] > 0]  # what learns nothing is not trained
    training = trained.groupby("run")["training, s"].mean()
    milliseconds = found.groupby("run")["inference, ms a face"].first()
    devices = " and ".join(sorted(trained["device"].dropna().unique()))
    return {
        "inference, s a face": {str(run): float(value) / 1000 for run, value in milliseconds.items()},
        f"training, s ({devices})": {str(run): float(value) for run, value in training.items()},
    }
