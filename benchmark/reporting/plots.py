"""Plots of an experiment from its metrics and logs: paper and measured, training, by yaw, paired differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark import config
from benchmark.reporting import measurements
from benchmark.reporting.figures import save
from benchmark.reporting.findings import Pair, Scores, estimate
from benchmark.reporting.tables import MEASURES, TITLES, compare, rows_of
from benchmark.scoring.statistics import mean_interval

mpl.use("Agg")
REFERENCE_RUN = "ours"
DPI = 130
MARKERS = "osD^vP*X"
FURTHER = "In none of the paper's tables"
STILL = 0.02  # dB: a phase whose PSNR moves less does not touch what upscales, as the first ones of TDAE


def styles(experiment: config.Experiment) -> dict[str, dict[str, Any]]:
    """Label, colour and marker of each run, the same in every plot."""
    return {run: _look(i, label, "tab20") for i, (run, label) in enumerate(measurements.labels(experiment).items())}


def panels(runs: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The runs by the table of the paper that has them, and those of none: label, colour, marker, no two alike."""
    tables = {f"Table {number}": rows_of(number, [])["label"] for number in TITLES}
    known = {str(run) for rows in tables.values() for run in rows.index}
    shown = {title: {str(run): label for run, label in rows.items() if run in runs} for title, rows in tables.items()}
    shown[FURTHER] = {run: run for run in runs if run not in known}
    return {
        title: {run: _look(i, label, "tab10" if len(p) <= 10 else "tab20") for i, (run, label) in enumerate(p.items())}
        for title, p in shown.items()
        if p
    }


def _look(i: int, label: str, colours: str) -> dict[str, Any]:
    """Label, colour and marker of the i-th of several runs."""
    known = mpl.color_sequences[colours]
    return {"label": label, "color": mpl.colors.to_hex(known[i % len(known)]), "marker": MARKERS[i % len(MARKERS)]}


def curves(experiment: config.Experiment) -> plt.Figure | None:
    """Validation PSNR of every trained run and seed by epoch, a panel a table of the paper, and the loss terms of Ours.

    None without a log.
    """
    logs = {name: list(tables.values()) for name, tables in measurements.logs(experiment).items()}
    trained = {name: tables for name, tables in logs.items() if "val_psnr" in tables[0]}
    if not trained:
        return None
    shown = panels(trained)
    figure, axes = _grid(len(shown) + 1)
    for axis, (title, looks) in zip(axes, shown.items(), strict=False):
        seen = {name: [watched(table) for table in trained[name]] for name in looks}
        if max(len(table) for tables in seen.values() for table in tables) == 1:
            last = {looks[name]["label"]: [t["val_psnr"].iloc[0] for t in tables] for name, tables in seen.items()}
            side_by_side(axis, last, [look["color"] for look in looks.values()])
        else:
            _lines(axis, seen, looks)
        axis.set(ylabel="PSNR on the validation fold, dB", title=title)
    run = REFERENCE_RUN if REFERENCE_RUN in trained else next(iter(trained))
    _terms(axes[-1], trained[run][0], measurements.labels(experiment)[run])
    return finish(figure)


def side_by_side(axis: plt.Axes, last: Mapping[str, Sequence[float]], colours: Sequence[str]) -> None:
    """A dot a seed, a place a run: what all have after a single epoch, of which there is no curve."""
    for number, (values, colour) in enumerate(zip(last.values(), colours, strict=True)):
        axis.plot([number] * len(values), values, "o", ms=5, alpha=0.8, color=colour)
    axis.set_xticks(range(len(last)), list(last), rotation=45, ha="right", fontsize=8)
    axis.set(xlabel="after one pass over the training faces, a dot a seed")
    axis.margins(x=0.15)
    axis.grid(axis="y", alpha=0.3)


def _lines(axis: plt.Axes, seen: dict[str, list[pd.DataFrame]], looks: dict[str, dict[str, Any]]) -> None:
    """A line a seed, by epoch; seeds after the first are paler."""
    for name, tables in seen.items():
        for nth, table in enumerate(tables):
            line = looks[name] | {"label": None if nth else looks[name]["label"], "alpha": 0.5 if nth else 1}
            axis.plot(_epochs(table), table["val_psnr"], lw=1.2, ms=3, **line)
    axis.set(xlabel="epoch with SR faces")
    whole_epochs(axis)
    _legend(axis)


