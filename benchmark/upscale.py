"""Super-resolve the faces of your own photographs with trained runs, and draw a sheet of each photograph.

Every face that is found is cut upright, as the benchmark's faces are, shrunk to 16 px and upscaled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from benchmark import cli, config
from benchmark.reference import label_of, paper
from benchmark.runs.alignment import alignment
from benchmark.runs.hardware import choose_device
from benchmark.runs.make import alignment_of, load_weights, make_method
from benchmark.runs.provenance import RECORD, read_json
from datasets import photograph
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.photograph import Photograph
from methods.interface import Method, create

mpl.use("Agg")
BATCH = 16
Upscale = Callable[[Tensor], np.ndarray]


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    device = choose_device(arguments.device)
    runs = {run: upscaler(experiment.run(run), device) for run in arguments.run or trained(experiment)}
    read = photograph.lr_face if arguments.lr else photograph.whole if arguments.whole else photograph.faces_of
    paths = photograph.find_photographs(arguments.photo, arguments.to)
    targets = [arguments.to / name for name in names(paths)]
    for target in (arguments.to, *targets):
        if target.exists() and not target.is_dir():
            raise BadInput(f"{target}: is a file; give another folder for the results by --to")
    refused: list[BadInput] = []
    for path, target in zip(tqdm(paths, unit="photo", disable=len(paths) == 1), targets, strict=True):
        try:
            photo = read(path)
        except BadInput as error:
            refused.append(error)
            continue
        with cli.whole_folder(target) as folder:
            write(photo, {run: upscale(photo.lr) for run, upscale in runs.items()}, folder)
        tqdm.write(f"{target}: {len(photo.lr)} face(s), by {', '.join(runs)}; see sheet.png")
    if len(refused) == len(paths):
        raise refused[0]
    for reason in refused:
        print(f"left out: {reason}", file=sys.stderr)


def names(paths: Sequence[Path]) -> list[str]:
    """A folder name for each photograph: its own, with a number if an earlier one has the same."""
    given = [path.name for path in paths]
    return [f"{name}-{given[:i].count(name) + 1}" if name in given[:i] else name for i, name in enumerate(given)]


def trained(experiment: config.Experiment) -> list[str]:
    """The runs of the paper's Table 1 whose weights are at hand, in its order.

    Raises:
        BadInput: if there is none.
    """
    table = paper().query("table == 1").index
    found = [run for run in table if run in experiment.runs and weights_of(experiment.run(run)).is_dir()]
    if not found:
        raise BadInput(f"{experiment.results / 'weights'}: no run is trained; run `make repro`, or name one by --run")
    return found


def weights_of(run: config.Run) -> Path:
    """The weights of the run's first seed, trained here or else those that are given away."""
    own = run.weights(run.seeds[0])
    return own if own.is_dir() or not run.released.is_dir() else run.released


def method_of(run: config.Run) -> Method:
    """The run's method with the options that its weights were made with, whatever params.yaml says by now."""
    if run.external:
        raise BadInput(f"{run.name}: has SR images of the test faces only; for other faces take another run")
    made = read_json(weights_of(run) / RECORD)
    return create(run.method, made["options"]) if made else make_method(run)


def upscaler(run: config.Run, device: torch.device) -> Upscale:
    """LR faces (n, 3, 16, 16), upright or nearly so, to SR faces (n, 128, 128, 3) uint8 by the run's first seed."""
    folder = weights_of(run)
    if not folder.is_dir() and run.released.with_suffix(".dvc").is_file():
        raise BadInput(f"{run.released}: not fetched from results/store yet; run `make networks` first")
    method = method_of(run)
    if method.requires_ground_truth:
        raise BadInput(f"{run.name}: it needs the true heatmaps, which prepared faces alone have; leave it out")
    load_weights(method, run, run.seeds[0], folder).to(device)
    align = alignment(run.experiment, alignment_of(run), device, folder=folder)

    @torch.no_grad()
    def upscale(lr: Tensor) -> np.ndarray:
        parts = lr.to(device).split(BATCH)
        faces = [method.upscale(align(part, photograph.upright(len(part)).to(device))) for part in parts]
        return to_uint8(torch.cat(faces)).cpu().numpy()

    return upscale


def write(photo: Photograph, sr: dict[str, np.ndarray], folder: Path) -> None:
    """Write face1_RUN.png and so on, face1_lr.png, face1_original.png, and sheet.png, into `folder`."""
    columns = {"lr": to_uint8(photo.lr).numpy(), **sr}
    if photo.hr is not None:
        columns["original"] = photo.hr
    for name, images in columns.items():
        for i, image in enumerate(images, 1):
            Image.fromarray(image).save(folder / f"face{i}_{name}.png")
    titles = {"lr": "LR", "original": "original"} | {run: label_of(run) for run in sr}
    sheet(photo, {titles[name]: images for name, images in columns.items()}, folder / "sheet.png")


def sheet(photo: Photograph, columns: dict[str, np.ndarray], target: Path) -> None:
    """Draw the photograph with its faces' outlines; below it, a row a face, one image of each of `columns`."""
    rows, width = len(photo.lr), max(1.3 * len(columns), 4)
    height, across = photo.image.shape[:2]
    top = min(max(width * height / across, 1.5), 8)
    figure = plt.figure(figsize=(width, top + 1.5 * rows), layout="constrained")
    grid = figure.add_gridspec(1 + rows, len(columns), height_ratios=[top, *[1.5] * rows])
    axis = figure.add_subplot(grid[0, :])
    small = Image.fromarray(photo.image)
    small.thumbnail((2000, 2000))
    axis.imshow(small, extent=(-0.5, across - 0.5, height - 0.5, -0.5))
    axis.axis("off")
    for i, outline in enumerate(photo.outlines, 1):
        axis.add_patch(mpl.patches.Polygon(outline, fill=False, edgecolor="lime", linewidth=1))
        x, y = np.clip(outline[0], 0, (across - 1, height - 1))  # the outline may leave the photograph
        axis.text(x, y, str(i), color="black", backgroundcolor="lime", fontsize=6)
    for column, (title, images) in enumerate(columns.items()):
        for row, image in enumerate(images):
            axis = figure.add_subplot(grid[1 + row, column])
            axis.imshow(image, interpolation="nearest")
            axis.set(xticks=[], yticks=[], title=title if row == 0 else "", ylabel="" if column else f"face {row + 1}")
            axis.title.set_fontsize(7)
    figure.savefig(target, dpi=130)
    plt.close(figure)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.usage = "%(prog)s PHOTO [PHOTO ...] [--to FOLDER] [--run RUN [RUN ...]] [--whole | --lr] [options]"
    options.add_argument("photo", metavar="PHOTO", type=Path, nargs="+", help="photographs, or folders of them")
    options.add_argument("--run", nargs="+", help="runs of params.yaml (default: those of Table 1 that are trained)")
    options.add_argument(
        "--to", type=Path, default=Path("upscaled"), help="a folder for the results (default: upscaled)"
    )
    how = options.add_mutually_exclusive_group()
    how.add_argument("--whole", action="store_true", help="the photograph's central square is the face")
    how.add_argument("--lr", action="store_true", help="the photograph is an LR face itself, of about 16 px")
    cli.add_device(options)
    return options
