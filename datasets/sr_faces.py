"""A folder of SR faces, NAME.png for each face of the test set: whether all are there, and what one shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from datasets.degrade import HR
from datasets.face import BadInput
from datasets.images import decode

PREDICT = "predict again"


def require_names(folder: Path, names: Sequence[str], beside: Collection[str] = (), remedy: str = PREDICT) -> None:
    """BadInput unless the folder holds NAME.png for each name, and nothing else but `beside` and hidden files."""
    found = {path.name for path in folder.glob("[!.]*")} - {*beside}
    wanted = {f"{name}.png" for name in names}
    for kind, wrong in (("missing", wanted - found), ("not of the test set", found - wanted)):
        if wrong:
            shown = ", ".join(sorted(wrong)[:5]) + (", ..." if len(wrong) > 5 else "")
            raise BadInput(f"{folder}: {len(wrong)} of {len(wanted)} images {kind}: {shown}; {remedy}")


def read(path: Path, remedy: str = PREDICT) -> np.ndarray:
    """One face, (128, 128, 3) uint8 RGB; BadInput where it is missing, mis-sized or unreadable."""
    if not path.is_file():
        raise BadInput(f"{path}: missing; {remedy}")
    image = decode(path.read_bytes(), str(path))
    if image.shape != (HR, HR, 3):
        raise BadInput(f"{path}: {image.shape[1]} x {image.shape[0]}, expected {HR} x {HR}; {remedy}")
    return image
