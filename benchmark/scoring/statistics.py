"""Means over faces and their uncertainty: percentile bootstrap intervals, people drawn whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from benchmark.scoring.metrics import COLUMNS, DECIMALS

RESAMPLES = 2000
CONFIDENCE = 0.95


def mean_interval(values: np.ndarray, people: np.ndarray) -> tuple[float, float, float]:
    """Mean of `values` (N,), a face each, and its 95 % percentile bootstrap interval; of one person, the mean itself.

    people: whose face each is. People are drawn with all their faces, since those are alike.
    """
    mean = math.fsum(values) / len(values)  # exact, whatever order a machine adds in
    grouped = pd.Series(values).groupby(people, sort=True)
    sums, counts = grouped.sum().to_numpy(), grouped.size().to_numpy()
    if len(counts) < 2 or not np.isfinite(values).all():
        return mean, mean, mean
    interval = bootstrap(
        (sums, counts),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True,
        n_resamples=RESAMPLES,
        batch=100,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return mean, float(interval.low), float(interval.high)


def read_rows(path: Path) -> pd.DataFrame:
    """metrics/RUN.csv, a row a face and seed, or recognition/faces.csv, a row a run, seed and face."""
    return pd.read_csv(path, dtype=dict.fromkeys(("run", "name", "person", "yaw_bin", "source"), str))


def summarise(rows: pd.DataFrame) -> dict[str, Any]:
    """Means over faces (and seeds) of a run's rows, with 95 % bootstrap intervals over people.

    Rounded two digits beyond the rows, so that a number shown of them is rounded but once.
    """
    faces = rows.groupby("name", sort=False)
    by_face, people = faces[list(COLUMNS)].mean(), faces["person"].first().to_numpy()
    summary: dict[str, Any] = {"faces": len(by_face), "seeds": int(rows["seed"].nunique())}
    for column in COLUMNS:
        mean, low, high = (
            round(value, DECIMALS[column] + 2) for value in mean_interval(by_face[column].to_numpy(), people)
        )
        summary |= {column: mean, f"{column}_interval": [low, high]}
    return summary
