"""Plots of an experiment from its metrics and logs: paper and measured, training, by yaw, paired differences."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark import config
from benchmark.reporting import measurements
from benchmark.reporting.figures import save
from benchmark.reporting.findings import Scores
from benchmark.reporting.tables import MEASURES, TITLES, compare
from benchmark.scoring.paired import FIXED, difference
from benchmark.scoring.statistics import mean_interval

mpl.use("Agg")
REFERENCE_RUN = "ours"
DPI = 130
MARKERS = "osD^vP*X"


def styles(experiment: config.Experiment) -> dict[str, dict[str, Any]]:
    """Label, colour and marker of each run, the same in every plot."""
    colours, markers = plt.get_cmap("tab20"), cycle(MARKERS)
    return {
        run: {"label": label, "color": mpl.colors.to_hex(colours(i % 20)), "marker": next(markers)}
        for i, (run, label) in enumerate(measurements.labels(experiment).items())
    }


def logs(experiment: config.Experiment) -> dict[str, list[pd.DataFrame]]:
    """log.csv of every seed of every run that has any."""
    found = {}
    for name in experiment.runs:
        run = experiment.run(name)
        tables = [pd.read_csv(run.log(seed)) for seed in run.seeds if run.log(seed).is_file()]
        if tables:
            found[name] = tables
    return found


def curves(experiment: config.Experiment) -> plt.Figure | None:
    """Validation PSNR of every trained run and seed by epoch, and the loss terms of Ours; None without a log."""
    trained = {name: tables for name, tables in logs(experiment).items() if "val_psnr" in tables[0]}
    if not trained:
        return None
    style = styles(experiment)
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), width_ratios=(3, 2))
    for name, tables in trained.items():
        for seed, table in enumerate(tables):
            line = {"color": style[name]["color"], "lw": 1.2, "marker": ".", "alpha": 1 if seed == 0 else 0.5}
            watched = table.dropna(subset="val_psnr")
            left.plot(_epochs(watched), watched["val_psnr"], label=None if seed else style[name]["label"], **line)
    left.set(xlabel="epoch with SR faces, phases one after another", ylabel="PSNR on the validation fold, dB")
    left.legend(fontsize=6, ncols=2)
    shown = REFERENCE_RUN if REFERENCE_RUN in trained else next(iter(trained))
    table = trained[shown][0]
    for term in (str(column) for column in table if str(column).startswith("L_")):
        right.plot(_epochs(table), table[term], label=term, lw=1.2, marker=".")
    right.set(xlabel="epoch", ylabel="weighted term of the loss", yscale="log", title=style[shown]["label"])
    right.legend(fontsize=6)
    return finish(figure)


def _epochs(table: pd.DataFrame) -> np.ndarray:
    return np.arange(1, len(table) + 1)


def by_yaw(experiment: config.Experiment) -> plt.Figure:
    """Mean PSNR in each yaw bin with its 95 % interval, a line a run."""
    style, tables = styles(experiment), measurements.rows(experiment)
    figure, axis = plt.subplots(figsize=(8, 5))
    for i, (name, table) in enumerate(tables.items()):
        bins = measurements.ordered_bins(table["yaw_bin"])
        faces = table.groupby(["yaw_bin", "name"])["psnr"].mean()
        mean, low, high = np.array([mean_interval(faces[group].to_numpy()) for group in bins]).T
        offset = 0.5 * ((i + 0.5) / len(tables) - 0.5)
        places = np.arange(len(bins)) + offset
        axis.errorbar(places, mean, [mean - low, high - mean], ms=4, lw=1, elinewidth=0.8, capsize=1.5, **style[name])
    counts = [faces[group].size for group in bins]
    axis.set_xticks(range(len(bins)), [f"{group}°\n{n} faces" for group, n in zip(bins, counts, strict=True)])
    axis.set(xlabel="|yaw|", ylabel="PSNR, dB")
    axis.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return finish(figure)


def differences(experiment: config.Experiment) -> plt.Figure | None:
    """PSNR of each run minus that of Ours, face by face: a box over faces, and the mean with its interval below it.

    The interval is over faces, and over seeds where any run has several.
    """
    scores = Scores.load(experiment, "psnr")
    if REFERENCE_RUN not in scores.values or len(scores.values) < 2:
        return None
    style, reference = styles(experiment), scores.values[REFERENCE_RUN]
    others = {name: values for name, values in scores.values.items() if name != REFERENCE_RUN}
    order = sorted(others, key=lambda name: float(others[name].mean()))
    between = {name: scores.spread(name) or FIXED for name in scores.values}
    figure, axis = plt.subplots(figsize=(8, 1.2 + 0.32 * len(order)))
    gaps = [others[name].mean(1) - reference.mean(1) for name in order]
    boxes = axis.boxplot(gaps, orientation="horizontal", widths=0.55, patch_artist=True, flierprops={"ms": 1.5})
    for place, name in enumerate(order, start=1):
        boxes["boxes"][place - 1].set(facecolor=style[name]["color"], alpha=0.6)
        effect = difference(others[name], reference, between[name], between[REFERENCE_RUN])
        low, high = effect.interval
        bounds = [[effect.mean - low], [high - effect.mean]]
        axis.errorbar(effect.mean, place - 0.38, xerr=bounds, fmt="k.", ms=4, lw=1, capsize=2)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_yticks(range(1, len(order) + 1), [style[name]["label"] for name in order], fontsize=8)
    axis.set(xlabel="PSNR minus that of Ours, dB: faces (box), mean with 95 % interval (dot)")
    return finish(figure)


def paper_and_measured(experiment: config.Experiment) -> plt.Figure:
    """PSNR and SSIM of every row of the paper's tables: the paper's as a ring, ours as a dot with its interval."""
    parts = [compare(number, experiment) for number in TITLES]
    rows = pd.concat([part[part["psnr_paper"].notna()] for part in parts], keys=list(TITLES), names=["table"])
    places = np.arange(len(rows)) + rows.index.get_level_values("table").to_numpy()  # an empty row between tables
    figure, axes = plt.subplots(1, 2, figsize=(9, 6.4), sharey=True)
    for axis, (measure, (title, _)) in zip(axes, MEASURES.items(), strict=True):
        ours, low, high = (rows[f"{measure}_{key}"] for key in ("ours", "low", "high"))
        axis.plot(rows[f"{measure}_paper"], places, "o", mfc="none", color="tab:gray", ms=6, label="paper")
        bounds = [ours - low, high - ours]
        axis.errorbar(ours, places, xerr=bounds, fmt="o", color="tab:blue", ms=4, lw=1.5, label="measured here, 95 %")
        axis.set(xlabel=f"{title}, dB" if measure == "psnr" else title)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, rows["label"], fontsize=8)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    return figure


def finish(figure: plt.Figure) -> plt.Figure:
    """The figure without idle margins."""
    figure.tight_layout()
    return figure


PLOTS = {"paper": paper_and_measured, "curves": curves, "yaw": by_yaw, "differences": differences}


def write(experiment: config.Experiment) -> list[Path]:
    """Write figures/NAME.png of each of PLOTS that can be drawn; returns the files written."""
    written = []
    for name, plot in PLOTS.items():
        figure = plot(experiment)
        if figure is not None:
            target = experiment.results / "figures" / f"{name}.png"
            save(figure, target, DPI)
            written.append(target)
    return written
