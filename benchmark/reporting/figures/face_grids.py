"""Figures 1, 3, 4 and 5 of the paper as grids, the same columns in the same order, a row a face."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from benchmark import reference
from benchmark.reporting.faces import Gallery, on_black, overlay
from benchmark.reporting.figures import figure
from benchmark.reporting.results import OURS

ROWS = 6
HEAD, FOOT, LINE = 0.5, 0.3, 0.09  # inches above and below the grid, and of a line there
LETTERS = 26  # that fit into an inch of it
COLUMNS = {  # a run each, or one of PICTURES
    1: ["LR", "HR", "nearest", "cbn", "tdae", "tdae_retrained", OURS],
    3: ["LR", "HR", "True heatmaps", OURS, "Ours, heatmaps"],
    4: ["LR", "HR", "no_heb_p", "no_heb_pf", "no_heb_pfu", "ours_p", "ours_pf", OURS],
    5: ["LR", "HR", "bicubic", "vdsr", "srgan", "ma", "cbn", "tdae_retrained", OURS],
}
PREPARED = ["HR, landmarks", "LR", "LR, true warp", "Heatmaps"]
TITLES = {  # other than the run's label
    1: {"nearest": "NN"},
    4: {
        "no_heb_p": "$L_p$",
        "no_heb_pf": "$L_p+L_f$",
        "no_heb_pfu": "$L_p+L_f+L_U$",
        "ours_p": "$L_p+L_h$",
        "ours_pf": "$L_p+L_f+L_h$",
        OURS: "$L_p+L_f+L_U+L_h$",
    },
}
PICTURES: dict[str, Callable[[Gallery, np.ndarray], np.ndarray]] = {  # (n, H, W, 3), by column
    "LR": Gallery.lr,
    "HR": Gallery.hr,
    "HR, landmarks": Gallery.with_landmarks,
    "LR, true warp": Gallery.upright_lr,
    "Heatmaps": lambda gallery, rows: overlay(gallery.hr(rows), gallery.true_heatmaps(rows)),
    "True heatmaps": lambda gallery, rows: on_black(gallery.true_heatmaps(rows)),
}


def pictures(column: str, gallery: Gallery, rows: np.ndarray) -> np.ndarray | None:
    """The pictures (n, H, W, 3) of a column: of PICTURES, or of a run; None if they are not available."""
    if column in PICTURES:
        return PICTURES[column](gallery, rows)
    run = OURS if column == "Ours, heatmaps" else column
    if not gallery.has(run):
        return None
    if run == column:
        return gallery.sr(run, rows)
    maps = gallery.heatmaps(run, rows)
    return None if maps is None else overlay(gallery.sr(run, rows), maps)


def draw(number: int, gallery: Gallery) -> plt.Figure:
    """Figure `number` of the paper. Columns of runs without images are left out and named below; letters stay."""
    titles = TITLES.get(number, {})
    columns = {
        column: f"({chr(ord('a') + place)}) {titles.get(column, reference.label_of(column))}"
        for place, column in enumerate(COLUMNS[number])
    }
    return grid(columns, gallery, gallery.choose(ROWS, seed=number))


for _number in COLUMNS:
    figure(f"fig{_number}.png", f"Figure {_number} of the paper.", faces=True)(partial(draw, _number))


@figure("corpus.png", "Prepared test faces: landmarks, LR face, aligned LR face, component heatmaps.", faces=True)
def prepared_faces(gallery: Gallery) -> plt.Figure:
    """Test faces as the stage `prepare` leaves them."""
    return grid({column: column for column in PREPARED}, gallery, gallery.choose(ROWS, seed=0))


def grid(columns: dict[str, str], gallery: Gallery, rows: np.ndarray) -> plt.Figure:
    """Pictures of the faces `rows`, a titled column each of `columns` that is available; SR faces with their PSNR."""
    available = {column: pictures(column, gallery, rows) for column in columns}
    shown = {column: found for column, found in available.items() if found is not None}
    text = note(gallery, rows, [title for column, title in columns.items() if column not in shown], len(shown))
    foot = max(FOOT, LINE * (text.count("\n") + 2))
    height = len(rows) + HEAD + foot
    drawn, axes = plt.subplots(len(rows), len(shown), figsize=(len(shown), height), squeeze=False)
    drawn.subplots_adjust(0, foot / height, 1, 1 - HEAD / height, wspace=0.03, hspace=0.03)
    for line, (column, images) in zip(axes.T, shown.items(), strict=True):
        line[0].set_title(columns[column], fontsize=6.5, pad=3)
        scores = gallery.psnr_of(column, rows) if gallery.has(column) else [None] * len(rows)
        for axis, image, psnr in zip(line, images, scores, strict=True):
            axis.imshow(image, interpolation="nearest")
            axis.axis("off")
            if psnr is not None:
                box = {"boxstyle": "square,pad=0.1", "fc": "black", "ec": "none", "alpha": 0.5}
                said = f"{psnr:.1f}".replace("inf", "∞")
                axis.text(0.03, 0.03, said, transform=axis.transAxes, fontsize=4.5, color="white", bbox=box)
    drawn.text(0.005, 0.1 * FOOT / height, text, fontsize=5, va="bottom")
    return drawn


def note(gallery: Gallery, rows: np.ndarray, absent: list[str], width: int) -> str:
    """The text below a grid `width` inches wide: how the faces were chosen, and what is missing."""
    yaw = gallery.pairs.faces["yaw"].iloc[rows].abs()
    chosen = f"Faces sampled by seed over pose (|yaw| {yaw.min():.0f}° to {yaw.max():.0f}°) and difficulty; PSNR in dB."
    lines = [chosen, f"No images here of: {', '.join(absent)}."] if absent else [chosen]
    return "\n".join(textwrap.fill(line, LETTERS * width) for line in lines)
