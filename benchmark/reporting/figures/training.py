"""Plots of the trainings, from their logs: learning curves, loss terms, and networks with and without heatmaps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark.reporting import heatmaps
from benchmark.reporting.figures import Look, figure, looks
from benchmark.reporting.figures.panels import grid, legend_beside, panels, whole_epochs
from benchmark.reporting.results import OURS, Results

FIXED_PSNR_THRESHOLD = 0.02  # dB: a phase whose PSNR moves less does not touch what upscales, as TDAE's first ones
FOLD = "PSNR on the validation fold, dB"


@figure("curves.png", "Training: PSNR on the validation fold, and the terms of the loss.")
def curves(results: Results) -> plt.Figure | None:
    """Validation PSNR of every trained run and seed by epoch, a panel a table of the paper, and loss terms of Ours."""
    logs = {run: results.logs[run] for run in results.validation}
    if not logs:
        return None
    shown, look = panels(logs), looks(results)
    drawn, axes = grid(len(shown) + 1)
    for axis, (title, labels) in zip(axes, shown.items(), strict=False):
        values = {run: [upscaling_epochs(log)["val_psnr"].to_numpy() for log in logs[run].values()] for run in labels}
        compare_runs(axis, values, {run: dataclasses.replace(look[run], label=labels[run]) for run in labels})
        axis.set(ylabel=FOLD, title=title)
    run = OURS if OURS in logs else next(iter(logs))
    _loss_terms(axes[-1], next(iter(logs[run].values())), results.labels[run])
    return drawn


def upscaling_epochs(log: pd.DataFrame) -> pd.DataFrame:
    """The epochs of a log whose PSNR says something: of phases that change what upscales, the last one among them."""
    log = log.dropna(subset="val_psnr")
    moved = log.groupby("phase", sort=False)["val_psnr"].agg(np.ptp) > FIXED_PSNR_THRESHOLD
    return log[log["phase"].map(moved) | (log["phase"] == log["phase"].iloc[-1])]


def _loss_terms(axis: plt.Axes, log: pd.DataFrame, label: str) -> None:
    """The loss terms of one training by epoch."""
    for term in (str(column) for column in log if str(column).startswith("L_")):
        axis.plot(np.arange(1, len(log) + 1), log[term], label=term, lw=1.2, marker=".")
    axis.set(xlabel="epoch of all phases", ylabel="weighted term of the loss", yscale="log", title=f"Losses of {label}")
    legend_beside(axis)


@figure("heatmaps.png", "Learning with heatmaps and without: PSNR on the validation fold.")
def with_and_without_heatmaps(results: Results) -> plt.Figure | None:
    """Validation PSNR by epoch: a panel a run without heatmaps, which is black, and those that see some next to it."""
    scores = results.validation
    groups: dict[str, list[str]] = {}
    for run, blind in heatmaps.pairs(results).items():
        if run in scores and blind in scores:
            groups.setdefault(blind, [blind]).append(run)
    if not groups:
        return None
    look = looks(results)
    drawn, axes = plt.subplots(1, len(groups), figsize=(1 + 4.2 * len(groups), 4.6), squeeze=False)
    for axis, (blind, runs) in zip(axes[0], groups.items(), strict=True):
        styles = look | {blind: Look(results.labels[blind], "black", "o")}
        compare_runs(axis, {run: list(scores[run].values()) for run in runs}, styles)
        axis.set(title=f"compared with {results.labels[blind]}")
    axes[0, 0].set(ylabel=FOLD)
    return drawn


def compare_runs(axis: plt.Axes, scores: Mapping[str, Sequence[np.ndarray]], look: Mapping[str, Look]) -> None:
    """A line a seed of each run by epoch; if no run has more than one epoch, a dot a seed, run next to run."""
    if max(len(seed) for seeds in scores.values() for seed in seeds) > 1:
        for run, seeds in scores.items():
            for nth, seed in enumerate(seeds):
                style = dataclasses.asdict(look[run]) | {"lw": 1.2, "ms": 3, "alpha": 0.5 if nth else 1}
                axis.plot(np.arange(1, len(seed) + 1), seed, **style)
        axis.set(xlabel="epoch with SR faces")
        whole_epochs(axis)
        legend_beside(axis)
        return
    for place, (run, seeds) in enumerate(scores.items()):
        axis.plot([place] * len(seeds), [seed[-1] for seed in seeds], "o", ms=5, alpha=0.8, color=look[run].color)
    axis.set_xticks(range(len(scores)), [look[run].label for run in scores], rotation=45, ha="right", fontsize=8)
    axis.set(xlabel="after one epoch, a dot a seed")
    axis.margins(x=0.15)
    axis.grid(axis="y", alpha=0.3)
