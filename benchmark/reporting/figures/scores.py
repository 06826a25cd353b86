"""Plots of the test scores: next to the paper's, by yaw, and face by face against Ours."""

from __future__ import annotations

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark.reporting import paper_tables
from benchmark.reporting.figures import figure, looks
from benchmark.reporting.figures.panels import grid, legend_beside, panels
from benchmark.reporting.findings import Pair, estimate
from benchmark.reporting.measures import MEASURES
from benchmark.reporting.results import OURS, Results, ordered_bins
from benchmark.reporting.scores import Loader
from benchmark.scoring.statistics import mean_interval


@figure("paper.png", "The paper's scores (rings) and those measured here (dots), with 95 % intervals over people.")
def paper_and_measured(results: Results) -> plt.Figure | None:
    """PSNR and SSIM of every measured row of the paper's tables: the paper's as a ring, ours as a dot with interval."""
    parts = {number: paper_tables.compare(number, results) for number in paper_tables.TITLES}
    rows = pd.concat({n: part[part[["psnr_paper", "psnr_ours"]].notna().all(axis=1)] for n, part in parts.items()})
    if rows.empty:
        return None
    places = np.arange(len(rows)) + rows.index.get_level_values(0).to_numpy()  # an empty row between tables
    drawn, axes = plt.subplots(1, 2, figsize=(9, 1.4 + 0.2 * places.max()), sharey=True)
    for axis, measure in zip(axes, ("psnr", "ssim"), strict=True):
        ours, low, high = (rows[f"{measure}_{key}"] for key in ("ours", "low", "high"))
        axis.plot(rows[f"{measure}_paper"], places, "o", mfc="none", color="tab:gray", ms=6, label="paper")
        style = {"fmt": "o", "color": "tab:blue", "ms": 4, "lw": 1.5, "label": "measured here, 95 % over people"}
        axis.errorbar(ours, places, xerr=[ours - low, high - ours], **style)
        axis.set(xlabel=MEASURES[measure].title)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, rows["label"], fontsize=8)
    axes[0].invert_yaxis()
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return drawn


@figure("yaw.png", "PSNR by yaw, with 95 % intervals over people.")
def by_yaw(results: Results) -> plt.Figure:
    """Mean PSNR in each yaw bin with its 95 % interval, a line a run, a panel a table of the paper."""
    first = next(iter(results.rows.values())).drop_duplicates("name").set_index("name")
    bins, look, shown = ordered_bins(first["yaw_bin"]), looks(results), panels(results.rows)
    drawn, axes = grid(len(shown), sharey=True)
    for axis, (title, labels) in zip(axes, shown.items(), strict=True):
        for i, (run, label) in enumerate(labels.items()):
            faces = results.rows[run].groupby(["yaw_bin", "name"])["psnr"].mean()
            mean, low, high = np.array([_interval(faces[group], first["person"]) for group in bins]).T
            places = np.arange(len(bins)) + 0.5 * ((i + 0.5) / len(labels) - 0.5)
            style = dataclasses.asdict(look[run]) | {"label": label, "ms": 4, "lw": 1, "elinewidth": 0.8}
            axis.errorbar(places, mean, [mean - low, high - mean], capsize=1.5, **style)
        axis.set_xticks(range(len(bins)), [f"{group}°\n{(first['yaw_bin'] == group).sum()} faces" for group in bins])
        axis.set(xlabel="|yaw|", ylabel="PSNR, dB", title=title)
        legend_beside(axis)
    return drawn


def _interval(faces: pd.Series, people: pd.Series) -> tuple[float, float, float]:
    """Mean of scores by the face's name, and its interval; NaN, which is not drawn, if it is infinite."""
    bounds = mean_interval(faces.to_numpy(), people[faces.index].to_numpy())
    return bounds if np.isfinite(bounds).all() else (np.nan, np.nan, np.nan)


@figure("differences.png", "PSNR of each run minus that of Ours, face by face.")
def differences(results: Results) -> plt.Figure | None:
    """PSNR of each run minus that of Ours, face by face: a box over faces, and the mean with its interval below it.

    The interval is that of the claims: over identities and, if it is known, over seeds.
    """
    scores, look = Loader(results)("psnr"), looks(results)
    means = {run: values.mean(1) for run, values in scores.values.items() if np.isfinite(values).all()}
    if OURS not in means or len(means) < 2:
        return None
    gaps = {run: values - means[OURS] for run, values in means.items() if run != OURS}
    order = sorted(gaps, key=lambda run: float(means[run].mean()))
    drawn, axis = plt.subplots(figsize=(8, 1.4 + 0.32 * len(order)))
    values = [gaps[run] for run in order]
    boxes = axis.boxplot(values, orientation="horizontal", widths=0.55, patch_artist=True, flierprops={"ms": 1.5})
    for place, (run, box) in enumerate(zip(order, boxes["boxes"], strict=True), start=1):
        box.set(facecolor=look[run].color, alpha=0.6)
        pair = estimate(Pair(run, OURS), scores)
        if pair.effect is not None and pair.low is not None and pair.high is not None:
            bounds = [[pair.effect - pair.low], [pair.high - pair.effect]]
            axis.errorbar(pair.effect, place - 0.38, xerr=bounds, fmt="k.", ms=4, lw=1, capsize=2)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_yticks(range(1, len(order) + 1), [look[run].label for run in order], fontsize=8)
    axis.set(xlabel="PSNR minus that of Ours, dB: faces (box), mean with 95 % interval (dot)")
    return drawn
