"""The stages `corpus` and `prepare` from archives to packed pairs: what is written, and what bad input leaves."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import experiments
import numpy as np
import pytest
from PIL import Image
from raw_faces import write_celeba, write_menpo

from benchmark import cli, corpus, prepare
from datasets.face import BadInput
from datasets.pairs import Pairs

ROOT = Path(__file__).parents[2]
PEOPLE, CELEBA = 30, 10
ALL = 4 * PEOPLE + CELEBA


MENPO = {"semifrontal": "official/menpo/semifrontal", "profile": "official/menpo/profile"}
CELEBA_LAYOUT = {
    "images": "official/celeba/img_align_celeba",
    "landmarks": "official/celeba/list_landmarks_align_celeba.txt",
    "identity": "official/celeba/identity_CelebA.txt",
    "source": "blobs",
}


def write_params(corpora: dict[str, Any], **options: Any) -> None:
    """params.yaml in the working directory, of one experiment `tiny`; options: of stage prepare."""
    prepare = {"annotator": "dlib", "test_fraction": 0.2, "validation_fraction": 0.1, "seed": 0} | options
    experiments.write(Path(), experiments.block("tiny", corpora=corpora, prepare=prepare))


def manifest() -> dict[str, Any]:
    """That of the experiment `tiny`."""
    return json.loads(Path("data/tiny/manifest.json").read_text())


def load(side: str) -> Pairs:
    return Pairs.load(Path("data/tiny") / side)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with params.yaml; `official/` is to hold the archives."""
    monkeypatch.chdir(tmp_path)
    write_params({"menpo": MENPO, "celeba": CELEBA_LAYOUT})
    return tmp_path


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in Menpo's layout, ten in CelebA's."""
    folder = tmp_path_factory.mktemp("official")
    write_menpo(folder / "menpo", PEOPLE)
    write_celeba(folder / "celeba", CELEBA)
    return folder


@pytest.fixture
def menpo_only(project: Path, official: Path) -> Path:
    """The same with the faces in Menpo's layout, and the corpus stage done."""
    shutil.copytree(official / "menpo", project / "official" / "menpo")
    write_params({"menpo": MENPO})
    run_corpus()
    return project


def run_corpus() -> None:
    corpus.main(argparse.Namespace(experiment=None))


def run_prepare(workers: int = 1) -> None:
    prepare.main(argparse.Namespace(experiment=None, workers=workers))


