"""The registry of figures: a figure is one function in a module of this folder, marked with `@figure(file, caption)`.

Plots go to plots/ of the experiment, figures of faces to figures/: there is no other list of figures.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmark import cli, reference
from benchmark.reporting.faces import Gallery
from benchmark.reporting.results import Results

mpl.use("Agg")
DPI = {False: 130, True: 128}  # of faces: an axis of an inch has a pixel of the figure for a pixel of a face
MARKERS = "osD^vP*X"
Draw = Callable[[Any], plt.Figure | None]  # of Results, or of a Gallery for a figure of faces; None: nothing to draw
FIGURES: dict[str, tuple[Draw, str, bool]] = {}  # by file: what draws it, its caption, whether it shows faces


def figure(file: str, caption: str, *, faces: bool = False) -> Callable[[Draw], Draw]:
    """Register the function that draws `file`, of the test faces if `faces`, which only synthetic ones have in git."""

    def register(draw: Draw) -> Draw:
        FIGURES[file] = draw, caption, faces
        return draw

    return register


def looks(results: Results) -> dict[str, dict[str, Any]]:
    """The look of each run, no two alike: first the paper's runs in its order, then the experiment's own in theirs."""
    colors = [mpl.colors.to_hex(c) for palette in ("tab10", "Dark2", "Set2") for c in mpl.color_sequences[palette]]
    runs = dict.fromkeys([*reference.paper().index, *results.experiment.runs])
    return {
        run: {
            "label": reference.label_of(run),
            "color": colors[place % len(colors)],
            "marker": MARKERS[(place + place // len(colors)) % len(MARKERS)],
        }
        for place, run in enumerate(runs)
    }


def write(source: Results | Gallery, folder: Path) -> dict[str, str]:
    """Write the plots of Results, or the figures of a Gallery, that can be drawn into `folder`: captions by file."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    faces = isinstance(source, Gallery)
    written = {}
    for file, (draw, caption, of_faces) in FIGURES.items():
        if of_faces == faces and (drawn := draw(source)) is not None:
            save(drawn, source.results if isinstance(source, Gallery) else source, folder / file, faces=faces)
            written[file] = caption
    return written


def save(drawn: plt.Figure, results: Results, target: Path, *, faces: bool = False) -> None:
    """Write a figure as PNG with the experiment's title, plots without idle margins, and forget it."""
    drawn.suptitle(drawn.get_suptitle() or results.title, fontsize=10)
    if not faces:
        drawn.tight_layout()
    with cli.whole_file(target) as part:
        drawn.savefig(part, dpi=DPI[faces])
    plt.close(drawn)
