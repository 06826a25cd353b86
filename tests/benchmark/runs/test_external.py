"""A method from elsewhere: faces exported, upscaled by a program that knows nothing of this project, and scored."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import experiments
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scored import read

from benchmark import compare, config, evaluate, export, predict, train
from benchmark.reporting.results import Results
from benchmark.runs import external
from benchmark.runs.alignment import aligned_faces, oracle
from benchmark.runs.fingerprint import images_up_to_date, is_scored, is_trained
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from tests.test_docs import ROOT, blocks

# What the page shows: it imports Pillow alone.
(PROGRAM,) = [code for code in blocks(ROOT / "docs/your-method.md", "python") if "sys.argv" in code]
EXPERIMENT = experiments.block(
    "tiny",
    corpus="a fixture",
    training={"recipe": "paper", "seeds": 1, "vgg": None},
    runs={
        "bicubic": {"method": "bicubic", "align": "oracle"},
        "theirs": {"method": "images", "folder": "sr", "align": "oracle"},
    },
)


@pytest.fixture
def project(pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with 24 test faces, which are the training faces, too."""
    monkeypatch.chdir(tmp_path)
    experiments.write(tmp_path, EXPERIMENT)
    for side in ("train", "test"):
        shutil.copytree(pairs_folder, f"data/tiny/{side}")
    Path("data/tiny/manifest.json").write_text('{"hash": "abc"}')
    return tmp_path


def run(name: str, *stages: ModuleType) -> None:
    """Run stages for the run `name`."""
    for stage in stages or (train, predict, evaluate):
        stage.main(stage.parser().parse_args(["--run", name]))


def run_export(to: str = "out", train: bool = False) -> Path:
    export.main(argparse.Namespace(experiment=None, to=Path(to), train=train))
    return Path(to)


def play_foreign(folder: Path = Path("out/test/lr_oracle")) -> None:
    shutil.rmtree("sr", ignore_errors=True)
    subprocess.run([sys.executable, "-I", "-c", PROGRAM, folder, "sr"], check=True)


