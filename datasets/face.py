"""The records that every corpus is read into, and the one error that reports bad input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class BadInput(Exception):
    """Input that cannot be used: one line that names the file, the value and the remedy."""


@dataclass(frozen=True)
class Entry:
    """One face of a corpus before its image is decoded.

    `points` are pixel coordinates (n, 2), pixel centres on whole numbers counted from 0; n is 68 (iBUG), 39 (Menpo's
    profile order) or 5 (CelebA: eyes, nose, mouth corners, the image's left first). None where they are read on `read`.
    `photo` and `person` are the keys that the split keeps on one side.
    """

    corpus: str
    name: str
    image: str
    person: str
    photo: str
    source: str
    points: np.ndarray | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Face:
    """One decoded face.

    image: (H, W, 3) uint8 RGB. landmarks: (n, 2) float64 pixels, n in {5, 39, 68}. visible: (n,) bool.
    """

    entry: Entry
    image: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray

    @property
    def name(self) -> str:
        return self.entry.name


def require_folder(path: Path, remedy: str) -> Path:
    """Return `path` if it is a folder; else raise BadInput with the remedy."""
    if not path.is_dir():
        raise BadInput(f"{path}: no such folder; {remedy}")
    return path


def check_options(corpus: str, given: Iterable[str], known: Iterable[str]) -> None:
    """BadInput for an option that the corpus does not have: a misspelt checksum must not go unused."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInput(f"params.yaml: corpora.{corpus} has no option '{unknown[0]}'; it has {', '.join(known)}")
