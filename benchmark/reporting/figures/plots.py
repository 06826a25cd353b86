"""Plots of the measured numbers: scores, the heatmap branch's gain, claims, learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmark.reference import label_of, paper
from benchmark.reporting import heatmaps, paper_tables
from benchmark.reporting.figures import figure, looks
from benchmark.reporting.findings import Finding, Pair, estimate
from benchmark.reporting.heatmaps import BY_LOSSES
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from benchmark.reporting.tables import MEASURES
from benchmark.scoring.verdicts import CONFIRMED, REFUTED

COLOURS = {CONFIRMED: "tab:green", REFUTED: "tab:red"}
SHOWN = (-1.5, 2.5)  # shares of the paper's margin
MARKERS = {"tuned": "o", "paper": "s", "authors": "^"}  # by recipe
FIXED_PSNR_THRESHOLD = 0.02  # dB: a phase whose PSNR moves less does not touch what upscales, as TDAE's first ones
FOLD = "PSNR on the validation fold, dB"


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
    chosen = {group: scores.yaw_bin == group for group in sorted(set(scores.yaw_bin))}
    drawn, axis = plt.subplots(figsize=(6.5, 3.8))
    for i, (losses, pair) in enumerate(pairs.items()):
        found = [estimate(Pair(*pair), scores.of_faces(faces)) for faces in chosen.values()]
        places = np.arange(len(chosen)) + 0.12 * (i - (len(pairs) - 1) / 2)
        axis.errorbar(places, *with_bounds(found), fmt="o", ms=4, lw=1, capsize=2, label=losses)
    axis.axhline(0, color="black", lw=0.8)
    axis.set_xticks(range(len(chosen)), [f"{group}°\n{faces.sum()} faces" for group, faces in chosen.items()])
    axis.set(xlabel="|yaw|", ylabel="gain of the heatmap branch, dB")
    axis.legend(frameon=False)
    return drawn


def with_bounds(findings: Sequence[Finding | None]) -> tuple[np.ndarray, np.ndarray]:
    """Effects (n,), NaN where untested, and the distances (2, n) to the ends of their intervals."""
    values = np.array([(f.effect, f.low, f.high) if f else (np.nan,) * 3 for f in findings])
    return values[:, 0], np.array([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])


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


@figure(
    "gain.png", "Gain of the heatmap branch in PSNR by epochs with it, with 95 % intervals; dashed: the paper's gains."
)
def gain(results: Results) -> plt.Figure | None:
    """A marker for each recipe, a colour for each set of losses; no line, since budgets differ in their seeds."""
    lines = heatmaps.gain_by_epochs(results, loader(results)("psnr"))
    if not lines or results.synthetic:
        return None
    drawn, axis = plt.subplots(figsize=(8.5, 4.2))
    psnr, colours = paper()["psnr"], dict(zip(BY_LOSSES, mpl.color_sequences["tab10"], strict=False))
    for i, ((recipe, losses), line) in enumerate(lines.items()):
        places = np.array(list(line)) + 0.08 * (i - (len(lines) - 1) / 2)
        style: dict[str, Any] = {"fmt": MARKERS[recipe], "color": colours[losses], "ms": 5, "lw": 1, "capsize": 2}
        axis.errorbar(places, *with_bounds(list(line.values())), label=f"{losses}, recipe {recipe}", **style)
        for place, found in zip(places, line.values(), strict=True):
            if min(found.seeds) == 1:
                side = {"ha": "right", "x": place - 0.06} if i % 2 else {"ha": "left", "x": place + 0.06}
                axis.text(**side, y=found.effect, s="one seed", fontsize=7, va="bottom")
    margins = [psnr[ours] - psnr[blind] for ours, blind in BY_LOSSES.values()]
    for margin in margins:
        axis.axhline(margin, color="black", ls="--", lw=0.8)
    said = f"the paper's: {min(margins):+.2f} to {max(margins):+.2f} dB"
    axis.text(0.01, max(margins) + 0.03, said, transform=axis.get_yaxis_transform(), fontsize=8, va="bottom")
    axis.axhline(0, color="black", lw=0.8)
    axis.margins(x=0.15)
    axis.set(
        xlabel="epochs with the branch (recipe tuned: after pre-training without it)",
        ylabel="gain of the heatmap branch, dB",
    )
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    drawn.suptitle(results.title.split(",")[0])  # without the epochs of Ours
    return drawn


@figure("claims.png", "Claims with a margin: the measured effect as a share of the paper's, with 95 % intervals.")
def forest(results: Results) -> plt.Figure | None:
    """A row for each pair: 0 is no effect, 1 the paper's; intervals are cut at the ends of SHOWN."""
    rows = [row for claim in results.claims.values() for row in shares(claim)]
    if not rows or results.synthetic:
        return None
    drawn, axis = plt.subplots(figsize=(9, 1.2 + 0.24 * len(rows)))
    for place, row in enumerate(rows):
        colour = COLOURS.get(row["direction"], "tab:gray")
        low, share, high = np.clip([row["low"], row["share"], row["high"]], *SHOWN)
        axis.plot([low, high], [place, place], color=colour, lw=1.5)
        axis.plot(share, place, "o", color=colour, ms=4)
        for beyond, end, marker in ((row["low"] < SHOWN[0], SHOWN[0], "<"), (row["high"] > SHOWN[1], SHOWN[1], ">")):
            if beyond:
                axis.plot(end, place, marker, color=colour, ms=5, clip_on=False)
        said = f"{row['share']:+.2f}: {row['direction']}; size: {row['size']}"
        axis.text(SHOWN[1] + 0.1, place, said, va="center", fontsize=7)
    axis.set_yticks(range(len(rows)), [row["label"] for row in rows], fontsize=7)
    axis.set(xlim=SHOWN, xlabel="measured effect as a share of the paper's margin (0: none, 1: as the paper says)")
    axis.axvline(0, color="black", lw=0.8)
    axis.axvline(1, color="black", lw=0.8, ls="--")
    axis.invert_yaxis()
    return drawn


def shares(claim: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each pair of a claim with a margin; of "better than every other" the pair with the best other."""
    tests, margins, best = claim["tests"], claim["margins"] or [], claim["best_other"]
    if len(set(margins)) == 1:
        margins = margins[:1] * len(tests)  # some pairs may not be measured
    if len(margins) != len(tests) or 0 in margins:
        return []
    if best:
        return [_row(claim["says"], next(test for test in tests if test["than"] == best), margins[0], claim)]
    names = [f"{claim['says']}: {label_of(test['better'])}" if len(tests) > 1 else claim["says"] for test in tests]
    return [_row(name, test, margin, test) for name, test, margin in zip(names, tests, margins, strict=True)]


def _row(label: str, test: dict[str, Any], margin: float, answers: dict[str, Any]) -> dict[str, Any]:
    numbers = {"low": test["low"] / margin, "share": test["effect"] / margin, "high": test["high"] / margin}
    return {"label": label, "direction": answers["direction"], "size": answers["size"], **numbers}
