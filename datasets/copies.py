"""Faces that are one photograph under two names, recoloured or cut anew: no file's name and no file's hash tells."""

from __future__ import annotations

import numpy as np

ALIKE = 0.985  # in the corpora of `standin` look-alikes reach 0.983, and four of five copies are above
_SIDE = 16  # px at which faces are compared
_ROWS = 512  # at a time


def copies(hr: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of faces of hr, (N, 128, 128, 3) uint8, that show one photograph.

    Their grey values at 16 px correlate by ALIKE or more. A mirrored copy is not found, nor one cut otherwise.
    """
    looks = np.concatenate([_look(hr[start : start + _ROWS]) for start in range(0, len(hr), _ROWS)])
    found = []
    for start in range(0, len(looks), _ROWS):
        alike = looks[start : start + _ROWS] @ looks[start:].T >= ALIKE
        found += [(start + int(i), start + int(j)) for i, j in np.argwhere(alike) if i < j]
    return found


def _look(hr: np.ndarray) -> np.ndarray:
    """(n, 256) float32 of mean 0 and length 1: grey values at 16 px, whatever brightness and contrast."""
    block = hr.shape[1] // _SIDE
    grey = hr.astype(np.float32).mean(-1).reshape(-1, _SIDE, block, _SIDE, block).mean((2, 4)).reshape(len(hr), -1)
    grey -= grey.mean(1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)
