"""How much better one run is than another: a bootstrap over faces, paired, and over the seeds of each run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.scoring.statistics import CONFIDENCE, RESAMPLES


@dataclass(frozen=True)
class Effect:
    """A mean difference with its percentile interval."""

    mean: float
    low: float
    high: float


def difference(a: np.ndarray, b: np.ndarray) -> Effect:
    """Mean of `a` (faces, seeds of a) minus mean of `b` (faces, seeds of b), rows being the same faces.

    A resample draws faces once for both runs, and seeds for each run by itself. Three seeds are few: the spread between
    seeds comes out smaller than it is, by (n - 1) / n in variance; one seed shows none of it.
    """
    rng = np.random.default_rng(0)
    weights = _face_weights(len(a))
    drawn = _mean_over_seeds(weights @ a, rng) - _mean_over_seeds(weights @ b, rng)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Effect(float(a.mean() - b.mean()), float(low), float(high))


@lru_cache(maxsize=2)
def _face_weights(faces: int) -> np.ndarray:
    """How much each face counts in each resample: (RESAMPLES, faces), rows that sum to 1. The same for every pair."""
    rng = np.random.default_rng(0)
    counts = [np.bincount(rng.integers(0, faces, faces), minlength=faces) for _ in range(RESAMPLES)]
    return np.stack(counts) / faces


def _mean_over_seeds(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean over as many seeds as there are, drawn with replacement, in each row of `values` (RESAMPLES, seeds)."""
    drawn = rng.integers(0, values.shape[1], values.shape)
    return np.take_along_axis(values, drawn, 1).mean(1)
