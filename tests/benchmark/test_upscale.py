"""Your own photographs: found faces are cut and upscaled, and what cannot be used is one line."""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import experiments
import numpy as np
import pytest
import torch
from PIL import Image
from scored import read

from benchmark import config, upscale
from benchmark.runs.make import make_method
from datasets import align, degrade, detect, photograph
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput, Face
from datasets.portrait.drawing import draw

pytestmark = pytest.mark.slow

SKY = (120, 150, 190)
SIDE = 260  # of a drawn face in a photograph
PLACES = ((20, 30), (310, 60), (600, 20))


@pytest.fixture(scope="module")
def drawn() -> list[Face]:
    """Three drawn people, not in profile."""
    faces = (draw(person, 0, 5, aligned=False) for person in range(20))
    return [face for face in faces if len(face.landmarks) == 68][:3]


def compose(faces: list[Face]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A photograph (360, 900, 3) of the faces side by side, and each one's landmarks (68, 2) in it."""
    image, points = np.full((360, 900, 3), SKY, np.uint8), []
    for face, (x, y) in zip(faces, PLACES, strict=False):
        height, width = face.image.shape[:2]
        image[y : y + SIDE, x : x + SIDE] = cv2.resize(face.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        points.append((face.landmarks + 0.5) * (SIDE / width, SIDE / height) - 0.5 + (x, y))
    return image, points


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose only trained run is bicubic interpolation."""
    monkeypatch.chdir(tmp_path)
    runs = {name: {"method": "bicubic", "align": "none"} for name in ("bicubic", "vdsr")}
    runs["net"] = {"method": "vdsr", "align": "none"}
    experiments.write(tmp_path, experiments.block("x", methods={"vdsr": {"width": 64}}, runs=runs))
    Path("results/x/weights/bicubic/seed0").mkdir(parents=True)
    return tmp_path


def run(*photos: str, **options: Any) -> Path:
    given = {"experiment": None, "run": None, "to": Path("up"), "whole": False, "lr": False, "device": "cpu"} | options
    upscale.main(argparse.Namespace(photo=[Path(photo) for photo in photos], **given))
    return given["to"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def save_sky(path: str, size: tuple[int, int] = (50, 50)) -> None:
    """A photograph without a face."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, SKY).save(path)


def test_a_network_that_is_given_away_is_taken_where_none_is_trained(project: Path) -> None:
    vdsr, bicubic = (config.load().run(name) for name in ("vdsr", "bicubic"))
    assert upscale.trained(config.load()) == ["bicubic"]
    for run_ in (vdsr, bicubic):
        run_.released.mkdir(parents=True)
    assert upscale.trained(config.load()) == ["bicubic", "vdsr"]
    assert upscale.weights_of(vdsr) == vdsr.released
    assert upscale.weights_of(bicubic) == bicubic.weights(0)  # one's own comes first


def test_a_network_that_is_given_away_brings_its_stn0(project: Path) -> None:
    experiments.change(project, runs={"upright": {"method": "bicubic", "align": "stn0"}})
    upright = config.load().run("upright")
    upright.released.mkdir(parents=True)
    fetched = upright.released.rename("elsewhere")
    upright.released.with_suffix(".dvc").touch()
    with pytest.raises(BadInput, match="run `make networks` first"):
        upscale.upscaler(upright, torch.device("cpu"))
    fetched.rename(upright.released)
    with pytest.raises(BadInput, match=r"stn0/seed0.*no weights"):
        upscale.upscaler(upright, torch.device("cpu"))
    stn0 = make_method(config.load().run("stn0"))
    with torch.no_grad():
        for weights in stn0.module.parameters():
            weights += 0.01 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    (upright.released / "stn0").mkdir()
    stn0.save(upright.released / "stn0")
    lr = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    aligned = to_uint8(degrade.resize(stn0.align(lr)[0], 128)).numpy()
    shown = upscale.upscaler(upright, torch.device("cpu"))(lr)
    assert np.abs(shown.astype(int) - aligned).max() <= 1
    assert np.abs(shown.astype(int) - to_uint8(degrade.resize(lr, 128)).numpy()).max() > 10


def test_weights_are_taken_for_what_they_are(project: Path) -> None:
    run_ = config.load().run("net")
    run_.weights(0).mkdir(parents=True)
    (run_.weights(0) / "config.json").write_text(json.dumps({"options": {"width": 4, "depth": 3}}))
    assert (upscale.method_of(run_).options.width, upscale.method_of(run_).options.depth) == (4, 3)


@pytest.mark.parametrize("count", [1, 3])
def test_every_face_is_found_where_it_is(count: int, drawn: list[Face]) -> None:
    image, points = compose(drawn[:count])
    found = detect.find_faces(image)
    assert len(found) == count
    for landmarks, truth in zip(found, points, strict=True):
        anchors, expected = align.anchor_points(landmarks)[0], align.anchor_points(truth)[0]
        eyes = np.linalg.norm(expected[0] - expected[1])
        assert np.linalg.norm(anchors - expected, axis=1).mean() < 0.2 * eyes


def test_faces_are_cut_as_the_protocol_cuts_and_drawn_on_a_sheet(project: Path, drawn: list[Face]) -> None:
    image, _ = compose(drawn)
    Image.fromarray(image).save("three.png")
    folder = run("three.png") / "three.png"
    pieces = {f"face{i}_{name}.png" for i in (1, 2, 3) for name in ("lr", "bicubic", "original")}
    assert names(folder) == {"sheet.png", *pieces}
    for i, landmarks in enumerate(detect.find_faces(image), 1):
        hr = align.warp(image, align.similarity(align.anchor_points(landmarks)[0], align.TEMPLATE))
        np.testing.assert_array_equal(read(folder / f"face{i}_original.png"), hr)
        lr = degrade.degrade(to_float(torch.from_numpy(hr)[None]), torch.tensor([[0.0, 1.0, 0.0, 0.0]]))
        np.testing.assert_array_equal(read(folder / f"face{i}_lr.png"), to_uint8(lr)[0].numpy())
        sr = degrade.resize(lr, 128).clamp(0, 1)
        np.testing.assert_array_equal(read(folder / f"face{i}_bicubic.png"), to_uint8(sr)[0].numpy())


def test_whole_takes_the_central_square(project: Path) -> None:
    pixels = np.zeros((64, 100, 3), np.uint8)
    pixels[:, 18:82] = np.arange(64)[:, None, None] * 3
    Image.fromarray(pixels).save("a.png")
    folder = run("a.png", whole=True) / "a.png"
    expected = cv2.resize(pixels[:, 18:82], (128, 128), interpolation=cv2.INTER_CUBIC)
    assert np.abs(read(folder / "face1_original.png").astype(int) - expected)[4:-4, 4:-4].max() <= 3
    assert read(folder / "face1_lr.png").shape == (16, 16, 3)


def test_lr_face_is_taken_as_it_is(project: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save("a.png")
    folder = run("a.png", lr=True) / "a.png"
    np.testing.assert_array_equal(read(folder / "face1_lr.png"), pixels)
    assert not (folder / "face1_original.png").exists()
    save_sky("b.png", (33, 40))
    with pytest.raises(BadInput, match=r"b\.png: 33 x 40, over the 32 px of an LR face"):
        run("b.png", lr=True)


def test_no_face_is_one_line_that_says_what_to_do(project: Path) -> None:
    save_sky("sky.png", (200, 100))
    with pytest.raises(BadInput, match=r"^sky\.png: no face found; give --whole .*--lr"):
        run("sky.png")
    assert not list(Path().glob("up/*"))


def test_folder_is_gone_through_and_what_is_no_photograph_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("in/a.png", "in/deep/a.png"):
        save_sky(name)
    Path("in/broken.jpg").write_bytes(b"")
    Path("in/notes.txt").write_text("no photograph")
    Path("in/._a.png").write_bytes(b"\0")
    assert names(run("in", whole=True)) == {"a.png", "a.png-2"}
    assert "\nleft out: in/broken.jpg: cannot" in "\n" + capsys.readouterr().err
    Path("empty").mkdir()
    with pytest.raises(BadInput, match="empty: no image"):
        run("empty")


def test_photographs_are_not_replaced_and_results_are_no_photographs(project: Path) -> None:
    save_sky("me.png")
    before = Path("me.png").read_bytes()
    for to in (Path(), Path("me.png")):
        with pytest.raises(BadInput, match=r"me\.png: is a file; give another folder"):
            run("me.png", whole=True, to=to)
    assert Path("me.png").read_bytes() == before
    for _ in range(2):
        assert names(run(".", whole=True)) == {"me.png"}
    assert run("up/me.png/face1_lr.png", lr=True).is_dir()  # where it is asked for


@pytest.mark.parametrize(
    ("name", "says"),
    [("gone.jpg", "gone.jpg: No such file"), ("a.heic", "pip install pillow-heif"), ("a.txt", "decoded")],
)
def test_what_cannot_be_read_is_one_line(name: str, says: str, project: Path) -> None:
    if name != "gone.jpg":
        Path(name).write_bytes(b"ftypheic")
    if name == "a.heic" and photograph.is_image(name):
        pytest.skip("pillow-heif is installed")
    with pytest.raises(BadInput, match=says) as error:
        run(name)
    assert "\n" not in str(error.value)


def test_runs_are_those_that_are_trained_or_named(project: Path) -> None:
    save_sky("a.png")
    folder = run("a.png", whole=True, run=["vdsr"]) / "a.png"
    assert names(folder) == {"sheet.png", "face1_lr.png", "face1_vdsr.png", "face1_original.png"}
    Path("results/x/weights/bicubic/seed0").rmdir()
    with pytest.raises(BadInput, match="no run is trained; run `make repro`"):
        run("a.png", whole=True)


def test_photograph_is_taken_as_it_is_shown(project: Path, drawn: list[Face]) -> None:
    image, _ = compose(drawn[:1])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(image))).save("turned.png", exif=exif)
    np.testing.assert_array_equal(photograph.read(Path("turned.png")), image)
