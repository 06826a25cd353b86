"""SR images made elsewhere: a run `{method: images, folder: PATH}` of params.yaml, which names no method.

PATH holds NAME.png, 128 x 128, for every test face that `export` wrote; with {seed} in it, one folder a training. The
images are taken over, checked for likely mistakes, and from then on scored and shown like those of any other run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field
from tqdm import tqdm

from benchmark import cli, config
from benchmark.runs.provenance import RECORD, data_hash
from benchmark.scoring.image_faults import likely_mistakes
from datasets import sr_faces
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.options import Options, parse_options

SEED = "{seed}"
WARNINGS = ".warnings.json"  # next to the images
REMEDY = "it must hold NAME.png for each face that `export` writes, and nothing else"


class ExternalOptions(Options):
    """Options of a run whose SR images were made elsewhere."""

    folder: str = Field(min_length=1, description="of the images; {seed} in it is replaced by the seed")
    trained: bool = Field(True, description="false if retraining the method would give the same images")

    def of(self, seed: int) -> Path:
        """The folder of one seed's images."""
        return Path(self.folder.replace(SEED, str(seed))).expanduser()


def options_of(run: config.Run) -> ExternalOptions:
    """The run's options.

    Raises:
        BadInput: if an option is unknown or missing.
    """
    if "folder" not in run.options:
        raise BadInput(f"params.yaml: {run.name}: method {run.method} needs folder: PATH OF ITS SR FACES")
    return parse_options(ExternalOptions, run.options, run.method)


def record_of(run: config.Run, seed: int) -> dict[str, Any]:
    """Describe what decides the scores of one seed's images, in place of a training: the test faces and the images.

    Other images under the same path have another fingerprint.
    """
    data = data_hash(run.experiment.data)
    digest = hashlib.sha256(str(data).encode())
    for path in sorted(filter(Path.is_file, options_of(run).of(seed).glob("*.png"))):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    names = {"experiment": run.experiment.name, "run": run.name, "method": run.method, "align": run.align, "vgg": None}
    identity = {"fingerprint": digest.hexdigest(), "data": data, "seed": seed}
    return {**identity, **names, "options": options_of(run).model_dump()}


def require_folders(run: config.Run) -> None:
    """Raise BadInput unless there is a folder for each seed, and of its own."""
    options, where = options_of(run), f"params.yaml: {run.name}: folder:"
    if len(run.seeds) > 1 and SEED not in options.folder:
        raise BadInput(f"{where} {options.folder!r}: one folder for several seeds; put {SEED} into it")
    for folder in map(options.of, run.seeds):
        if not folder.is_dir():
            raise BadInput(f"{where} {str(folder)!r}: no such folder; correct it")


def store_records(run: config.Run) -> None:
    """Write, in place of weights, the record of each seed's images."""
    require_folders(run)
    for seed in run.seeds:
        with cli.whole_folder(run.weights(seed)) as folder:
            cli.write_json(folder / RECORD, {**record_of(run, seed), "parameters": 0, "notes": {}})


def import_seed(run: config.Run, seed: int, pairs: Pairs, target: Path) -> None:
    """Take over one seed's images; likely mistakes are printed, and kept for the facts of the scores."""
    source = options_of(run).of(seed)
    images, mistakes = read_images(source, pairs)
    warn(source, mistakes)
    for name, image in zip(pairs.faces["name"], images, strict=True):
        Image.fromarray(image).save(target / f"{name}.png", compress_level=1)
    cli.write_json(target / WARNINGS, mistakes)


def warn(folder: Path, mistakes: Sequence[str]) -> None:
    """Print likely mistakes in the images of a folder."""
    for line in mistakes:
        print(f"WARNING: {folder}: {line}", file=sys.stderr)


def read_images(folder: Path, pairs: Pairs) -> tuple[np.ndarray, list[str]]:
    """Read folder/NAME.png for each of `pairs`.

    Returns:
        SR faces (N, 128, 128, 3) uint8 RGB, and likely mistakes in them, a line each.

    Raises:
        BadInput: names files that are missing, not of the test set, of another size or unreadable.
    """
    names = list(pairs.faces["name"])
    sr_faces.require_names(folder, names, remedy=REMEDY)
    paths = [folder / f"{name}.png" for name in names]
    images = np.stack([sr_faces.read(path, "make it again") for path in tqdm(paths, f"import {folder}", unit="face")])
    return images, file_mistakes(paths, images) + likely_mistakes(images, pairs.hr, names)


def file_mistakes(paths: Sequence[Path], images: np.ndarray) -> list[str]:
    """Report files whose pixels are more than 8-bit RGB: transparent ones, and those of 16 bits."""
    transparent = [path.name for path in paths if _is_transparent(path)]
    deep = [path.name for path in paths if path.read_bytes()[24:25] == b"\x10"]  # bits a channel, in PNG's header
    lines = []
    if transparent:
        lines.append(f"{len(transparent)} images are partly transparent ({transparent[0]}, ...): alpha is ignored")
    if deep and images.max() <= 1:
        lines.append(f"{len(deep)} images have 16 bits, but seem to hold values of 0..255: save them with 8 bits")
    elif deep:
        lines.append(f"{len(deep)} images have 16 bits ({deep[0]}, ...): the upper 8 are used")
    return lines


def _is_transparent(path: Path) -> bool:
    with Image.open(path) as image:
        if not image.has_transparency_data:
            return False
        lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
        return int(lowest) < 255  # type: ignore[arg-type]


def warnings_of(run: config.Run, seeds: Sequence[int]) -> dict[str, list[str]]:
    """Likely mistakes in imported images, by seed; {} where there are none."""
    files = {f"seed{seed}": run.images(seed) / WARNINGS for seed in seeds}
    found = {seed: json.loads(path.read_text()) for seed, path in files.items() if path.is_file()}
    return {seed: lines for seed, lines in found.items() if lines}