def contents(folder: Path) -> dict[str, str]:
    """Every file below `folder`, hidden ones too, by its path: SHA-256."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_real_layouts_become_pairs_and_a_manifest(project: Path, official: Path) -> None:
    shutil.copytree(official, project / "official")
    run_corpus()
    assert not list((project / "data" / "raw").glob(".*"))
    run_prepare()
    train, test, described = load("train"), load("test"), manifest()

    assert len(train) + len(test) == ALL
    assert described["faces"] == {"train": len(train), "test": len(test)}
    assert len(test) == pytest.approx(0.2 * ALL, abs=6)
    assert described["validation"] == len(train.validation()) == pytest.approx(0.1 * len(train), abs=5)
    assert not set(train.faces["person"]) & set(test.faces["person"])
    assert not set(train.validation().faces["person"]) & set(train.training().faces["person"])
    total = {k: sum(described["by_source"][side].get(k, 0) for side in ("train", "test")) for k in ("cfp", "blobs")}
    assert total == {"cfp": 4 * PEOPLE, "blobs": CELEBA}
    assert sum(described["by_points"][side]["39"] for side in ("train", "test")) == PEOPLE
    assert described["skipped"] == []
    for side, pairs in (("train", train), ("test", test)):
        assert sum(described["by_yaw"][side].values()) == len(pairs)
        assert described["people"][side] == pairs.faces["person"].nunique()
        profiles = pairs.faces[pairs.faces["points"] == 39]
        assert (profiles["yaw"] + 70).abs().max() < 5

    # The crop shows the photograph: dark where the landmarks are.
    at = np.nan_to_num(train.landmarks[:, 36:48], nan=0).round().astype(int).clip(0, 127)
    rows = np.flatnonzero((train.faces["points"] == 68) & (train.faces["source"] == "cfp"))
    assert np.mean([train.hr[i, at[i, :, 1], at[i, :, 0]].mean() / train.hr[i].mean() for i in rows]) < 0.6

    for name, digest in described["files"].items():
        assert hashlib.sha256((project / "data/tiny" / name).read_bytes()).hexdigest() == digest
    found = set(contents(project / "data" / "tiny"))
    assert found == {*described["files"], "manifest.json"}
    assert {f"{s}/{n}" for s in ("train", "test") for n in ("hr.npy", "lr.npy", "faces.csv")} < found
    assert not list(project.rglob(".*"))


def test_copies_on_both_sides_are_told_and_can_be_kept_on_one(
    menpo_only: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sides: dict[str, set[str]] = {}

    def prepared() -> list[list[str]]:
        run_prepare()
        for side in ("train", "test"):
            sides[side] = set(load(side).faces["name"])
        return manifest()["copies on both sides"]

    # Nine copies of every tenth face: a test face that has several in training is one face in several pairs.
    copies = [(i, j) for i in range(0, 60, 10) for j in range(i + 1, i + 10)]
    monkeypatch.setattr(prepare, "copies", lambda images: copies)
    parted = prepared()
    assert parted
    assert all(test in sides["test"] and other in sides["train"] for test, other in parted)
    faces = {test for test, _ in parted}
    assert len(faces) < len(parted)
    assert f"{len(faces)} test faces are copies of training faces" in capsys.readouterr().err
    write_params({"menpo": MENPO}, copies_together=True)
    assert prepared() == []
    assert "copies" not in capsys.readouterr().err


def test_no_worker_is_refused(menpo_only: Path) -> None:
    with pytest.raises(BadInput, match=r"^--workers 0: give 1 or more$"):
        run_prepare(workers=0)


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_run_or_on_the_workers(menpo_only: Path) -> None:
    run_prepare()
    first = contents(menpo_only / "data" / "tiny")
    run_prepare(workers=2)
    assert contents(menpo_only / "data" / "tiny") == first
    assert (menpo_only / "data/tiny/manifest.json").stat().st_size > 500


def spoil(project: Path, count: int) -> list[str]:
    """Empty the .pts of `count` faces and get the corpus again; their names."""
    stems = [f"cfp_{i:03d}_f1" for i in range(count)]
    for stem in stems:
        (project / "official/menpo/semifrontal" / f"{stem}.pts").write_text("")
    run_corpus()
    return [f"semifrontal_{stem}" for stem in stems]


def test_skipped_face_is_counted_with_its_reason(menpo_only: Path, capsys: pytest.CaptureFixture) -> None:
    (name,) = spoil(menpo_only, 1)
    run_prepare()
    described = manifest()
    (skipped,) = described["skipped"]
    assert skipped["name"] == name
    assert skipped["reason"].startswith("semifrontal/cfp_000_f1.pts: not a .pts file")
    assert sum(described["faces"].values()) == 4 * PEOPLE - 1
    assert name not in {*load("train").faces["name"], *load("test").faces["name"]}
    assert f"skipped {name}" in capsys.readouterr().err


def test_manifest_counts_every_other_file_and_tagged_photographs(
    menpo_only: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = menpo_only / "official/menpo/semifrontal"
    for name in ("b.txt", "a.txt", ".DS_Store"):
        (folder / name).write_text("beside the faces")
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(folder / "cfp_000_f1.png") as image:
        image.save(folder / "cfp_000_f1.png", exif=exif)
    run_corpus()
    run_prepare()
    described, first = manifest(), "semifrontal/a.txt"
    assert described["unused"] == {"menpo": {"neither an image nor a .pts": {"files": 2, "first": first}}}
    assert "menpo: 2 not used, neither an image nor a .pts; first: " + first in capsys.readouterr().err
    assert sum(described["exif_tagged"].values()) == 1
    assert described["split"] == {"by person and photograph": 4 * PEOPLE, "as the corpus is parted": 0}


def test_over_one_percent_skipped_fails(menpo_only: Path) -> None:
    spoil(menpo_only, 2)
    with pytest.raises(BadInput, match=r"2 of 120 faces cannot be used .*cfp_000_f1\.pts: not a \.pts file"):
        run_prepare()
    assert not (menpo_only / "data" / ".tiny.tmp").exists()


def test_failed_corpus_leaves_the_one_that_was_there(menpo_only: Path) -> None:
    before = contents(menpo_only / "data")
    write_params({"menpo": MENPO | {"profile": "gone.zip"}})
    with pytest.raises(BadInput, match=r"gone\.zip: no such file; check corpora\.menpo\.profile"):
        run_corpus()
    assert contents(menpo_only / "data") == before


def test_full_disk_is_one_line_and_leaves_what_was_there(
    menpo_only: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run_prepare()
    before = contents(menpo_only)
    opened = Path.open

    def full(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return opened(Path("/dev/full") if path.name == "hr.npy" and "w" in mode else path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(sys, "argv", ["prepare", "--workers", "1"])
    parser = cli.stage_parser("")
    parser.add_argument("--workers", type=int)
    with pytest.raises(SystemExit) as exit_:
        cli.run(prepare.main, parser)
    assert exit_.value.code == 2
    line = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(line) == 1
    assert "the disk is full" in line[0]
    assert contents(menpo_only) == before


def alive(process: str) -> bool:
    """Whether a process, by its id, still runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_killed_run_leaves_nothing_that_passes_for_whole_and_no_process(menpo_only: Path) -> None:
    part = menpo_only / "data" / ".tiny.tmp"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark", "prepare", "--workers", "2"],
        cwd=menpo_only,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    crops = part / "crops.raw"
    while not (crops.is_file() and crops.stat().st_size) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.001)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    assert len(workers) >= 2  # joblib has a process or two of its own
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    left = [worker for worker in workers if alive(worker)]
    for worker in left:
        os.kill(int(worker), signal.SIGKILL)
    assert not left

    assert part.is_dir()
    assert not (menpo_only / "data" / "tiny").exists()
    run_prepare()
    assert not part.exists()
    assert sum(manifest()["faces"].values()) == 4 * PEOPLE


