"""How far each training of an experiment is, from files alone: while others train, on any machine that sees them."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.training.progress import FILE, duration

STALE = 120.0  # seconds without a sign of life after which a training counts as interrupted; it writes every few
STORED, TRAINING, INTERRUPTED, WAITING = "stored", "training", "interrupted", "waiting"


def describe(stored: bool, provenance: Path, work: Path) -> dict[str, Any]:
    """One training's state, phase, epoch, images/s and seconds left; a number that nobody knows is NaN.

    stored: whether its weights are there. provenance: how they came about. work: the folder of its resume state.
    """
    unknown = {"phase": "", "epoch": "", "images/s": math.nan, "left": math.nan}
    if stored:
        speed = json.loads(provenance.read_text()).get("images_per_second") if provenance.is_file() else None
        return {"state": STORED, **unknown, "images/s": math.nan if speed is None else speed}
    if not (work / FILE).is_file():
        return {"state": WAITING, **unknown}
    seen = json.loads((work / FILE).read_text())
    speed = seen["images_per_second"]
    return {
        "state": TRAINING if time.time() - seen["time"] < STALE else INTERRUPTED,
        "phase": seen["phase"],
        "epoch": str(seen["epoch"]),
        "images/s": speed,
        "left": (seen["total"] - seen["images"]) / speed if speed else math.nan,
    }


def beyond(phase: str, work: Path, since: float) -> bool:
    """Whether a training has gone beyond its first phase, by a sign of life younger than the time `since`."""
    seen = json.loads((work / FILE).read_text()) if (work / FILE).is_file() else {"time": 0.0}
    return seen["time"] > since and seen["phase"] != phase


def shown(table: pd.DataFrame) -> str:
    """The table as text, a dash for what is not known, the time left in words."""
    text = table.copy()
    text["images/s"] = [f"{speed:.1f}" if math.isfinite(speed) else "–" for speed in table["images/s"]]
    text["left"] = [duration(left) if math.isfinite(left) else "–" for left in table["left"]]
    return text.replace("", "–").to_string(index=False)