def edit(change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every image (128, 128, 3) uint8 in the folder `sr`."""
    for path in Path("sr").iterdir():
        Image.fromarray(np.ascontiguousarray(change(read(path)))).save(path)


def test_foreign_bicubic_is_scored_as_ours(project: Path) -> None:
    run_export()
    play_foreign()
    run("bicubic")
    run("theirs")
    scores = Results(config.load()).summaries
    # Ours sees the turned faces before they are rounded to 8 bits.
    assert scores["theirs"]["psnr"] == pytest.approx(scores["bicubic"]["psnr"], abs=0.02)
    assert scores["theirs"]["ssim"] == pytest.approx(scores["bicubic"]["ssim"], abs=0.002)
    rows = pd.read_csv("results/tiny/metrics/theirs.csv", dtype={"name": str})
    assert list(rows["name"]) == list(Pairs.load(Path("data/tiny/test")).faces["name"])


def test_several_trainings_lie_in_a_folder_each(project: Path) -> None:
    run_export()
    for seed, source in enumerate(("lr_oracle", "lr_unaligned")):
        subprocess.run([sys.executable, "-I", "-c", PROGRAM, f"out/test/{source}", f"sr{seed}"], check=True)
    theirs = change_run({"folder": "sr{seed}", "seeds": 2})
    assert theirs.experiment.params.training.seeds == 1  # of ours: theirs have been trained
    run("theirs")
    rows = pd.read_csv("results/tiny/metrics/theirs.csv").groupby("seed")["psnr"].mean()
    assert rows[0] > rows[1] + 1  # upright, and not
    with pytest.raises(BadInput, match=r"theirs: folder: 'sr0': one folder for several seeds; put \{seed\} into it"):
        external.require_folders(change_run({"folder": "sr0", "seeds": 2}))


def change_run(options: dict[str, Any]) -> config.Run:
    """The run `theirs` with these options too, in params.yaml."""
    runs = EXPERIMENT["runs"]
    experiments.write(Path(), EXPERIMENT | {"runs": runs | {"theirs": runs["theirs"] | options}})
    return config.load().run("theirs")


def test_other_images_under_the_same_path_are_noticed(project: Path) -> None:
    run_export()
    play_foreign()
    theirs = config.load().run("theirs")
    run("theirs")
    assert (is_trained(theirs, 0), images_up_to_date(theirs, 0), is_scored(theirs, 0)) == (True, True, True)
    play_foreign(Path("out/test/lr_unaligned"))
    assert (is_trained(theirs, 0), images_up_to_date(theirs, 0), is_scored(theirs, 0)) == (False, False, False)


def test_exported_faces_are_the_test_faces(project: Path) -> None:
    folder = run_export()
    pairs = Pairs.load(Path("data/tiny/test"))
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


def test_faces_by_stn0_are_exported_once_it_is_trained(project: Path) -> None:
    run("stn0", train)
    folder = run_export()
    stn0, unaligned = (read(folder / "test" / name / "0003.png") for name in ("lr_stn0", "lr_unaligned"))
    assert stn0.shape == (16, 16, 3)
    assert (stn0 != unaligned).any()
    assert "Missing" not in (folder / "README.md").read_text()


def test_training_pairs_come_when_asked(project: Path) -> None:
    folder = run_export(train=True) / "train"
    pairs = Pairs.load(Path("data/tiny/train"))
    np.testing.assert_array_equal(read(folder / "hr/0005.png"), pairs.hr[5])
    np.testing.assert_array_equal(read(folder / "lr_unaligned/0005.png"), pairs.lr[5])
    points = pd.read_csv(folder / "landmarks.csv", dtype={"name": str}).set_index("name")
    np.testing.assert_allclose(points.loc["0005"].to_numpy().reshape(68, 2), pairs.landmarks[5], atol=1e-3)
    assert pd.read_csv(folder / "faces.csv")["validation"].sum() == 4
    assert "train/hr" in (folder.parent / "README.md").read_text()


def test_folder_that_holds_something_is_left_alone(project: Path) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match="mine: exists already"):
        run_export("mine")
    assert (project / "mine" / "thesis.tex").exists()


def test_a_likely_mistake_is_scored_warned_of_and_kept_with_the_scores(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_export()
    play_foreign()
    edit(lambda image: image[..., ::-1])
    run("theirs")
    (line,) = json.loads(Path("results/tiny/metrics/theirs.facts.json").read_text())["warnings"]["seed0"]
    assert "BGR" in line
    assert json.loads(Path("results/tiny/metrics/theirs.json").read_text())["psnr"] > 5


def test_a_folder_is_compared_with_a_run_without_being_entered_anywhere(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_export()
    play_foreign()
    run("bicubic")
    table = compare.of_folder(config.load(), Path("sr"), "bicubic").set_index("")
    psnr = table.loc["PSNR, dB ↑"]
    assert float(psnr["sr"]) == pytest.approx(float(psnr["bicubic"]), abs=0.02)
    assert re.fullmatch(r"[+-]0\.0\d \[[+-]0\.0\d, [+-]0\.0\d\]", psnr["difference [95 %]"])
    pairs = Pairs.load(Path("data/tiny/test"))
    export.write_images(pairs.hr, list(pairs.faces["name"]), Path("hr/sr"))
    best = compare.of_folder(config.load(), Path("hr/sr"), "bicubic").set_index("").loc["PSNR, dB ↑"]
    assert (best["hr/sr"], best["difference [95 %]"]) == ("∞", "+∞ [+∞, +∞]")
    edit(lambda image: image[..., ::-1])
    compare.of_folder(config.load(), Path("sr"), "bicubic")
    assert "WARNING: sr: the channels seem to be in BGR order" in capsys.readouterr().err
    assert not Path("results/tiny/metrics/sr.json").exists()


def test_absent_folder_is_named(project: Path) -> None:
    with pytest.raises(BadInput, match="theirs: folder: 'sr': no such folder"):
        run("theirs", train)


def test_wrong_options_are_named(project: Path) -> None:
    with pytest.raises(BadInput, match=r"images: content: no such key; known are folder, trained$"):
        external.options_of(change_run({"content": "abc"}))
