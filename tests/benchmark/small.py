"""A project of its own with a tiny experiment, for tests of the commands that train it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny
import yaml

from methods.vdsr import TINY

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PARAMS: dict[str, Any] = {
    "experiment": "small",
    "experiments": {
        "small": {
            "corpus": "tiny",
            "corpora": {"tiny": {}},
            "prepare": {"sigma": 1.5},
            "recognise": {"count": 3, "seed": 0},
            "training": {"recipe": "tuned", "seeds": 2, "vgg": None, "threads": 1, "precision": "float32"},
            "stn0": {"epochs": 1, "batch_size": 8},
            "methods": {"bicubic": {}, "position_patch": {}, "vdsr": TINY},
        }
    },
    "runs": {
        "vdsr": {"method": "vdsr", "align": "none", "seeds": 2},
        "broken": {"method": "position_patch", "align": "none", "faces": 1000},
        "bicubic": {"method": "bicubic"},
        "long": {"method": "vdsr", "align": "none", "epochs": 6},
    },
}


def make_project(folder: Path) -> Path:
    """A folder with a tiny experiment of 24 training and 6 test faces."""
    tiny.write_pairs(tiny.make_pairs(), folder / "data/small/train")
    tiny.write_pairs(tiny.make_pairs(6), folder / "data/small/test")
    (folder / "data/small/manifest.json").write_text('{"hash": "abc"}')
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    return folder


def change_params(**changes: dict[str, dict[str, Any]]) -> None:
    """Change items of runs: or of the experiment in params.yaml."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    for name, values in changes.pop("runs", {}).items():
        params["runs"][name] |= values
    for name, values in changes.items():
        params["experiments"]["small"][name] |= values
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
