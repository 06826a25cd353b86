"""Learning curves: PSNR on the validation fold by epoch, from the logs."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark.reporting import heatmaps, paper_tables
from benchmark.reporting.figures import figure, looks
from benchmark.reporting.results import Results

FIXED_PSNR_THRESHOLD = 0.02  # dB: a phase whose PSNR moves less does not touch what upscales, as TDAE's first ones
FOLD = "PSNR on the validation fold, dB"


@figure("curves.png", "Learning curves of Table 1's methods, and of networks with and without the heatmap branch.")
def curves(results: Results) -> plt.Figure | None:
    """Validation PSNR of every seed by epoch with SR faces; runs of one epoch have no curve and are left out."""
    pairs = heatmaps.standard_pairs(results)
    panels: dict[str, list[str]] = {
        "Methods of Table 1": [*paper_tables.rows_of(1).index],
        "With and without the heatmap branch": [run for pair in pairs.items() for run in reversed(pair)],
    }
    shown = {title: found for title, runs in panels.items() if (found := curves_of(results, runs))}
    if not shown:
        return None
    drawn, axes = plt.subplots(1, len(shown), figsize=(6.5 * len(shown), 4.2), squeeze=False)
    look = looks(results)
    for axis, (title, found) in zip(axes[0], shown.items(), strict=True):
        for run, seeds in found.items():
            for nth, seed in enumerate(seeds):
                own = {"label": None if nth else look[run]["label"], "alpha": 0.5 if nth else 1, "lw": 1.2, "ms": 3}
                axis.plot(np.arange(1, len(seed) + 1), seed, **look[run] | own)
        axis.set(title=title, xlabel="epoch with SR faces", ylabel=FOLD)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return drawn


def curves_of(results: Results, runs: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """Validation PSNR by epoch of each seed, of those runs that have several epochs."""
    found = {run: [upscaling_epochs(log) for log in results.logs[run].values()] for run in runs if run in results.logs}
    return {run: seeds for run, seeds in found.items() if max(map(len, seeds)) > 1}


def upscaling_epochs(log: pd.DataFrame) -> np.ndarray:
    """PSNR of the epochs where it says something: of phases that change what upscales, the last one among them."""
    if "val_psnr" not in log:
        return np.empty(0)
    log = log.dropna(subset="val_psnr")
    moved = log.groupby("phase", sort=False)["val_psnr"].agg(np.ptp) > FIXED_PSNR_THRESHOLD
    return log.loc[log["phase"].map(moved) | (log["phase"] == log["phase"].iloc[-1:].squeeze()), "val_psnr"].to_numpy()
