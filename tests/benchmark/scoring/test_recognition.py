"""What a recogniser, a landmark detector and VGG-19 say of faces: known answers, and HR faces themselves."""

import argparse
import json
import shutil
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from benchmark import config, recognise
from benchmark.reporting import supplement
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from benchmark.runs.provenance import OF_IMAGES
from benchmark.scoring import recognition
from benchmark.scoring.metrics import VGG_TAPS, vgg_distances
from datasets.face import BadInput
from datasets.portrait.drawing import draw
from methods.vgg import CONVOLUTIONS, VGGFeatures

pytestmark = pytest.mark.slow

STAGE = argparse.Namespace(experiment=None)
Face = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def face() -> Face:
    """An upright drawn face and its 68 landmarks."""
    drawing = draw(3, 0, seed=0, yaw=5, aligned=True)
    return drawing.image, drawing.landmarks


def test_a_sample_is_of_faces_with_68_points_alone() -> None:
    faces = pd.DataFrame({"points": [68, 39] * 20})
    rows = recognition.sample(faces, 15, 0)
    assert len(set(rows)) == 15
    assert (rows % 2 == 0).all()
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, recognition.sample(faces, 15, 1))
    assert len(recognition.sample(faces, 500, 0)) == 20


def test_a_face_is_identified_by_the_nearest_of_the_gallery() -> None:
    gallery, people = np.array([[0.0, 0], [1, 0], [0, 3]]), np.array(["a", "a", "b"])
    probes = np.array([[0.9, 0], [0, 1.4], [0, 1.6]])
    assert recognition.identified(probes, gallery, np.array(["a", "b", "b"]), people).tolist() == [True, False, True]
    same, others = recognition.scale(gallery, people)
    assert same == 1
    assert others == pytest.approx((3 + np.hypot(1, 3)) / 2)
    assert np.isnan(recognition.scale(gallery[1:], people[1:])[0])


def test_landmarks_are_found_where_they_are_and_missed_by_as_much_as_a_face_is_moved(face: Face) -> None:
    image, landmarks = face
    still = recognition.misplacement(image, landmarks)
    assert still < 0.08
    moved = recognition.misplacement(np.roll(image, (6, 8), (0, 1)), landmarks)
    assert moved == pytest.approx(10 / np.linalg.norm(landmarks[36] - landmarks[45]), rel=0.3)


def test_a_blurred_face_is_less_the_persons(face: Face) -> None:
    image, landmarks = face
    whole = recognition.describe(image, landmarks)
    assert whole.shape == (128,)

    def apart(side: int) -> float:
        small = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
        blurred = np.asarray(small.resize(image.shape[1::-1], Image.Resampling.BICUBIC))
        return np.linalg.norm(recognition.describe(blurred, landmarks) - whole)

    assert 0 < apart(64) < apart(16)


def test_vgg_distance_is_equation_1_of_lpips_with_weights_of_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 12, 32, 32, 3), np.uint8)
    vgg = VGGFeatures(None, random_width=8, padded=True)
    found: list[np.ndarray] = []
    for place, layer in zip(CONVOLUTIONS, vgg.convolutions, strict=True):
        if place in VGG_TAPS:
            layer.register_forward_hook(lambda _, __, out: found.append(out.clamp(min=0).double().numpy()))
    for image in (a, b):
        vgg(torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1)
    expected = np.zeros(len(a))
    for x, y in zip(found[: len(VGG_TAPS)], found[len(VGG_TAPS) :], strict=True):
        unit = [v / np.sqrt((v**2).sum(1, keepdims=True) + 1e-20) for v in (x, y)]
        expected += ((unit[0] - unit[1]) ** 2).sum(1).mean((1, 2))
    assert vgg_distances(a, b, vgg) == pytest.approx(expected, rel=1e-4)
    assert (vgg_distances(a, a, vgg) == 0).all()


