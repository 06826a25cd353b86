"""SR faces that another program made, taken as they are, once they are complete and of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from datasets import sr_faces

REMEDY = "it is to hold a NAME.png for each face that `python -m benchmark.export` writes, and nothing else"


def take(folder: Path, names: Sequence[str], target: Path) -> None:
    """Write target/NAME.png (8-bit RGB) of folder/NAME.png for each name.

    BadInput names files that are missing, not of the test set, mis-sized or unreadable.
    """
    sr_faces.require_names(folder, names, remedy=REMEDY)
    target.mkdir(parents=True)
    for name in tqdm(names, desc=f"take {folder}", unit="face"):
        image = sr_faces.read(folder / f"{name}.png", "make it anew")
        Image.fromarray(image).save(target / f"{name}.png", compress_level=1)
