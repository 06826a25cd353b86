"""Rows of the leaderboard: made of SR images, refused in one line where edited, and set in a table."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark import config, leaderboard, submit
from benchmark.runs.row import Row
from datasets.face import BadInput


def make_row(name: str, images: Path, align: str = "stn0") -> Path:
    path = Path("rows") / f"{name}.json"
    options = {"experiment": None, "folder": images, "to": path, "method": name, "citation": "doi:1", "align": align}
    submit.main(argparse.Namespace(**options))
    return path


@pytest.fixture
def images(toy: config.Experiment) -> Path:
    folder = Path("theirs")
    folder.mkdir()
    for path in toy.run("bicubic").images(0).glob("*.png"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def row(images: Path) -> Path:
    return make_row("Their net", images)


def test_a_row_has_the_scores_of_the_run_that_it_is_of(toy: config.Experiment, row: Path) -> None:
    known = pd.read_csv(toy.run("bicubic").metrics.with_suffix(".csv"), dtype={"name": str}).set_index("name")
    mine = Row.model_validate_json(row.read_bytes()).scores()
    pd.testing.assert_frame_equal(mine, known[mine.columns])


def edit_score(row: dict[str, Any]) -> None:
    row["faces"][3]["psnr"] += 0.01


def drop_face(row: dict[str, Any]) -> None:
    del row["faces"][3]


def swap_faces(row: dict[str, Any]) -> None:
    row["faces"][2], row["faces"][3] = row["faces"][3], row["faces"][2]


def other_lr(row: dict[str, Any]) -> None:
    row["faces"][3]["lr"] = "0" * 64


EDITS = {
    "a score": (edit_score, False, "checksum is"),
    "a face missing": (drop_face, True, "number of faces is 11, not 12"),
    "two faces swapped": (swap_faces, True, "stands where .* should"),
    "another LR face": (other_lr, True, "has another LR face"),
    "an old protocol": (lambda row: row.update(protocol=0), True, "protocol is 0, not 1"),
    "other data": (lambda row: row.update(data="1"), True, "data is 1, not"),
    "another experiment": (lambda row: row.update(experiment="lfw"), True, "experiment is lfw, not toy"),
    "no citation": (lambda row: row.update(citation=""), True, "citation: "),
    "an unknown alignment": (lambda row: row.update(align="by hand"), True, "align: "),
    "a key too many": (lambda row: row.update(rank=1), True, "rank: "),
}


@pytest.mark.parametrize(("edit", "sign_again", "says"), EDITS.values(), ids=EDITS)
def test_a_row_that_is_off_is_refused_in_one_line(
    toy: config.Experiment, row: Path, edit: Callable[[dict[str, Any]], None], sign_again: bool, says: str
) -> None:
    content = json.loads(row.read_text())
    edit(content)
    if sign_again and says.count(": ") == 0:
        content = json.loads(Row.model_validate(content).signed().model_dump_json())
    row.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=f"^rows/Their net.json: .*{says}") as error:
        leaderboard.table(toy, Path("rows"))
    assert "\n" not in str(error.value)


def test_what_is_no_row_is_refused(toy: config.Experiment, row: Path) -> None:
    row.write_text("{")
    with pytest.raises(BadInput, match=r"^rows/Their net.json: .*JSON"):
        leaderboard.table(toy, Path("rows"))
    row.unlink()
    with pytest.raises(BadInput, match=r"^rows: no row"):
        leaderboard.table(toy, Path("rows"))


def test_rows_stand_among_the_suites_runs_by_psnr_and_the_oracle_has_no_rank(
    toy: config.Experiment, images: Path, row: Path
) -> None:
    make_row("With true warps", images, "oracle")
    table = leaderboard.table(toy, Path("rows")).set_index("Method")
    psnr = table["PSNR, dB ↑"].str.split().str[0].astype(float)
    assert psnr[:-1].is_monotonic_decreasing
    assert list(table["#"]) == [*map(str, range(1, len(table))), "–"]
    assert table.index[-1] == "With true warps"
    assert table.loc["Their net", "PSNR, dB ↑"] == table.loc["Bicubic", "PSNR, dB ↑"]
    assert table.loc["Their net", "From"] == "doi:1 (scores as submitted)"


def test_images_beside_a_row_are_scored_again(toy: config.Experiment, images: Path, row: Path) -> None:
    beside = Path("rows/Their net")
    shutil.copytree(images, beside)
    assert "images scored again" in " ".join(leaderboard.table(toy, Path("rows"))["From"])
    changed = sorted(beside.glob("*.png"))[0]
    pixels = np.asarray(Image.open(changed)).copy()
    pixels[0, 0, 0] ^= 1  # a difference that no score shows
    Image.fromarray(pixels).save(changed)
    with pytest.raises(BadInput, match=f"{changed.stem}: its image has other scores or another hash"):
        leaderboard.table(toy, Path("rows"))
