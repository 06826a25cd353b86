"""A made-up experiment on disk: faces, images and metrics of a few runs, as the pipeline's stages leave them."""

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import experiments
import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmark import config, evaluate
from benchmark.runs.fingerprint import mark_images, record_of
from benchmark.scoring import estimates as estimated
from datasets.batch import DeviceFaces
from datasets.pairs import ARRAYS, Pairs

FACES = 12
Runs = dict[str, tuple[dict[str, Any], float | None]]
# A run's method and options, and the noise (standard deviation of 255) that stands for its errors; None: not measured.
RUNS: Runs = {
    "bicubic": ({"method": "bicubic"}, 60.0),
    "nearest": ({"method": "nearest"}, 80.0),
    "tdae_retrained": ({"method": "tdae"}, 40.0),
    "ours_no_skip": ({"method": "mtun", "skip": False, "seeds": 2}, 30.0),
    "ours": ({"method": "mtun", "seeds": 2}, 20.0),
}
BLOCK = experiments.block(
    "toy",
    corpora={"synthetic": {"faces": FACES}},
    recognise={"count": 6, "seed": 0},
    methods={"bicubic": {}, "nearest": {}, "tdae": {}, "mtun": {"width": 4}},
    runs={name: item for name, (item, _) in RUNS.items()},
)


def make(root: Path, pairs: Pairs) -> config.Experiment:
    """Write params.yaml, data/toy/test and results/toy below `root`, which must be the working directory."""
    experiments.write(root, BLOCK)
    experiment = config.load()
    faces = pairs[np.arange(FACES)]
    yaw = np.linspace(-70, 70, FACES).round(2)
    source = np.where(np.arange(FACES) % 2, "north", "south_2")
    faces = Pairs(
        *(getattr(faces, name) for name in ARRAYS), faces=faces.faces.assign(yaw=yaw, source=source, validation=0)
    )
    tiny.write_pairs(faces, experiment.data / "test")
    (experiment.data / "manifest.json").write_text('{"hash": "made up"}')
    measure(experiment, RUNS)
    for name in RUNS:
        write_provenance(experiment.run(name))
    return experiment


@contextmanager
def copied(made: Path, root: Path) -> Iterator[Path]:
    """A copy of the made-up experiment at `root`, which is the working directory meanwhile."""
    shutil.copytree(made, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield root


def measure(experiment: config.Experiment, runs: Runs) -> None:
    """Images, logs and metrics of these runs."""
    faces = Pairs.load(experiment.data / "test")
    for name, (_, noise) in runs.items():
        if noise is not None:
            run = experiment.run(name)
            for seed in run.seeds:
                write_images(run, seed, faces, noise)
                write_log(run, seed)
            write_metrics(run, faces)


@contextmanager
def edited(path: Path) -> Iterator[dict[str, Any]]:
    """The object in a JSON file, which is written back as it is changed."""
    content = json.loads(path.read_text())
    yield content
    path.write_text(json.dumps(content))


def write_images(run: config.Run, seed: int, pairs: Pairs, noise: float) -> None:
    """SR images: HR with noise that grows by a quarter over the faces; heatmaps and warps for mtun."""
    rng = np.random.default_rng([seed, int(noise)])
    folder = run.images(seed)
    folder.mkdir(parents=True)
    level = noise * np.linspace(1, 1.25, len(pairs))[:, None, None, None] * (1 + 0.02 * seed)
    images = np.clip(pairs.hr + rng.normal(0, 1, pairs.hr.shape) * level, 0, 255).astype(np.uint8)
    for name, image in zip(pairs.faces["name"], images, strict=True):
        Image.fromarray(image).save(folder / f"{name}.png")
    if run.method == "mtun":
        maps = DeviceFaces(pairs, "cpu").batch(torch.arange(len(pairs))).heatmaps(64, 1.5)
        warps = torch.from_numpy(np.array(pairs.warp))
        save_file({"heatmaps": maps.half(), "warp_stn": warps.half()}, folder / config.ESTIMATES)
    mark_images(folder, run, seed)


def write_log(run: config.Run, seed: int) -> None:
    """log.csv of a training of four epochs."""
    epochs = np.arange(1, 5)
    table = pd.DataFrame({"phase": run.method, "epoch": epochs, "lr": 1e-3, "val_psnr": 15 + epochs + seed})
    own = zlib.crc32(f"{run.name} {seed}".encode()) * 1e-12  # by which its losses differ from every other training's
    table = table.assign(L_p=(0.1 + own) / epochs, L_h=0.05 / epochs)
    run.log(seed).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(run.log(seed), index=False)


def write_provenance(run: config.Run) -> None:
    """How long training and inference took, as train and predict record it."""
    training = {"seconds": 10.0, "images_per_second": 100.0, "device": "CPU", "threads": 1, "precision": "float32"}
    run.provenance(0).parent.mkdir(parents=True)
    for seed in run.seeds:
        run.provenance(seed).write_text(json.dumps(training))
    run.predict_provenance.write_text(json.dumps({"seconds_a_face": 0.002, "device": "CPU"}))


def write_metrics(run: config.Run, pairs: Pairs) -> None:
    """metrics/RUN.csv, .json and .facts.json, scored from the images by the project's own code."""
    tables, estimates = [], {}
    for seed in run.seeds:
        table = evaluate.score_folder(run.images(seed), pairs)
        table.insert(0, "seed", seed)
        tables.append(table)
        estimates[f"seed{seed}"] = estimated.score_estimates(estimated.estimates(run.estimates(seed)), pairs)
    training = [{**record_of(run, s), "parameters": 1234, "notes": {}} for s in run.seeds]
    facts = {"run": run.name, "method": run.method, "data": "made up", "training": training, "scored_seeds": run.seeds}
    evaluate.write(run, pd.concat(tables, ignore_index=True), {k: v for k, v in estimates.items() if v}, facts)
