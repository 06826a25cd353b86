"""Prepared faces on disk, mapped until used.

A folder holds, for N faces (all arrays .npy, images NHWC uint8 RGB, landmarks in pixels of the 128 px crop):
    hr.npy (N, 128, 128, 3)   lr.npy (N, 16, 16, 3)   warp.npy (N, 4) float32, of lr.npy
    landmarks.npy (N, 68, 2) float32, NaN past the face's own number   visible.npy (N, 68) bool
    faces.csv  name, corpus, source, person, photo, points (68 or 39), yaw (degrees), validation (0 or 1)
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from datasets.components import component_of
from datasets.face import BadInput, require_folder

ARRAYS = ("hr", "lr", "warp", "landmarks", "visible")
TEXTS = {"name": "name", "corpus": "corpus", "source": "source", "person": "identity", "photo": "photo"}  # of an Entry


@dataclass(frozen=True)
class Pairs:
    """One side of the split, mapped from disk until used; index it with a mask or indices for a subset."""

    hr: np.ndarray
    lr: np.ndarray
    warp: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    faces: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the arrays of `folder`.

        Raises:
            BadInput: if it is missing or its files disagree in length.
        """
        require_folder(folder, f"run `python -m benchmark prepare --experiment {folder.parent.name}` first")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        # Rows are addressed by position everywhere, so the names must not be read as numbers.
        faces = pd.read_csv(folder / "faces.csv", dtype=dict.fromkeys(TEXTS, str), keep_default_na=False)
        for name, array in arrays.items():
            if len(array) != len(faces):
                raise BadInput(f"{folder / name}.npy: {len(array)} rows, faces.csv has {len(faces)}; prepare again")
        return cls(**arrays, faces=faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, rows: np.ndarray) -> Self:
        arrays = {name: getattr(self, name)[rows] for name in ARRAYS}
        return replace(self, **arrays, faces=self.faces[rows] if rows.dtype == bool else self.faces.iloc[rows])

    @cached_property
    def component(self) -> np.ndarray:
        """The component of each visible landmark, (N, 68) int8; -1 for brows, hidden and absent ones."""
        table = {n: component_of(n) for n in (39, 68)}
        index = np.stack([table[n] for n in self.faces["points"]]) if len(self) else np.empty((0, 68), np.int8)
        return np.where(self.visible, index, -1).astype(np.int8)

    def training(self) -> Self:
        """Return the faces to fit on: all but the validation fold."""
        return self[self.faces["validation"].to_numpy() == 0]

    def validation(self) -> Self:
        """Return the validation fold, cut from the training identities."""
        return self[self.faces["validation"].to_numpy() == 1]
