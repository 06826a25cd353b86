"""Which faces a figure shows: spread over pose and difficulty and drawn by seed, never by hand."""

from __future__ import annotations

import numpy as np

from datasets import pose

LEVELS = 3  # easy, middling and hard faces of each yaw bin


def spread(yaw: np.ndarray, psnr: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of min(count, N) faces, from frontal to profile and from easy to hard.

    yaw: (N,) degrees. psnr: (N,) dB, how well the measured runs do on average: high is easy. Faces are divided by yaw
    bin and, within a bin, into LEVELS groups of equal size by PSNR. The groups share `count` evenly, those at even
    distances first, and each draws its faces at random.
    """
    count = min(count, len(yaw))
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(group) for group in _groups(yaw, psnr)]
    taken = np.zeros(len(groups), int)
    while taken.sum() < count:
        free = np.flatnonzero(taken < [len(group) for group in groups])
        wanted = min(count - int(taken.sum()), len(free))
        taken[free[np.linspace(0, len(free) - 1, wanted).round().astype(int)]] += 1
    return np.concatenate([group[:n] for group, n in zip(groups, taken, strict=True)])


def _groups(yaw: np.ndarray, psnr: np.ndarray) -> list[np.ndarray]:
    """Rows of each yaw bin and level of difficulty, frontal and easy first; no group is empty."""
    bins = np.array([pose.bin_of(value) for value in yaw])
    groups = []
    for name in sorted(set(bins), key=lambda text: int(text.split("-")[0])):
        rows = np.flatnonzero(bins == name)
        by_ease = rows[np.argsort(-psnr[rows], kind="stable")]
        groups += [part for part in np.array_split(by_ease, LEVELS) if len(part)]
    return groups
