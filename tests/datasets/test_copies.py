"""Copies of a photograph are found, whatever was done to its colours; other faces are not."""

from __future__ import annotations

import numpy as np

from datasets.copies import _ROWS, copies
from datasets.noise import smooth_noise


def test_copies_are_found_whatever_their_colours() -> None:
    hr = np.array(smooth_noise(12).hr)
    brighter = (0.6 * hr[3].astype(float) + 80).astype(np.uint8)
    grey = hr[5].mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8)
    sharper = hr[0].copy()
    sharper[::2] = sharper[::2] // 2 + 60
    assert copies(np.stack([*hr, brighter, grey, hr[7, :, ::-1]])) == [(3, 12), (5, 13)]
    assert copies(np.stack([hr[0], sharper])) == [(0, 1)]


def test_copies_are_found_across_blocks_of_faces_and_of_uniform_ones_there_are_none() -> None:
    hr = np.zeros((_ROWS + 3, 128, 128, 3), np.uint8)
    hr[[2, _ROWS + 1]] = smooth_noise(1).hr
    assert copies(hr) == [(2, _ROWS + 1)]
