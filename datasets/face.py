"""The records that every corpus is read into, and the one error that reports bad input."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class BadInput(Exception):
    """Input that cannot be used: one line that names the file, the value and the remedy."""


@dataclass(frozen=True)
class Entry:
    """One face of a corpus before its image is decoded. The split keeps identities and photographs on one side."""

    corpus: str
    name: str  # unique in an experiment: its SR faces are NAME.png
    image: str  # path below the corpus's folder
    identity: str  # who is shown
    photo: str  # which photograph, of which there may be several faces
    source: str  # the name under which results count the face
    points: np.ndarray | None = field(default=None, compare=False)  # landmarks, as in Face, if listed without the image
    annotation: str | None = None  # path below the corpus's folder of a file of landmarks


@dataclass(frozen=True)
class Contents:
    """What `verify` finds in a corpus: the faces, and the files that belong to none, each with the reason."""

    faces: list[Entry]
    unused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Face:
    """One decoded face.

    Landmarks are pixels (x, y), centres on whole numbers from 0: 68 (iBUG), 39 (Menpo's profile order) or 5 (CelebA:
    eyes, nose tip, mouth corners, the image's left first).
    """

    entry: Entry
    image: np.ndarray  # (H, W, 3) uint8 RGB, as stored
    landmarks: np.ndarray  # (n, 2) float64
    visible: np.ndarray  # (n,) bool
    displayed: np.ndarray | None = None  # (H', W', 3) uint8 RGB, rotated as an EXIF tag asks; None without a tag


def require_folder(path: Path, remedy: str) -> Path:
    """Return `path` if it is a folder; else raise BadInput with the remedy."""
    if not path.is_dir():
        raise BadInput(f"{path}: no such folder; {remedy}")
    return path


def check_options(corpus: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse an option that the corpus does not have, lest a misspelt checksum go unused."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInput(f"params.yaml: corpora.{corpus} has no option '{unknown[0]}'; it has {', '.join(known)}")
