"""Means over faces and their uncertainty: percentile bootstrap intervals."""

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


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of `values` (N,) and its 95 % percentile bootstrap interval; the interval of one value is that value."""
    mean = math.fsum(values) / len(values)  # exact, whatever order a machine adds in
    if len(values) < 2 or not np.isfinite(values).all():
        return mean, mean, mean
    interval = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=100,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return mean, float(interval.low), float(interval.high)


def read_rows(path: Path) -> pd.DataFrame:
    """metrics/RUN.csv: a row a face and seed."""
    return pd.read_csv(path, dtype={"name": str, "yaw_bin": str, "source": str})


def summarise(rows: pd.DataFrame) -> dict[str, Any]:
    """Means over faces (and seeds) of a run's rows, with 95 % bootstrap intervals over faces; all rounded."""
    by_face = rows.groupby("name", sort=False)[list(COLUMNS)].mean()
    summary: dict[str, Any] = {"faces": len(by_face), "seeds": int(rows["seed"].nunique())}
    for column in COLUMNS:
        mean, low, high = (round(value, DECIMALS[column]) for value in mean_interval(by_face[column].to_numpy()))
        summary |= {column: mean, f"{column}_interval": [low, high]}
    return summary
