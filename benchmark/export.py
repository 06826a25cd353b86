"""Write an experiment's test LR faces as PNG files, with the protocol, for a method outside this project.

Its SR images are scored by `compare`, or by a run `{method: images, folder: PATH}` of params.yaml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

from benchmark import cli, config
from benchmark.runs.alignment import aligned_faces, alignment
from benchmark.runs.provenance import data_hash
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs

CPU = torch.device("cpu")
# How LR faces are aligned: their folder and what the protocol says of it. Every STN_0 has a folder of its own, too.
FOLDERS = {
    "none": (
        "lr_unaligned",
        "LR faces, 16 x 16, 8-bit RGB: rotated within ±45°, scaled by 0.8 to 1, shifted within\n  ±5 % of their side.",
    ),
    "stn0": ("lr_stn0", "the same, aligned by STN_0, a network, as the paper's baselines get them."),
    "stn0_supervised": (
        "lr_stn0_supervised",
        "aligned by an STN_0 that is supervised with the true warps; say so.",
    ),
    "oracle": ("lr_oracle", "aligned by their true warps, an upper bound; say so."),
}
PROTOCOL = """# {experiment}: {faces} LR faces to upscale

Data {hash}: {corpus}.

{folders}
- `test/faces.csv`: name, source and yaw of each. The HR faces stay with the benchmark.

Super-resolve one of these folders into another: `NAME.png`, 128 x 128, 8-bit RGB, upright (eyes at (42, 52) and
(86, 52), mouth corners at (46.5, 98) and (81.5, 98)), and nothing else. Score it against a run:

    python -m benchmark compare --experiment {experiment} /path/to/sr bicubic

For a row in the tables, add a run under `runs:` of the block `{experiment}` of params.yaml. `align` names the folder
that you used: {ways}.

      theirs: {{method: images, folder: /path/to/sr, align: none}}

    python -m benchmark launch --experiment {experiment} --only theirs
    python -m benchmark recognise --experiment {experiment}
    python -m benchmark report --experiment {experiment}

Scores: PSNR and SSIM (11 x 11 Gaussian, σ 1.5) on the whole 8-bit image, RGB and Y; means over faces with 95 %
bootstrap intervals over identities.
{train}"""
TRAIN = """
Training: `train/hr/NAME.png` (128 x 128) with the same folders of LR faces, one warp per face;
`train/landmarks.csv` (x and y of up to 68 points in pixels of hr); `train/faces.csv`, in which `validation` is 1 for
the validation fold. Choose hyper-parameters on that fold, never on the test faces.
"""


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    if arguments.to.exists() and (not arguments.to.is_dir() or any(arguments.to.iterdir())):
        raise BadInput(f"{arguments.to}: exists already; give a new folder")
    sides = {side: Pairs.load(experiment.data / side) for side in (("test", "train") if arguments.train else ("test",))}
    with cli.whole_folder(arguments.to) as folder:
        for side, pairs in sides.items():
            write_lr(experiment, pairs, folder / side)
        columns = ["name", "source", "yaw"]
        sides["test"].faces[columns].to_csv(folder / "test" / "faces.csv", index=False)
        if arguments.train:
            write_hr(sides["train"], folder / "train")
        (folder / "README.md").write_text(protocol(experiment, len(sides["test"]), arguments.train))
    print(f"{arguments.to}: {', '.join(f'{len(pairs)} {side} faces' for side, pairs in sides.items())}; see README.md")


def ways(experiment: config.Experiment) -> dict[str, bool]:
    """Map each way to align the experiment's LR faces to whether it can be used: an STN_0 must be trained."""
    trained = {how: experiment.run(how).weights(0).is_dir() for how in FOLDERS if how in experiment.pretrained}
    return {how: trained.get(how, True) for how in FOLDERS if how in (*trained, config.ORACLE, config.NOTHING)}


def write_lr(experiment: config.Experiment, pairs: Pairs, folder: Path) -> None:
    """Write the LR faces of `pairs`, 8-bit: unaligned, aligned by each trained STN_0, and by their true warps."""
    for how, at_hand in ways(experiment).items():
        if at_hand:
            align = alignment(experiment, how, CPU, torch.float64)
            faces = to_uint8(aligned_faces(pairs, align, CPU)).numpy()
            write_images(faces, list(pairs.faces["name"]), folder / FOLDERS[how][0])


def write_hr(pairs: Pairs, folder: Path) -> None:
    """Write what a method may learn from besides LR faces: HR faces, landmarks, the validation fold."""
    names = list(pairs.faces["name"])
    write_images(pairs.hr, names, folder / "hr")
    columns = [f"{axis}{i}" for i in range(pairs.landmarks.shape[1]) for axis in "xy"]
    points = pd.DataFrame(np.array(pairs.landmarks).reshape(len(pairs), -1), columns=columns)
    points.insert(0, "name", names)
    points.to_csv(folder / "landmarks.csv", index=False, float_format="%.3f")
    pairs.faces[["name", "person", "source", "yaw", "validation"]].to_csv(folder / "faces.csv", index=False)


def write_images(images: np.ndarray, names: list[str], folder: Path) -> None:
    """Write folder/NAME.png of images (N, H, W, 3) uint8."""
    folder.mkdir(parents=True)
    for name, image in zip(tqdm(names, desc=f"{folder.parent.name}/{folder.name}", unit="face"), images, strict=True):
        Image.fromarray(np.ascontiguousarray(image)).save(folder / f"{name}.png")


def protocol(experiment: config.Experiment, faces: int, train: bool) -> str:
    """The README of an export."""
    return PROTOCOL.format(
        experiment=experiment.name,
        hash=data_hash(experiment.data),
        corpus=experiment.corpus,
        faces=faces,
        ways=" or ".join(f"`{how}`" for how in ways(experiment)),
        folders="\n".join(
            f"- `test/{FOLDERS[how][0]}/NAME.png`: {FOLDERS[how][1]}"
            + ("" if at_hand else " (Missing: it is not trained.)")
            for how, at_hand in ways(experiment).items()
        ),
        train=TRAIN if train else "",
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="a new folder to write into")
    options.add_argument("--train", action="store_true", help="the training pairs, too")
    return options
