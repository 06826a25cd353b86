"""data/EXPERIMENT/manifest.json: what was prepared, from where, and the hashes that results are tied to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark import cli
from benchmark.runs.provenance import file_hash
from datasets import pose
from datasets.crop import Crop, Skipped
from datasets.split import PresplitEntry


def write_manifest(
    folder: Path,
    options: dict[str, Any],
    crops: Sequence[Crop],
    skipped: Sequence[Skipped],
    unused: dict[str, Any],
    parted: Sequence[tuple[str, str]],
) -> None:
    """Describe the packed sides in `folder`: counts by corpus, source and pose bin, skipped faces, hashes of all files.

    unused: what else each corpus holds, as `reasons` counts it. parted: test faces and their copies in training.
    "hash" is one SHA-256 over all files: two results with the same hash saw the same data.
    """
    sides = {side: pd.read_csv(folder / side / "faces.csv") for side in ("train", "test")}
    files = {str(p.relative_to(folder)): file_hash(p) for p in sorted(folder.glob("*/*"))}
    manifest = {
        "hash": hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
        "options": options,
        "faces": {side: len(table) for side, table in sides.items()},
        "validation": int(sides["train"]["validation"].sum()),
        "people": {side: int(table["person"].nunique()) for side, table in sides.items()},
        "by_source": {side: _counts(table["source"]) for side, table in sides.items()},
        "by_points": {side: _counts(table["points"]) for side, table in sides.items()},
        "by_yaw": {side: _counts(table["yaw"].map(pose.bin_of)) for side, table in sides.items()},
        "split": {
            "by person and photograph": sum(not isinstance(crop.entry, PresplitEntry) for crop in crops),
            "as the corpus is parted": sum(isinstance(crop.entry, PresplitEntry) for crop in crops),
        },
        "copies on both sides": parted,
        "exif_tagged": dict(Counter(crop.frame for crop in crops if crop.frame)),
        "unused": unused,
        "skipped": [{"name": face.entry.name, "reason": face.reason} for face in skipped],
        "files": files,
    }
    cli.write_json(folder / "manifest.json", manifest)


def reasons(unused: dict[str, str]) -> dict[str, Any]:
    """How many files each reason leaves out, and the first of them."""
    files: dict[str, list[str]] = {}
    for name, reason in unused.items():
        files.setdefault(reason, []).append(name)
    return {reason: {"files": len(names), "first": min(names)} for reason, names in sorted(files.items())}


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(value): int(n) for value, n in column.value_counts().sort_index().items()}