@pytest.fixture(scope="module")
def made_up_root(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up experiment, recognised."""
    with made_up.copied(made_up_root, tmp_path_factory.mktemp("recognised") / "project") as root:
        recognise.main(STAGE)
    return root


def recognised(experiment: config.Experiment) -> pd.DataFrame:
    """recognition/faces.csv."""
    return pd.read_csv(experiment.results / "recognition/faces.csv", dtype={"name": str})


def test_hr_faces_are_themselves_and_noise_takes_a_face_away(toy: config.Experiment) -> None:
    of = dict(list(recognised(toy).groupby("run")))
    assert set(of) == {"hr", *toy.runs}
    assert (of["hr"]["distance"] == 0).all()
    assert (of["hr"]["rank1"] == 1).all()
    assert of["ours"]["seed"].value_counts().to_dict() == {0: 6, 1: 6}
    assert of["bicubic"]["distance"].mean() > of["ours"]["distance"].mean() > 0.05
    assert of["bicubic"]["vgg"].isna().all()  # the experiment has no weights
    facts = json.loads((toy.results / "recognition/gallery.json").read_text())
    assert facts["faces"] == 9  # of twelve, the others are profiles


def test_what_was_seen_once_is_not_looked_at_again(toy: config.Experiment, capfd: pytest.CaptureFixture[str]) -> None:
    before = recognised(toy)
    path = toy.run("nearest").images(0) / f"{before['name'][0]}.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[:64] = 0
    Image.fromarray(pixels).save(path)
    recognise.main(STAGE)
    assert {line.split(":")[0] for line in capfd.readouterr().err.split("\r") if "face/s" in line} == {"nearest"}
    again = recognised(toy)
    changed = again.loc[(again != before).drop(columns="vgg").any(axis=1), ["run", "name"]].drop_duplicates()
    assert changed.to_numpy().tolist() == [["nearest", before["name"][0]]]


def test_what_has_no_images_of_its_training_is_left_out_and_a_missing_image_is_named(
    toy: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(toy.results / "recognition")
    folder = toy.run("nearest").images(0)
    folder.rename(folder.with_name("away"))
    (toy.run("ours").images(0) / OF_IMAGES).write_text('{"fingerprint": "of yesterday"}')
    recognise.main(STAGE)
    output = capsys.readouterr().out
    for run in ("nearest", "ours"):
        assert f"{run} seed 0: no up-to-date images, left out" in output
    before = (toy.results / "recognition/faces.csv").read_bytes()
    for path in toy.run("ours").images(1).glob("*.png"):
        path.unlink()
    with pytest.raises(BadInput, match=r"ours/seed1/\d+\.png: missing; predict again"):
        recognise.main(STAGE)
    assert (toy.results / "recognition/faces.csv").read_bytes() == before


def test_what_was_recognised_elsewhere_is_kept_with_its_scores(
    toy: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    before = recognised(toy)
    (toy.data / "manifest.json").write_text('{"hash": "made up"}')
    for run in ("ours", "tdae_retrained"):
        shutil.rmtree(toy.run(run).images(0))
    facts = toy.run("tdae_retrained").facts
    facts.write_text(facts.read_text().replace("made up", "other faces"))
    recognise.main(STAGE)
    assert capsys.readouterr().out.count("elsewhere; what") == 1
    pd.testing.assert_frame_equal(recognised(toy), before[before["run"] != "tdae_retrained"].reset_index(drop=True))


def test_the_supplement_and_the_claims_read_it(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Results(toy)
    few = supplement.numbers(known)["Identity and landmarks"]
    assert {group for _, group in few.columns} == {""}  # no rates of so small a sample
    monkeypatch.setattr(supplement, "FEW", 1)
    part = supplement.numbers(known)["Identity and landmarks"]
    ours = known.recognised["ours"]
    assert part.loc["ours", ("failures", "")] == pytest.approx(100 * (ours["nme"] > 0.1).mean())
    assert part.loc["hr", ("rank1", "")] == part.loc["hr", ("same", "")] == 100
    first = ours[ours["yaw_bin"] == ours["yaw_bin"].iloc[0]]
    group = f"{first['yaw_bin'].iloc[0]}° ({first['name'].nunique()} faces)"
    assert part.loc["ours", ("nme", group)] == pytest.approx(100 * first["nme"].mean())
    text = supplement.shown(part)
    assert text.loc["hr", "Method"] == "HR"
    assert set(text["VGG-19 distance"]) == {"–"}
    assert loader(known)("distance").values["ours"].shape == (6, 2)
    assert "hr" in known.recognised
