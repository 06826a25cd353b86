"""Plots of the test scores: next to the paper's, and the heatmap branch's gain by yaw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark.reporting import paper_tables
from benchmark.reporting.figures import figure
from benchmark.reporting.findings import Finding, Pair, estimate
from benchmark.reporting.heatmaps import BY_LOSSES
from benchmark.reporting.measures import MEASURES
from benchmark.reporting.results import Results, ordered_bins
from benchmark.reporting.scores import loader


@figure("paper.png", "The paper's scores (rings) and those measured here (dots), with 95 % intervals over identities.")
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
        style = {"fmt": "o", "color": "tab:blue", "ms": 4, "lw": 1.5, "label": "measured here, 95 % over identities"}
        axis.errorbar(ours, places, xerr=[ours - low, high - ours], **style)
        axis.set(xlabel=MEASURES[measure].title)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, rows["label"], fontsize=8)
    axes[0].invert_yaxis()
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return drawn


@figure(
    "yaw.png", "Gain of the heatmap branch in PSNR by yaw, with 95 % intervals; the paper expects it largest at right."
)
def gain_by_yaw(results: Results) -> plt.Figure | None:
    """The gain of each pair of Table 3 that is measured, in each bin of |yaw|."""
    scores = loader(results)("psnr")
    pairs = {losses: pair for losses, pair in BY_LOSSES.items() if set(pair) <= set(scores.values)}
    if not pairs or scores.yaw_bin is None:
        return None
    bins = ordered_bins(pd.Series(scores.yaw_bin))
    chosen = {group: scores.yaw_bin == group for group in bins}
    drawn, axis = plt.subplots(figsize=(6.5, 3.8))
    for i, (losses, pair) in enumerate(pairs.items()):
        found = [estimate(Pair(*pair), scores.of_faces(faces)) for faces in chosen.values()]
        places = np.arange(len(bins)) + 0.12 * (i - (len(pairs) - 1) / 2)
        axis.errorbar(places, *with_bounds(found), fmt="o", ms=4, lw=1, capsize=2, label=losses)
    axis.axhline(0, color="black", lw=0.8)
    axis.set_xticks(range(len(bins)), [f"{group}°\n{faces.sum()} faces" for group, faces in chosen.items()])
    axis.set(xlabel="|yaw|", ylabel="gain of the heatmap branch, dB")
    axis.legend(frameon=False)
    return drawn


def with_bounds(findings: list[Finding]) -> tuple[np.ndarray, np.ndarray]:
    """Effects (n,), NaN where untested, and the distances (2, n) to the ends of their intervals."""
    values = np.array([(f.effect, f.low, f.high) for f in findings], float)
    return values[:, 0], np.array([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
