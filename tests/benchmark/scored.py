"""An experiment of a few faces that tests predict and evaluate by hand."""

import json
from pathlib import Path
from typing import Any

import experiments
import numpy as np
import pandas as pd
from PIL import Image

from benchmark import config, evaluate, predict
from benchmark.runs.fingerprint import mark_images, record_of
from benchmark.runs.make import make_method
from benchmark.runs.provenance import RECORD
from datasets.pairs import Pairs

BLOCK = experiments.block(
    "tiny",
    training={"seeds": 4, "recipe": "paper", "vgg": None},
    predict={"precision": "float64"},
    methods={"mtun": {"width": 2}},
    runs={
        "oracle": {"method": "bicubic", "align": "oracle"},
        "unaligned": {"method": "bicubic", "align": "none"},
        "aligned": {"method": "bicubic"},
        "ours": {"method": "mtun", "stacks": 1},
    },
)


def store(name: str, seed: int = 0) -> None:
    """An untrained method in place of a trained one."""
    run = config.load().run(name)
    method = make_method(run)
    folder = run.weights(seed)
    folder.mkdir(parents=True, exist_ok=True)
    method.save(folder)
    (folder / RECORD).write_text(json.dumps(record_of(run, seed)))


def run_predict(name: str) -> None:
    predict.main(predict.parser().parse_args(["--run", name, "--device", "cpu"]))


def run_evaluate(name: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """The numbers and what they are of, and the rows."""
    evaluate.main(evaluate.parser().parse_args(["--run", name]))
    run = config.load().run(name)
    summary = json.loads(run.metrics.read_text()) | json.loads(run.facts.read_text())
    return summary, pd.read_csv(run.metrics.with_suffix(".csv"), dtype={"name": str})


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def write_images(run: config.Run, pairs: Pairs, change: int = 0) -> None:
    """The HR faces, brighter by `change` levels, as the images of a run's first seed."""
    folder = run.images(0)
    folder.mkdir(parents=True)
    mark_images(folder, run, 0)
    for name, hr in zip(pairs.faces["name"], pairs.hr, strict=True):
        Image.fromarray((hr.astype(int) + change).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