def _grid(count: int, sharey: bool = False) -> tuple[plt.Figure, list[plt.Axes]]:
    """So many panels, two in a row."""
    rows = -(-count // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(12, 4 * rows), sharey=sharey, squeeze=False)
    for axis in axes.flat[count:]:
        axis.axis("off")
    return figure, list(axes.flat[:count])


def watched(table: pd.DataFrame) -> pd.DataFrame:
    """The epochs of a log whose PSNR says something: those of phases that change what upscales, the last among them."""
    table = table.dropna(subset="val_psnr")
    moved = table.groupby("phase", sort=False)["val_psnr"].agg(np.ptp) > STILL
    return table[table["phase"].map(moved) | (table["phase"] == table["phase"].iloc[-1])]


def _terms(axis: plt.Axes, table: pd.DataFrame, label: str) -> None:
    """The loss terms of one training by epoch."""
    for term in (str(column) for column in table if str(column).startswith("L_")):
        axis.plot(_epochs(table), table[term], label=term, lw=1.2, marker=".")
    axis.set(xlabel="epoch of all phases", ylabel="weighted term of the loss", yscale="log", title=f"Losses of {label}")
    _legend(axis)


def _legend(axis: plt.Axes) -> None:
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _epochs(table: pd.DataFrame) -> np.ndarray:
    return np.arange(1, len(table) + 1)


def by_yaw(experiment: config.Experiment) -> plt.Figure:
    """Mean PSNR in each yaw bin with its 95 % interval, a line a run, a panel a table of the paper."""
    tables = measurements.rows(experiment)
    first = next(iter(tables.values())).drop_duplicates("name").set_index("name")
    yaw_bins, people = first["yaw_bin"], first["person"]
    bins = measurements.ordered_bins(yaw_bins)
    shown = panels(tables)
    figure, axes = _grid(len(shown), sharey=True)
    for axis, (title, looks) in zip(axes, shown.items(), strict=True):
        for i, (name, look) in enumerate(looks.items()):
            faces = tables[name].groupby(["yaw_bin", "name"])["psnr"].mean()
            mean, low, high = np.array([_interval(faces[group], people) for group in bins]).T
            places = np.arange(len(bins)) + 0.5 * ((i + 0.5) / len(looks) - 0.5)
            axis.errorbar(places, mean, [mean - low, high - mean], ms=4, lw=1, elinewidth=0.8, capsize=1.5, **look)
        axis.set_xticks(range(len(bins)), [f"{group}°\n{(yaw_bins == group).sum()} faces" for group in bins])
        axis.set(xlabel="|yaw|", ylabel="PSNR, dB", title=title)
        _legend(axis)
    return finish(figure)


def _interval(faces: pd.Series, people: pd.Series) -> tuple[float, float, float]:
    """Mean of scores by the face's name, and its interval."""
    return mean_interval(faces.to_numpy(), people[faces.index].to_numpy())


def differences(experiment: config.Experiment) -> plt.Figure | None:
    """PSNR of each run minus that of Ours, face by face: a box over faces, and the mean with its interval below it.

    The interval is that of the claims: over people and, where it is known, over seeds.
    """
    scores = Scores.load(experiment, "psnr")
    if REFERENCE_RUN not in scores.values or len(scores.values) < 2:
        return None
    style, reference = styles(experiment), scores.values[REFERENCE_RUN]
    others = {name: values for name, values in scores.values.items() if name != REFERENCE_RUN}
    order = sorted(others, key=lambda name: float(others[name].mean()))
    figure, axis = plt.subplots(figsize=(8, 1.2 + 0.32 * len(order)))
    gaps = [others[name].mean(1) - reference.mean(1) for name in order]
    boxes = axis.boxplot(gaps, orientation="horizontal", widths=0.55, patch_artist=True, flierprops={"ms": 1.5})
    for place, name in enumerate(order, start=1):
        boxes["boxes"][place - 1].set(facecolor=style[name]["color"], alpha=0.6)
        found = estimate(Pair(name, REFERENCE_RUN), scores)
        if found.effect is None or found.low is None or found.high is None:
            continue
        bounds = [[found.effect - found.low], [found.high - found.effect]]
        axis.errorbar(found.effect, place - 0.38, xerr=bounds, fmt="k.", ms=4, lw=1, capsize=2)
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
        axis.errorbar(
            ours, places, xerr=bounds, fmt="o", color="tab:blue", ms=4, lw=1.5, label="measured here, 95 % over people"
        )
        axis.set(xlabel=f"{title}, dB" if measure == "psnr" else title)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, rows["label"], fontsize=8)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    return figure


def whole_epochs(axis: plt.Axes) -> None:
    """Ticks of the x axis at whole numbers alone: one epoch is not two halves."""
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))


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