def test_number_of_faces_can_be_capped(menpo_only: Path) -> None:
    write_params({"menpo": MENPO}, faces=60)
    run_prepare()
    faces = sum(manifest()["faces"].values())
    assert 60 <= faces < 70
    assert faces + manifest()["unused"]["menpo"]["not drawn (prepare.faces)"]["files"] == 4 * PEOPLE


def test_a_sample_of_identities_can_be_tested_on(menpo_only: Path) -> None:
    run_prepare()
    train, test = contents(menpo_only / "data/tiny/train"), load("test").faces
    write_params({"menpo": MENPO}, test_identities=2)
    run_prepare()
    sample = load("test").faces
    assert contents(menpo_only / "data/tiny/train") == train
    assert sample["person"].nunique() == 2 < test["person"].nunique()
    # Of those, every face is there, as it was.
    expected = test[test["person"].isin(sample["person"])].reset_index(drop=True)
    assert sample.equals(expected)
    assert manifest()["people"]["test"] == 2
    assert manifest()["unused"]["menpo"][prepare.NOT_SAMPLED]["files"] == len(test) - len(sample)
    assert sum(manifest()["split"].values()) == sum(manifest()["faces"].values())


def test_corpus_stage_that_has_not_run_is_named(project: Path) -> None:
    with pytest.raises(BadInput, match=r"data/raw/tiny/.*corpus stage"):
        run_prepare()


@pytest.mark.parametrize("fraction", [1e-9, 1 - 1e-9])
def test_side_without_faces_is_refused(fraction: float, menpo_only: Path) -> None:
    write_params({"menpo": MENPO}, test_fraction=fraction)
    with pytest.raises(BadInput, match="test_fraction"):
        run_prepare()
    assert not (menpo_only / "data" / "tiny").exists()


def test_two_faces_of_one_name_are_refused(menpo_only: Path) -> None:
    folder = menpo_only / "official/menpo/semifrontal"
    shutil.copy(folder / "cfp_000_f1.png", folder / "cfp_000_f1.webp")
    run_corpus()
    with pytest.raises(BadInput, match="semifrontal_cfp_000_f1"):
        run_prepare()


def test_dead_worker_is_reported(menpo_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        os._exit(1)

    monkeypatch.setattr(prepare, "_crop", die)
    with pytest.raises(BadInput, match="--workers"):
        run_prepare(workers=2)
    assert not (menpo_only / "data" / "tiny").exists()
