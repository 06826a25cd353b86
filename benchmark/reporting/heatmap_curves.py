"""figures/heatmaps.png: how networks learn that see heatmaps, each beside the same one that sees none."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from benchmark import config
from benchmark.reporting import heatmaps, measurements, plots
from benchmark.reporting.figures import save

Curves = dict[str, dict[int, np.ndarray]]  # of measurements.validation


def draw(experiment: config.Experiment) -> plt.Figure:
    """Validation PSNR against passes over the training faces: a panel a run without heatmaps, with those beside it.

    Where all runs of a panel have a single pass they stand side by side instead. Words alone where no pair has logs.
    """
    found = panels(experiment, scores := measurements.validation(experiment))
    if not found:
        figure = plt.figure(figsize=(6, 1))
        figure.text(0.5, 0.5, "No two runs to compare have been trained yet.", ha="center", va="center")
        return figure
    names = measurements.labels(experiment)
    figure, axes = plt.subplots(1, len(found), figsize=(1 + 4.2 * len(found), 4.4), squeeze=False)
    for axis, (other, runs) in zip(axes[0], found.items(), strict=True):
        shown = {names[run]: scores[run] for run in runs}
        once = max(len(seed) for seeds in shown.values() for seed in seeds.values()) == 1
        if once:
            last = {name: [scores[-1] for scores in seeds.values()] for name, seeds in shown.items()}
            plots.side_by_side(axis, last, [_colour(number) for number in range(len(last))])
        else:
            _curves(axis, shown)
        axis.set(title=f"beside {names[other]}")
    axes[0, 0].set(ylabel="PSNR on the validation fold, dB")
    return plots.finish(figure)


def panels(experiment: config.Experiment, scores: Curves) -> dict[str, list[str]]:
    """The runs of each panel, that without heatmaps first, by its name."""
    found: dict[str, list[str]] = {}
    for run, other in heatmaps.pairs(experiment).items():
        if run in scores and other in scores:
            found.setdefault(other, [other]).append(run)
    return found


def _colour(number: int) -> str:
    """Black for the first run of a panel, which sees no heatmaps."""
    return f"C{number - 1}" if number else "black"


def _curves(axis: plt.Axes, shown: Curves) -> None:
    """A line a seed, a colour a run, the first black."""
    for number, (name, seeds) in enumerate(shown.items()):
        for nth, scores in enumerate(seeds.values()):
            label = None if nth else name
            axis.plot(np.arange(1, len(scores) + 1), scores, ".-", lw=1, alpha=0.8, color=_colour(number), label=label)
    axis.set(xlabel="passes over the training faces, after the front's")
    plots.whole_epochs(axis)
    axis.legend(fontsize=7)


def write(experiment: config.Experiment) -> None:
    """Write figures/heatmaps.png."""
    save(draw(experiment), experiment.results / "figures" / f"{heatmaps.NAME}.png", 130)
