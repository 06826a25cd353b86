"""Super-resolve your own photograph of one face with a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmark import cli, config
from benchmark.alignment import alignment
from benchmark.make import make_method
from benchmark.training.fitting import choose_device
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.images import decode


def main(arguments: argparse.Namespace) -> None:
    run = config.load(arguments.experiment).run(arguments.run)
    device = choose_device(arguments.device)
    method = make_method(run)
    method.load(run.weights(0))
    method.to(device)
    how = run.alignment(method.wants)
    lr = alignment(run.experiment, how, device)(read_face(arguments.photo).to(device), None)
    with torch.no_grad():
        sr = method.upscale(lr)
    with cli.whole_file(arguments.output) as part:
        Image.fromarray(to_uint8(sr)[0].cpu().numpy()).save(part)
    print(f"{arguments.output}: 128 x 128, by {run.name}")


def read_face(path: Path) -> torch.Tensor:
    """The photograph as an LR face (1, 3, 16, 16) in [0, 1]: cut to its central square, shrunk to 16 px."""
    try:
        image = Image.fromarray(decode(path.read_bytes(), str(path)))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; give the photograph's path") from error
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    small = image.resize((16, 16), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return to_float(torch.from_numpy(np.array(small))[None])


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__, per_run=True)
    parser.add_argument("photo", type=Path, help="an image whose central square is one face")
    parser.add_argument("--output", type=Path, default=Path("upscaled.png"))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    cli.run(main, parser)
