"""What results cost: a table of trainings and inference, a plot of quality against time, and an estimate.

Times come from provenance/, and from costs.csv where they are another machine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from benchmark import cli, config
from benchmark.reference import label_of
from benchmark.reporting import figures, paper_tables, tables
from benchmark.reporting.results import Results
from benchmark.runs.make import make_method
from benchmark.runs.provenance import read_json
from methods.interface import Context
from methods.trained import TrainedMethod

KEPT, PLOT = "costs.csv", "time.png"
INDEX = ["run", "seed"]
DIGITS = {"parameters": 0, "training, s": 0, "images/s": 1, "threads": 0, "inference, ms a face": 2}
HEAD = (
    "# Costs\n\nTraining time is wall-clock time over all epochs, pauses included; a shared phase counts for every run "
    "that uses it. Images per second: median over the epochs of the last phase. Inference is timed in batches, with "
    "copies to and from the device; on a CPU it is CPU time summed over threads, which other load does not lengthen."
)
ESTIMATED = (
    "Time = training faces x epochs / images per second as measured on `{source}`, for each run timed there. "
    "{faces:,} of {all:,} faces are for training. Runs with several phases use the speed of the last, usually the "
    "slowest."
)


def numbers(results: Results) -> pd.DataFrame:
    """A row a run and seed with what is known of its cost, STN_0 and trunks first; NaN and None for what is not."""
    rows = []
    for run in map(results.experiment.run, [*results.experiment.pretrained, *results.summaries]):
        scored = [record["seed"] for record in results.summaries.get(run.name, {}).get("training", [])]
        time = 1000 * float(read_json(run.predict_provenance).get("seconds_a_face", np.nan))
        for seed in scored or [seed for seed in run.seeds if run.pretrained and run.provenance(seed).is_file()]:
            made = read_json(run.provenance(seed))
            row = {"run": run.name, "seed": seed, "parameters": results.parameters.get(run.name, np.nan)}
            row |= {"training, s": made.get("seconds"), "images/s": made.get("images_per_second")}
            row |= {key: made.get(key) for key in ("device", "threads", "precision")}
            rows.append(row | {"inference, ms a face": time, "note": made.get("note")})
    known = pd.DataFrame(rows)
    if (kept := results.experiment.results / KEPT).is_file():
        before = pd.read_csv(kept, index_col=INDEX, dtype={"run": str})
        known = known.fillna(before.reindex(pd.MultiIndex.from_frame(known[INDEX])).reset_index())
    return known.astype({"threads": "Int64"})  # a whole number, in a clone as where it was measured


def hours(trainings: Iterable[Mapping[str, Any]]) -> float:
    """Hours that trainings took, by their provenance; phases of the same times are one, which runs share."""
    phases = {(name, tuple(seconds)) for known in trainings for name, seconds in known.get("epochs", {}).items()}
    return sum(sum(seconds) for _, seconds in phases) / 3600


def markdown(results: Results) -> str:
    """The table as text, a dash for a missing number; below it the hours in all, and remarks with their runs."""
    known, spent = numbers(results), {}
    for seed in sorted(set(known["seed"])):
        runs = map(results.experiment.run, known.loc[known["seed"] == seed, "run"])
        spent[seed] = hours(read_json(run.provenance(seed)) for run in runs)
    total = ", ".join(f"{time:.2f} for seed {seed}" for seed, time in spent.items())
    known["run"] = known["run"].map(label_of)
    remarks = known.groupby("note", sort=False)["run"].unique()
    below = [f"Total training hours, shared phases counted once: {total}."]
    below += [f"{', '.join(names)}: {remark}." for remark, names in remarks.items()]
    return "\n\n".join([tables.markdown(tables.formatted(known.drop(columns="note"), DIGITS)), *below])


def estimate(target: config.Experiment, source: Results, faces: int = 30_000) -> str:
    """Hours that the trainings of `target` would take on `faces` faces (the paper's), at the speeds of `source`."""
    speeds = numbers(source).dropna(subset="images/s").drop_duplicates("run").set_index("run")
    split = target.prepare
    trained_on = round(faces * (1 - split.test_fraction) * (1 - split.validation_fraction))
    rows = []
    for run in (target.run(name) for name in target.runs if name in speeds.index):
        speed, epochs = speeds["images/s"][run.name], _epochs(run)
        time = trained_on * epochs / speed / 3600
        row = {"run": label_of(run.name), "epochs": epochs, "device": speeds["device"][run.name]}
        rows.append(row | {"images/s": f"{speed:,.1f}", "hours a seed": f"{time:,.1f}", "seeds": len(run.seeds)})
    said = ESTIMATED.format(source=source.experiment.name, faces=trained_on, all=faces)
    return f"## Estimate for `{target.name}`\n\n{said}\n\n{tables.markdown(pd.DataFrame(rows))}"


def _epochs(run: config.Run) -> int:
    """Epochs of all phases of a run's training; none of what is fitted in one go."""
    method = make_method(run)
    phases = method.phases(Context(torch.device("cpu"))) if isinstance(method, TrainedMethod) else []
    return sum(phase.epochs for phase in phases)


def write(experiments: Sequence[Results], target: Path, estimates: Sequence[str] = ()) -> None:
    """Write KEPT and PLOT of all experiments, and their tables with the estimates below them as one Markdown file."""
    parts = [HEAD]
    for results in experiments:
        folder, name = results.experiment.results, results.experiment.name
        with cli.whole_file(folder / KEPT) as part:
            numbers(results).to_csv(part, index=False)
        figures.save(quality_and_time(results), results, folder / PLOT)
        parts += [f"## `{name}`: {results.experiment.corpus}", markdown(results)]
        parts += [f"![PSNR against time, {name}]({name}/{PLOT})"]
    cli.write_text(target, "\n\n".join([*parts, *estimates]).rstrip() + "\n")


def quality_and_time(results: Results) -> plt.Figure:
    """Mean PSNR of Table 1's methods against seconds a face of inference, and against seconds of training."""
    known, look = numbers(results), figures.looks(results)
    trained = known[known["parameters"] > 0]  # what learns nothing is not trained
    devices = " and ".join(sorted(trained["device"].dropna().unique()))
    times = {
        "inference, s a face": known.groupby("run")["inference, ms a face"].first() / 1000,
        f"training, s ({devices})": trained.groupby("run")["training, s"].mean(),
    }
    drawn, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    for axis, (title, seconds) in zip(axes, times.items(), strict=True):
        for run in (run for run in paper_tables.rows_of(1).index if run in results.summaries and seconds.get(run, 0)):
            place = seconds[run], results.summaries[run]["psnr"]
            axis.plot(*place, marker=look[run]["marker"], color=look[run]["color"], ms=6)
            axis.annotate(label_of(run), place, (4, 4), textcoords="offset points", fontsize=8)
        axis.set(xscale="log", xlabel=title)
        axis.margins(0.15)
        axis.grid(alpha=0.3)
    axes[0].set(ylabel="PSNR, dB")
    return drawn
