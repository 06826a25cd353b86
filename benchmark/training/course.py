"""How a training came about: what differs from call to call and from machine to machine, apart from its outputs."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmark.cli import whole_file
from benchmark.provenance import git_commit
from benchmark.training import parallel
from methods.interface import Context

NOTED = "provenance.json"  # in the folder of the resume state


def write(context: Context, target: Path) -> None:
    """Write what is known of the training that `context` has just seen.

    Weights that were only taken back from their last checkpoint came about before: what was noted beside it is written.
    """
    noted = context.workdir / NOTED
    if context.course.get("restored") and noted.is_file():
        facts = json.loads(noted.read_text())
    else:
        facts = {"precision": None, **times(context.course), **machine(context.device)}
    for path in (noted, target) if "restored" in context.course else (target,):  # a fit in one go leaves nothing else
        with whole_file(path) as part:
            part.write_text(json.dumps(facts, indent=1) + "\n")


def times(course: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of all epochs, images a second, seconds of each epoch by phase, and what else was noted on the way."""
    rows, by_phase = course["epochs"], defaultdict(list)
    for row in rows:
        by_phase[row["phase"]].append(round(row["seconds"], 3))
    # Of the last phase, and the median, because the first epoch may hold a compilation.
    last = [row for row in rows if row["phase"] == rows[-1]["phase"]]
    speeds = [row["images_per_second"] for row in last if "images_per_second" in row]
    return {
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "images_per_second": round(median(speeds), 2) if speeds else None,
        "epochs": dict(by_phase),
        **{key: value for key, value in course.items() if key != "epochs"},
    }


def machine(device: torch.device) -> dict[str, Any]:
    """Where, with what and when this process works."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU ({platform.machine()})",
        "processes": parallel.world(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": git_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
