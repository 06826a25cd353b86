"""A project whose faces a program that knows nothing of this project upscales: Pillow's bicubic interpolation."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import experiments
import numpy as np
import tiny
from PIL import Image
from scored import read

from benchmark import export
from datasets.pairs import Pairs
from tests.test_docs import ROOT, blocks

# What the page shows: it imports Pillow alone.
(PROGRAM,) = [code for code in blocks(ROOT / "docs/your-method.md", "python") if "sys.argv" in code]
EXPERIMENT = experiments.block(
    "tiny",
    corpus="a fixture",
    training={"recipe": "paper", "seeds": 1, "vgg": None},
    runs={
        "bicubic": {"method": "bicubic", "align": "oracle"},
        "theirs": {"method": "images", "folder": "sr", "align": "oracle"},
    },
)


def make_project(faces: Pairs) -> None:
    """In the working directory: the faces as those of the test and of training, exported to out/, upscaled to sr/."""
    experiments.write(Path(), EXPERIMENT)
    for side in ("train", "test"):
        tiny.write_pairs(faces, Path(f"data/tiny/{side}"))
    Path("data/tiny/manifest.json").write_text(json.dumps({"hash": "abc"}))
    upscale(run_export() / "test/lr_oracle")


def run_export(to: str = "out", train: bool = False) -> Path:
    export.main(argparse.Namespace(experiment=None, to=Path(to), train=train))
    return Path(to)


def upscale(faces: Path, to: str = "sr") -> None:
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run([sys.executable, "-I", "-c", PROGRAM, faces, to], check=True)


def edit(change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every image (128, 128, 3) uint8 in the folder `sr`."""
    for path in Path("sr").iterdir():
        Image.fromarray(np.ascontiguousarray(change(read(path)))).save(path)
