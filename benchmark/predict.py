"""Stage `predict`: the test LR faces through a trained run, one PNG a face, and what the method estimates besides."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from benchmark import cli, config
from benchmark.align_stn0 import load_stn0
from datasets import degrade
from datasets.pack import Pairs, to_float, to_uint8
from methods.interface import Method, create

BATCH = 64


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    device = torch.device(arguments.device if arguments.device != "auto" else _best_device())
    pairs = Pairs.load(experiment.data / "test")
    with cli.whole_folder(run.images(0).parent) as folder:
        for seed in run.seeds:
            method = create(run.method, run.options)
            method.load(run.weights(seed))
            method.to(device)
            lr = input_faces(pairs, run.alignment(method.wants), experiment, device)
            predict(method, lr, list(pairs.faces["name"]), folder / f"seed{seed}", run.name)


def input_faces(pairs: Pairs, alignment: str, experiment: config.Experiment, device: torch.device) -> Tensor:
    """The LR faces (N, 3, 16, 16) in [0, 1] as the run is to see them: unaligned, or turned upright by STN_0 or oracle."""
    lr = to_float(torch.from_numpy(np.array(pairs.lr))).to(device)
    if alignment == "oracle":
        return degrade.align(lr, torch.from_numpy(np.array(pairs.warp)).to(device))
    if alignment == "stn0":
        align = load_stn0(experiment, device)
        return torch.cat([align(part) for part in lr.split(BATCH)])
    return lr


@torch.no_grad()
def predict(method: Method, lr: Tensor, names: list[str], folder: Path, label: str) -> None:
    """Write folder/NAME.png for every face, inspect.npz (float16) where the method estimates more, and seconds.txt."""
    folder.mkdir(parents=True)
    estimates: list[dict[str, Tensor]] = []
    seconds = 0.0
    for start in tqdm(range(0, len(lr), BATCH), desc=f"predict {label}", unit="batch"):
        part = lr[start : start + BATCH]
        began = time.perf_counter()
        sr = to_uint8(method.upscale(part)).cpu().numpy()
        seconds += time.perf_counter() - began
        for name, image in zip(names[start:], sr, strict=False):
            Image.fromarray(image).save(folder / f"{name}.png", compress_level=1)
        estimates.append(method.inspect(part))
    if estimates[0]:
        merged = {k: torch.cat([e[k] for e in estimates]).half().cpu().numpy() for k in estimates[0]}
        np.savez_compressed(folder / "inspect.npz", **merged)
    (folder / "seconds.txt").write_text(f"{seconds / len(lr):.6g} seconds a face on {lr.device.type}\n")


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__, per_run=True)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    cli.run(main, parser)
