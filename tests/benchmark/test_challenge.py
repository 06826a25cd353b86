"""Rows of the leaderboard: made of SR images, refused in one line where edited, and set in a table."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark import config, leaderboard, submit
from benchmark.submit import Row
from datasets.face import BadInput

ROWS, IMAGES = Path("rows"), Path("theirs")
ROW = ROWS / "Their net.json"


def make_row(name: str, align: str = "stn0") -> None:
    options = {"experiment": None, "folder": IMAGES, "to": ROWS / f"{name}.json", "method": name, "citation": "doi:1"}
    submit.main(argparse.Namespace(**options, align=align))


@pytest.fixture(scope="module")
def made_up_root(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up experiment with images as those of its run bicubic, and a row that is made of them."""
    with made_up.copied(made_up_root, tmp_path_factory.mktemp("submitted") / "project") as root:
        shutil.copytree(config.load().run("bicubic").images(0), IMAGES)
        make_row("Their net")
    return root


def test_a_row_has_the_scores_of_the_run_that_it_is_of(toy: config.Experiment) -> None:
    known = pd.read_csv(toy.run("bicubic").metrics.with_suffix(".csv"), dtype={"name": str}).set_index("name")
    mine = Row.model_validate_json(ROW.read_bytes()).scores()
    pd.testing.assert_frame_equal(mine, known[mine.columns])


# What is changed, whether the row gets the checksum of what it then holds, and what is said.
EDITS = {
    "a score": (lambda row: row["faces"][3].update(psnr=row["faces"][3]["psnr"] + 0.01), False, "checksum is"),
    "a face missing": (lambda row: row["faces"].pop(3), True, "number of faces is 11, not 12"),
    "two faces swapped": (lambda row: row["faces"].insert(2, row["faces"].pop(3)), True, "stands where .* should"),
    "another LR face": (lambda row: row["faces"][3].update(lr="0" * 64), True, "has another LR face"),
    "an old protocol": (lambda row: row.update(protocol=0), True, "protocol is 0, not 1"),
    "other data": (lambda row: row.update(data="1"), True, "data is 1, not"),
    "another experiment": (lambda row: row.update(experiment="lfw"), True, "experiment is lfw, not toy"),
    "no citation": (lambda row: row.update(citation=""), False, "citation: "),
    "an unknown alignment": (lambda row: row.update(align="by hand"), False, "align: "),
    "a key too many": (lambda row: row.update(rank=1), False, "rank: "),
}


@pytest.mark.parametrize(("edit", "sign_again", "says"), EDITS.values(), ids=EDITS)
def test_a_row_that_is_off_is_refused_in_one_line(
    toy: config.Experiment, edit: Callable[[dict[str, Any]], object], sign_again: bool, says: str
) -> None:
    content = json.loads(ROW.read_text())
    edit(content)
    ROW.write_text(Row.model_validate(content).signed().model_dump_json() if sign_again else json.dumps(content))
    with pytest.raises(BadInput, match=f"^rows/Their net.json: .*{says}") as error:
        leaderboard.table(toy, ROWS)
    assert "\n" not in str(error.value)


def test_what_is_no_row_is_refused(toy: config.Experiment) -> None:
    ROW.write_text("{")
    with pytest.raises(BadInput, match=r"^rows/Their net.json: .*JSON"):
        leaderboard.table(toy, ROWS)
    ROW.unlink()
    with pytest.raises(BadInput, match=r"^rows: no row"):
        leaderboard.table(toy, ROWS)


def test_rows_stand_among_the_suites_runs_by_psnr_and_the_oracle_has_no_rank(toy: config.Experiment) -> None:
    make_row("With true warps", "oracle")
    table = leaderboard.table(toy, ROWS).set_index("Method")
    psnr = table["PSNR, dB ↑"].str.split().str[0].astype(float)
    assert psnr[:-1].is_monotonic_decreasing
    assert list(table["#"]) == [*map(str, range(1, len(table))), "–"]
    assert table.index[-1] == "With true warps"
    assert table.loc["Their net", "PSNR, dB ↑"] == table.loc["Bicubic", "PSNR, dB ↑"]
    assert table.loc["Their net", "From"] == "doi:1 (scores as submitted)"


def test_images_beside_a_row_are_scored_again(toy: config.Experiment) -> None:
    beside = shutil.copytree(IMAGES, ROW.with_suffix(""))
    assert "images scored again" in " ".join(leaderboard.table(toy, ROWS)["From"])
    changed = min(beside.glob("*.png"))
    pixels = np.array(Image.open(changed))
    pixels[0, 0, 0] ^= 1  # a difference that no score shows
    Image.fromarray(pixels).save(changed)
    with pytest.raises(BadInput, match=f"{changed.stem}: its image has other scores or another hash"):
        leaderboard.table(toy, ROWS)
