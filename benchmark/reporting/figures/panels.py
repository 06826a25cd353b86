"""What several plots share: a panel for each table of the paper, legends, and ticks of epochs."""

from __future__ import annotations

from collections.abc import Collection

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmark.reporting import paper_tables

FURTHER = "In none of the paper's tables"


def panels(runs: Collection[str]) -> dict[str, dict[str, str]]:
    """Labels of the runs by the table of the paper that has them, and those of none; a panel has one run at least."""
    tables = {f"Table {number}": paper_tables.rows_of(number)["label"].items() for number in paper_tables.TITLES}
    by_table = {title: {str(run): str(label) for run, label in rows} for title, rows in tables.items()}
    known = {run for labels in by_table.values() for run in labels}
    shown = {title: {run: label for run, label in labels.items() if run in runs} for title, labels in by_table.items()}
    shown[FURTHER] = {run: run for run in runs if run not in known}
    return {title: labels for title, labels in shown.items() if labels}


def grid(count: int, *, sharey: bool = False) -> tuple[plt.Figure, list[plt.Axes]]:
    """So many panels, two in a row."""
    rows = -(-count // 2)
    drawn, axes = plt.subplots(rows, 2, figsize=(12, 4 * rows), sharey=sharey, squeeze=False)
    for axis in axes.flat[count:]:
        axis.axis("off")
    return drawn, list(axes.flat[:count])


def legend_beside(axis: plt.Axes) -> None:
    """The legend to the right of a panel, each label once."""
    handles, labels = axis.get_legend_handles_labels()
    if labels:
        once = dict(zip(labels, handles, strict=True))
        axis.legend(once.values(), once.keys(), fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def whole_epochs(axis: plt.Axes) -> None:
    """Ticks of the x axis at whole numbers alone: one epoch is not two halves."""
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, min_n_ticks=1))
