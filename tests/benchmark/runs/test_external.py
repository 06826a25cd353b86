"""A method from elsewhere: faces exported, upscaled by a program that knows nothing of this project, and scored."""

import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from experiments import change_run
from foreign import edit, run_export, upscale
from scored import read

from benchmark import compare, config, evaluate, export, predict, train
from benchmark.reporting.results import Results
from benchmark.runs import external
from benchmark.runs.alignment import aligned_faces, oracle
from benchmark.runs.fingerprint import images_up_to_date, is_scored, is_trained
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs

METRICS = Path("results/tiny/metrics")
pytestmark = pytest.mark.usefixtures("upscaled")


def run(name: str, *stages: ModuleType) -> None:
    """Run stages for the run `name`."""
    for stage in stages or (train, predict, evaluate):
        stage.main(stage.parser().parse_args(["--run", name]))


def test_foreign_bicubic_is_scored_as_ours() -> None:
    run("bicubic")
    run("theirs")
    scores = Results(config.load()).summaries
    # Ours sees the turned faces before they are rounded to 8 bits.
    assert scores["theirs"]["psnr"] == pytest.approx(scores["bicubic"]["psnr"], abs=0.02)
    assert scores["theirs"]["ssim"] == pytest.approx(scores["bicubic"]["ssim"], abs=0.002)
    rows = pd.read_csv(METRICS / "theirs.csv", dtype={"name": str})
    assert list(rows["name"]) == list(Pairs.load(Path("data/tiny/test")).faces["name"])


def test_several_trainings_lie_in_a_folder_each() -> None:
    shutil.move("sr", "sr0")
    upscale(Path("out/test/lr_unaligned"), "sr1")
    theirs = change_run("theirs", folder="sr{seed}", seeds=2)
    assert theirs.experiment.training.seeds == 1  # of ours: theirs have been trained
    run("theirs")
    rows = pd.read_csv(METRICS / "theirs.csv").groupby("seed")["psnr"].mean()
    assert rows[0] > rows[1] + 1  # upright, and not
    with pytest.raises(BadInput, match=r"theirs: folder: 'sr0': one folder for several seeds; put \{seed\} into it"):
        external.require_folders(change_run("theirs", folder="sr0", seeds=2))


def test_other_images_under_the_same_path_are_noticed() -> None:
    theirs = config.load().run("theirs")
    run("theirs")
    assert (is_trained(theirs, 0), images_up_to_date(theirs, 0), is_scored(theirs, 0)) == (True, True, True)
    edit(lambda image: image ^ 1)
    assert (is_trained(theirs, 0), images_up_to_date(theirs, 0), is_scored(theirs, 0)) == (False, False, False)


def test_exported_faces_are_the_test_faces() -> None:
    folder, pairs = Path("out"), Pairs.load(Path("data/tiny/test"))
    upright = to_uint8(aligned_faces(pairs, oracle, export.CPU)).numpy()
    for i, name in enumerate(pairs.faces["name"]):
        np.testing.assert_array_equal(read(folder / "test/lr_unaligned" / f"{name}.png"), pairs.lr[i])
        np.testing.assert_array_equal(read(folder / "test/lr_oracle" / f"{name}.png"), upright[i])
    # Without STN_0 there is no folder of it, which the README says; and no HR face of the test set in any case.
    assert {path.name for path in folder.rglob("*") if not path.suffix} == {"test", "lr_unaligned", "lr_oracle"}
    text = (folder / "README.md").read_text()
    assert "24 LR faces" in text
    assert "Data abc: a fixture" in text
    assert "(Missing: it is not trained.)" in text
    assert "train/hr" not in text


def test_faces_by_stn0_and_training_pairs_are_exported_where_it_is_trained_and_they_are_asked_for() -> None:
    run("stn0", train)
    folder, pairs = run_export("more", train=True), Pairs.load(Path("data/tiny/train"))
    stn0, unaligned = (read(folder / "test" / name / "0003.png") for name in ("lr_stn0", "lr_unaligned"))
    assert stn0.shape == (16, 16, 3)
    assert (stn0 != unaligned).any()
    text = (folder / "README.md").read_text()
    assert "Missing" not in text
    assert "train/hr" in text
    np.testing.assert_array_equal(read(folder / "train/hr/0005.png"), pairs.hr[5])
    np.testing.assert_array_equal(read(folder / "train/lr_unaligned/0005.png"), pairs.lr[5])
    points = pd.read_csv(folder / "train/landmarks.csv", dtype={"name": str}).set_index("name")
    np.testing.assert_allclose(points.loc["0005"].to_numpy().reshape(68, 2), pairs.landmarks[5], atol=1e-3)
    assert pd.read_csv(folder / "train/faces.csv")["validation"].sum() == 4


def test_folder_that_holds_something_is_left_alone() -> None:
    thesis = Path("mine/thesis.tex")
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    with pytest.raises(BadInput, match="mine: exists already"):
        run_export("mine")
    assert thesis.exists()


def test_a_likely_mistake_is_scored_warned_of_and_kept_with_the_scores(capfd: pytest.CaptureFixture[str]) -> None:
    edit(lambda image: image[..., ::-1])
    run("theirs")
    (line,) = json.loads((METRICS / "theirs.facts.json").read_text())["warnings"]["seed0"]
    assert "BGR" in line
    assert json.loads((METRICS / "theirs.json").read_text())["psnr"] > 5


def test_a_folder_is_compared_with_a_run_without_being_entered_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    def psnr(folder: str) -> pd.Series:
        return compare.of_folder(config.load(), Path(folder), "bicubic").set_index("").loc["PSNR, dB ↑"]

    run("bicubic")
    found = psnr("sr")
    assert float(found["sr"]) == pytest.approx(float(found["bicubic"]), abs=0.02)
    assert re.fullmatch(r"[+-]0\.0\d \[[+-]0\.0\d, [+-]0\.0\d\]", found["difference [95 %]"])
    pairs = Pairs.load(Path("data/tiny/test"))
    export.write_images(pairs.hr, list(pairs.faces["name"]), Path("hr/sr"))
    best = psnr("hr/sr")
    assert (best["hr/sr"], best["difference [95 %]"]) == ("∞", "+∞ [+∞, +∞]")
    edit(lambda image: image[..., ::-1])
    psnr("sr")
    assert "WARNING: sr: the channels seem to be in BGR order" in capsys.readouterr().err
    assert not (METRICS / "sr.json").exists()


def test_absent_folder_and_wrong_options_are_named() -> None:
    change_run("theirs", folder="gone")
    with pytest.raises(BadInput, match="theirs: folder: 'gone': no such folder"):
        run("theirs", train)
    with pytest.raises(BadInput, match=r"images: content: no such key; known are folder, trained$"):
        external.options_of(change_run("theirs", content="abc"))
