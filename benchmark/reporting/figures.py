"""Figures 1, 3, 4 and 5 of the paper as grids, same columns in the same order, a row a face; and a grid of all runs."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from benchmark import cli
from benchmark.reporting import measurements
from benchmark.reporting.gallery import Gallery, on_black
from benchmark.reporting.sheet import overlay

mpl.use("Agg")
ROWS, ROWS_OF_ALL = 6, 3
HEAD, FOOT, LINE = 0.25, 0.3, 0.09  # inches above and below the grid, and of a line there
LETTERS = 26  # that fit into an inch of it
DPI = 128  # with an axis of an inch: a pixel of the figure for a pixel of a face


@dataclass(frozen=True)
class Column:
    """A column of a grid: its title, the pictures of some rows (n, H, W, 3), and the run that they need, if any."""

    title: str
    pictures: Callable[[Gallery, np.ndarray], np.ndarray]
    run: str | None = None
    heatmaps: bool = False

    def at_hand(self, gallery: Gallery) -> bool:
        """Whether the column can be drawn."""
        if self.run is None:
            return True
        if not gallery.has(self.run):
            return False
        return not self.heatmaps or gallery.heatmaps(self.run, np.array([0])) is not None


def sr(title: str, run: str) -> Column:
    """A column of a run's SR faces."""
    return Column(title, lambda gallery, rows: gallery.sr(run, rows), run)


def _estimated(gallery: Gallery, rows: np.ndarray) -> np.ndarray:
    maps = gallery.heatmaps("ours", rows)
    assert maps is not None
    return overlay(gallery.sr("ours", rows), maps)


LR = Column("LR", Gallery.lr)
HR = Column("HR", Gallery.hr)
OURS = sr("Ours", "ours")
FIGURES = {
    1: [LR, HR, sr("NN", "nearest"), sr("CBN", "cbn"), sr("TDAE", "tdae"), sr("TDAE†", "tdae_retrained"), OURS],
    3: [
        LR,
        HR,
        Column("True heatmaps", lambda gallery, rows: on_black(gallery.true_heatmaps(rows))),
        OURS,
        Column("Ours, heatmaps", _estimated, "ours", heatmaps=True),
    ],
    4: [
        LR,
        HR,
        sr("$L_p$", "no_heb_p"),
        sr("$L_p+L_f$", "no_heb_pf"),
        sr("$L_p+L_f+L_U$", "no_heb_pfu"),
        sr("$L_p+L_h$", "ours_p"),
        sr("$L_p+L_f+L_h$", "ours_pf"),
        sr("$L_p+L_f+L_U+L_h$", "ours"),
    ],
    5: [
        LR,
        HR,
        sr("Bicubic", "bicubic"),
        sr("VDSR", "vdsr"),
        sr("SRGAN", "srgan"),
        sr("Ma et al.", "ma"),
        sr("CBN", "cbn"),
        sr("TDAE†", "tdae_retrained"),
        OURS,
    ],
}


def draw(number: int, gallery: Gallery) -> plt.Figure:
    """Figure `number` of the paper. Columns of runs without images are left out and named below; letters stay."""
    columns = [
        dataclasses.replace(column, title=f"({chr(ord('a') + i)}) {column.title}")
        for i, column in enumerate(FIGURES[number])
    ]
    return grid(columns, gallery, gallery.choose(ROWS, seed=number))


def draw_all(gallery: Gallery) -> plt.Figure:
    """Every run of params.yaml, in its order, on fewer faces."""
    runs = [sr(label, run) for run, label in measurements.labels(gallery.experiment).items()]
    return grid([LR, HR, *runs], gallery, gallery.choose(ROWS_OF_ALL, seed=0))


def grid(columns: list[Column], gallery: Gallery, rows: np.ndarray) -> plt.Figure:
    """Pictures of the faces `rows`, a column each of `columns` that is at hand."""
    shown = [column for column in columns if column.at_hand(gallery)]
    absent = [column.title for column in columns if column not in shown]
    text = note(gallery, rows, absent, LETTERS * len(shown))
    foot = max(FOOT, LINE * (text.count("\n") + 2))
    height = len(rows) + HEAD + foot
    figure, axes = plt.subplots(len(rows), len(shown), figsize=(len(shown), height), squeeze=False)
    figure.subplots_adjust(0, foot / height, 1, 1 - HEAD / height, wspace=0.03, hspace=0.03)
    for line, column in zip(axes.T, shown, strict=True):
        line[0].set_title(column.title, fontsize=6.5, pad=3)
        for axis, picture in zip(line, column.pictures(gallery, rows), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.axis("off")
    figure.text(0.005, 0.1 * FOOT / height, text, fontsize=5, va="bottom")
    return figure


def note(gallery: Gallery, rows: np.ndarray, absent: list[str], width: int) -> str:
    """What stands below a grid, in lines of so many letters: how the faces were chosen, and what is missing."""
    yaw = gallery.pairs.faces["yaw"].iloc[rows].abs()
    text = f"Faces drawn by seed over pose (|yaw| {yaw.min():.0f}° to {yaw.max():.0f}°) and difficulty."
    parts = [text, f"No images here of: {', '.join(absent)}."] if absent else [text]
    return "\n".join(textwrap.fill(part, width) for part in parts)


def write(gallery: Gallery) -> None:
    """Write figures/figN.png of the paper's figures, and figures/all.png."""
    folder = gallery.experiment.results / "figures"
    for number in FIGURES:
        save(draw(number, gallery), folder / f"fig{number}.png")
    save(draw_all(gallery), folder / "all.png")


def save(figure: plt.Figure, target: Path, dpi: int = DPI) -> None:
    """Write a figure as PNG and forget it."""
    with cli.whole_file(target) as part:
        figure.savefig(part, dpi=dpi)
    plt.close(figure)
