"""Score a folder of SR images NAME.png and write a row for the leaderboard (docs/challenge.md)."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark import cli, config
from benchmark.evaluate import score_faces
from benchmark.reporting import tables
from benchmark.runs import external
from benchmark.runs.provenance import data_hash
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.statistics import mean_interval
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.options import first_problem

PROTOCOL = 1  # raise it when the same images would be scored otherwise
Alignment = Literal["none", "stn0", "stn0_supervised", "oracle"]
Digest = Field(pattern="^[0-9a-f]{64}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class Face(_Strict):
    """One test face: SHA-256 of its LR pixels and of the SR pixels, dB and SSIM in RGB and in Y."""

    name: str
    lr: str = Digest
    sr: str = Digest
    psnr: float
    ssim: float = Field(ge=-1, le=1)
    psnr_y: float
    ssim_y: float = Field(ge=-1, le=1)


class Row(_Strict):
    """What a submitter says of a method, and its scores by face. align: which LR faces the method was given.

    The checksum shows a careless edit. Whoever makes a new one can still invent scores: that shows when the images are
    scored again.
    """

    protocol: int
    experiment: str
    data: str
    method: str = Field(min_length=1, max_length=60)
    citation: str = Field(min_length=1)
    align: Alignment
    faces: list[Face]
    checksum: str = ""

    def signed(self) -> Self:
        """The row with the checksum of all the rest of it."""
        content = self.model_copy(update={"checksum": ""}).model_dump_json()
        return self.model_copy(update={"checksum": hashlib.sha256(content.encode()).hexdigest()})

    def scores(self) -> pd.DataFrame:
        """PSNR and SSIM by face name."""
        return pd.DataFrame([face.model_dump() for face in self.faces]).set_index("name")[list(COLUMNS)]


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    pairs = Pairs.load(experiment.data / "test")
    row = Row(
        protocol=PROTOCOL,
        experiment=experiment.name,
        data=str(data_hash(experiment.data, "test")),
        method=arguments.method,
        citation=arguments.citation,
        align=arguments.align,
        faces=scored(arguments.folder, pairs),
    ).signed()
    cli.write_text(arguments.to, row.model_dump_json(indent=1) + "\n")
    for name, bounds in means(row, pairs).items():
        print(f"{tables.MEASURES[name].title}: {tables.interval(*bounds, digits=tables.MEASURES[name].digits)}")
    print(f"{arguments.to}: {len(row.faces)} faces")


def scored(folder: Path, pairs: Pairs) -> list[Face]:
    """Score the images of a folder; likely mistakes in them are printed."""
    images, mistakes = external.read_images(folder, pairs)
    external.warn(folder, mistakes)
    scores = score_faces(images.__getitem__, pairs, folder.name)[["name", *COLUMNS]]
    rows = scores.assign(lr=hashes(pairs.lr), sr=hashes(images)).to_dict("records")
    return [Face.model_validate(row) for row in rows]


def hashes(images: np.ndarray) -> list[str]:
    """SHA-256 of each image's pixels; images: (N, H, W, 3) uint8."""
    return [hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() for image in images]


def read(path: Path, experiment: config.Experiment, pairs: Pairs) -> Row:
    """Read a row and check that it is whole, unedited, and of these test faces.

    Raises:
        BadInput: in one line, what is off.
    """
    try:
        row = Row.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(Row, error)}") from error
    again = f"make it again with `python -m benchmark score --experiment {experiment.name}`"
    for what, is_, should in (
        ("protocol", row.protocol, PROTOCOL),
        ("experiment", row.experiment, experiment.name),
        ("checksum", row.checksum, row.signed().checksum),
        ("data", row.data, str(data_hash(experiment.data, "test"))),
        ("number of faces", len(row.faces), len(pairs)),
    ):
        if is_ != should:
            raise BadInput(f"{path}: {what} is {is_}, not {should}; {again}")
    for face, name, lr in zip(row.faces, pairs.faces["name"], hashes(pairs.lr), strict=True):
        if (face.name, face.lr) != (name, lr):
            raise BadInput(f"{path}: face {face.name} stands where {name} should, or has another LR face; {again}")
    return row


def require_images(row: Row, path: Path, faces: list[Face]) -> None:
    """Raise BadInput, which names the first face that differs, unless a row is that of its images, scored again."""
    for claimed, found in zip(row.faces, faces, strict=True):
        if claimed != found:
            raise BadInput(f"{path}: {claimed.name}: its image has other scores or another hash than the row says")


def means(row: Row, pairs: Pairs) -> dict[str, tuple[float, float, float]]:
    """Mean over faces of each measure, with its 95 % interval over identities."""
    scores, people = row.scores(), pairs.faces["person"].to_numpy()
    return {column: mean_interval(scores[column].to_numpy(), people) for column in COLUMNS}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("folder", type=Path, help="of SR images, one for each face that `export` writes")
    options.add_argument("--to", type=Path, required=True, metavar="ROW.json", help="the row to write")
    options.add_argument("--method", required=True, help="its name in the table")
    options.add_argument("--citation", required=True, help="where the method is described: a DOI or an address")
    options.add_argument("--align", required=True, choices=get_args(Alignment), help="which LR faces it was given")
    return options
