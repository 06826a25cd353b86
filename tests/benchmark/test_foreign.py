"""A method from elsewhere: faces exported, upscaled by a program that knows nothing of this project, and scored."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from pipeline import run

from benchmark import cli, config, export, predict
from benchmark.alignment import aligned_faces, oracle
from benchmark.foreign import take
from benchmark.reporting.measurements import measured
from benchmark.train import stored
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, create

# What the README shows: it imports Pillow alone.
PROGRAM = """
import sys
from collections.abc import Callable
from pathlib import Path
from PIL import Image
lr, sr = map(Path, sys.argv[1:])
sr.mkdir()
for path in lr.glob("*.png"):
    Image.open(path).resize((128, 128), Image.Resampling.BICUBIC).save(sr / path.name)
"""
PARAMS = {
    "experiment": "tiny",
    "experiments": {
        "tiny": {
            "corpus": "a fixture",
            "prepare": {},
            "recognise": {"count": 2, "seed": 0},
            "training": {"seeds": 1, "recipe": "paper", "vgg": None},
            "stn0": {"epochs": 1, "batch_size": 8},
            "methods": {"bicubic": {}, "images": {}},
        }
    },
    "runs": {
        "bicubic": {"method": "bicubic", "align": "oracle"},
        "theirs": {"method": "images", "folder": "sr", "align": "oracle"},
    },
}


@pytest.fixture
def project(pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with 24 test faces, which are the training faces, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXPERIMENT", raising=False)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    for side in ("train", "test"):
        shutil.copytree(pairs_folder, f"data/tiny/{side}")
    Path("data/tiny/manifest.json").write_text('{"hash": "abc"}')
    return tmp_path


def run_export(to: str = "out", train: bool = False) -> Path:
    export.main(argparse.Namespace(experiment=None, to=Path(to), train=train))
    return Path(to)


def play_foreign(folder: Path = Path("out/test/lr_oracle")) -> None:
    shutil.rmtree("sr", ignore_errors=True)
    subprocess.run([sys.executable, "-I", "-c", PROGRAM, folder, "sr"], check=True)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_foreign_bicubic_is_scored_as_ours(project: Path) -> None:
    run_export()
    play_foreign()
    stages = [
        f"benchmark.{stage} --run {name}" for name in PARAMS["runs"] for stage in ("train", "predict", "evaluate")
    ]
    run(project, *stages)
    scores = measured(config.load())
    # Ours sees the turned faces before they are rounded to 8 bits.
    assert scores["theirs"]["psnr"] == pytest.approx(scores["bicubic"]["psnr"], abs=0.02)
    assert scores["theirs"]["ssim"] == pytest.approx(scores["bicubic"]["ssim"], abs=0.002)
    rows = pd.read_csv("results/tiny/metrics/theirs.csv", dtype={"name": str})
    assert list(rows["name"]) == list(Pairs.load(Path("data/tiny/test")).faces["name"])


def test_several_trainings_lie_in_a_folder_each(project: Path) -> None:
    run_export()
    for seed, source in enumerate(("lr_oracle", "lr_unaligned")):
        subprocess.run([sys.executable, "-I", "-c", PROGRAM, f"out/test/{source}", f"sr{seed}"], check=True)
    params = yaml.safe_load(yaml.safe_dump(PARAMS))
    assert params["experiments"]["tiny"]["training"]["seeds"] == 1  # of ours: theirs have been trained
    params["runs"]["theirs"] |= {"folder": "sr{seed}", "seeds": 2}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    run(project, *(f"benchmark.{stage} --run theirs" for stage in ("train", "predict", "evaluate")))
    rows = pd.read_csv("results/tiny/metrics/theirs.csv").groupby("seed")["psnr"].mean()
    assert rows[0] > rows[1] + 1  # upright, and not


def test_one_folder_is_not_taken_for_several_trainings(project: Path, pairs: Pairs) -> None:
    Path("sr").mkdir()
    images = create("images", {"folder": "sr"})
    images.fit(pairs, Context(export.CPU, seed=0))
    with pytest.raises(BadInput, match=r"'sr': one folder for several seeds; put \{seed\} into it"):
        images.fit(pairs, Context(export.CPU, seed=1))


def test_other_images_under_the_same_path_are_noticed(project: Path) -> None:
    run_export()
    play_foreign()
    run(project, "benchmark.train --run theirs")
    assert stored(config.load().run("theirs"), 0)
    play_foreign(Path("out/test/lr_unaligned"))
    assert not stored(config.load().run("theirs"), 0)


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
    assert "STN_0 was not trained" in text
    assert "train/hr" not in text


def test_faces_by_stn0_are_exported_once_it_is_trained(project: Path) -> None:
    run(project, "benchmark.align_stn0")
    folder = run_export()
    stn0, unaligned = (read(folder / "test" / name / "0003.png") for name in ("lr_stn0", "lr_unaligned"))
    assert stn0.shape == (16, 16, 3)
    assert (stn0 != unaligned).any()
    assert "not trained" not in (folder / "README.md").read_text()


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


def small(path: Path) -> None:
    Image.new("RGB", (64, 128)).save(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda sr: (sr / "0007.png").unlink(), "1 of 24 images missing: 0007.png;"),
        (lambda sr: [path.unlink() for path in sr.iterdir()], "24 of 24 images missing: 0000.png, .*0004.png, ...;"),
        (lambda sr: shutil.copy(sr / "0007.png", sr / "grid.png"), "1 of 24 images not of the test set: grid.png;"),
        (lambda sr: (sr / "log.txt").write_text(""), "1 of 24 images not of the test set: log.txt;"),
        (lambda sr: (sr / "0007.png").rename(sr / "0007.jpg"), "missing: 0007.png;"),
        (lambda sr: small(sr / "0007.png"), "0007.png: 64 x 128, expected 128 x 128"),
        (lambda sr: (sr / "0007.png").write_bytes(b""), "0007.png: cannot be decoded"),
    ],
    ids=["missing", "empty", "extra image", "extra file", "another format", "mis-sized", "no image"],
)
def test_wrong_files_are_named_and_nothing_is_scored(
    change: Callable[[Path], object], says: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_export()
    play_foreign()
    change(project / "sr")
    monkeypatch.setattr(predict, "stored", lambda *_: True)
    with pytest.raises(BadInput, match=says):
        predict.main(argparse.Namespace(experiment=None, run="theirs", device="cpu"))
    assert not (project / "results/tiny/sr/theirs").exists()


def test_hidden_files_do_no_harm_and_grey_and_alpha_are_taken(project: Path) -> None:
    run_export()
    play_foreign()
    (project / "sr" / ".DS_Store").write_bytes(b"\0")
    Image.new("L", (128, 128), 7).save("sr/0001.png")
    Image.new("RGBA", (128, 128), (1, 2, 3, 4)).save("sr/0002.png")
    take(Path("sr"), list(Pairs.load(Path("data/tiny/test")).faces["name"]), Path("taken"))
    assert (read(Path("taken/0001.png")) == 7).all()
    assert (read(Path("taken/0002.png")) == (1, 2, 3)).all()


def test_absent_folder_is_named(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    from benchmark import train

    monkeypatch.setattr(sys, "argv", ["train", "--run", "theirs"])
    with pytest.raises(SystemExit, match="2"):
        cli.run(train.main, train.parser())
    assert "'sr': no such folder" in capsys.readouterr().err


def test_foreign_images_upscale_no_other_face(pairs: Pairs) -> None:
    with pytest.raises(BadInput, match="test set alone"):
        create("images", {"folder": "sr"}).upscale(torch.zeros(1, 3, 16, 16))


def test_what_images_find_out_themselves_is_no_option() -> None:
    with pytest.raises(BadInput, match=r"Images has no option 'content'; it has folder, trained$"):
        create("images", {"folder": "sr", "content": "abc"})
