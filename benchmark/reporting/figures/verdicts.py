"""Plots of the claims: the heatmap branch's gain by epochs, and a forest plot of all claims with a margin."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from benchmark.reference import label_of, paper
from benchmark.reporting.figures import figure
from benchmark.reporting.figures.scores import with_bounds
from benchmark.reporting.heatmaps import BY_LOSSES, gain_by_epochs
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from benchmark.scoring.verdicts import CONFIRMED, REFUTED

COLOURS = {CONFIRMED: "tab:green", REFUTED: "tab:red"}
SHOWN = (-1.5, 2.5)  # shares of the paper's margin
STYLES = {"tuned": "o-", "paper": "s:", "authors": "^--"}  # of a line, by recipe


@figure(
    "gain.png", "Gain of the heatmap branch in PSNR by epochs with it, with 95 % intervals; dashed: the paper's gains."
)
def gain(results: Results) -> plt.Figure | None:
    """A line for each recipe and set of losses, next to each other where epochs with the branch are the same."""
    lines = gain_by_epochs(results, loader(results)("psnr"))
    if not lines or results.synthetic:
        return None
    drawn, axis = plt.subplots(figsize=(8.5, 4.2))
    psnr, colours = paper()["psnr"], dict(zip(BY_LOSSES, mpl.color_sequences["tab10"], strict=False))
    for i, ((recipe, losses), line) in enumerate(lines.items()):
        places = np.array(list(line)) + 0.08 * (i - (len(lines) - 1) / 2)
        style: dict[str, Any] = {"fmt": STYLES[recipe], "color": colours[losses], "ms": 5, "lw": 1, "capsize": 2}
        axis.errorbar(places, *with_bounds(list(line.values())), label=f"{losses}, recipe {recipe}", **style)
        for place, found in zip(places, line.values(), strict=True):
            if min(found.seeds) == 1:
                axis.text(place, (found.high or 0.0) + 0.02, "one seed", fontsize=7, ha="center")
    margins = [psnr[ours] - psnr[blind] for ours, blind in BY_LOSSES.values()]
    for margin in margins:
        axis.axhline(margin, color="black", ls="--", lw=0.8)
    said = f"the paper's: {min(margins):+.2f} to {max(margins):+.2f} dB"
    axis.text(
        0.99, max(margins) + 0.03, said, transform=axis.get_yaxis_transform(), fontsize=8, ha="right", va="bottom"
    )
    axis.axhline(0, color="black", lw=0.8)
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
