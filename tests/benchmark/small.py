"""A project of its own with a tiny experiment, for tests of the commands that train it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import experiments
import tiny

from methods.vdsr import TINY

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "benchmark")
LONG = {"method": "vdsr", "align": "none", "epochs": 6}
BLOCK = experiments.block(
    "small",
    methods={"bicubic": {}, "position_patch": {}, "vdsr": TINY, "stn0": {"epochs": 1, "batch_size": 8}},
    pretrained={"stn0": {"method": "stn0"}},
    runs={
        "vdsr": {"method": "vdsr", "seeds": 2},
        "broken": {"method": "position_patch", "align": "none", "faces": 1000},
        "bicubic": {"method": "bicubic", "align": "none"},
        "long": LONG,
    },
)


def make_project(folder: Path) -> Path:
    """A folder with a tiny experiment of 24 training and 6 test faces."""
    tiny.write_pairs(tiny.make_pairs(), folder / "data/small/train")
    tiny.write_pairs(tiny.make_pairs(6), folder / "data/small/test")
    manifest = {"hash": "abc", "files": {"train/hr.npy": "1", "test/hr.npy": "2"}}
    (folder / "data/small/manifest.json").write_text(json.dumps(manifest))
    experiments.write(folder, BLOCK)
    return folder


def run(folder: Path, *arguments: str, code: Path = ROOT) -> str:
    """What `python -m benchmark ARGUMENTS` prints in the folder, on the code at `code`; it must succeed."""
    done = command(folder, *arguments, env=_environment(code))
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m benchmark ARGUMENTS` in the folder."""
    given = {"cwd": folder, "env": _environment(), "capture_output": True, "text": True, "check": False} | options
    return subprocess.run([*PROGRAM, *arguments], **given)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the same, and go on."""
    call = [*PROGRAM, *arguments]
    return subprocess.Popen(call, cwd=folder, env=_environment(), stdout=subprocess.PIPE, text=True)


def _environment(code: Path = ROOT) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
