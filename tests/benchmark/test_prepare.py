"""The stages `corpus` and `prepare` from archives to packed pairs: what is written, and what bad input leaves."""

import argparse
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import experiments
import pytest
import small
from PIL import Image
from raw_faces import write_celeba, write_menpo

from benchmark import corpus, prepare
from datasets.face import BadInput
from datasets.pairs import Pairs

MENPO = {"semifrontal": "official/menpo/semifrontal", "profile": "official/menpo/profile"}
CELEBA = {
    "images": "official/celeba/img_align_celeba",
    "landmarks": "official/celeba/list_landmarks_align_celeba.txt",
    "identity": "official/celeba/identity_CelebA.txt",
    "source": "blobs",
}
RAW, DATA = Path("data/raw"), Path("data/tiny")
SEMIFRONTAL, SIDES = Path(MENPO["semifrontal"]), ("train", "test")
PEOPLE, CELEBA_FACES = 30, 10


def write_params(corpora: dict[str, Any] | None = None, **options: Any) -> None:
    """params.yaml in the working directory, of one experiment `tiny`; options: of stage prepare."""
    stage = {"annotator": "dlib", "test_fraction": 0.2, "validation_fraction": 0.1, "seed": 0} | options
    experiments.write(Path(), experiments.block("tiny", corpora=corpora or {"menpo": MENPO}, prepare=stage))


def run_corpus() -> None:
    corpus.main(argparse.Namespace(experiment=None))


def run_prepare(workers: int = 1) -> None:
    prepare.main(argparse.Namespace(experiment=None, workers=workers))


def manifest() -> dict[str, Any]:
    return json.loads((DATA / "manifest.json").read_text())


def load(side: str) -> Pairs:
    return Pairs.load(DATA / side)


def contents(folder: Path) -> dict[str, str]:
    """Every file below `folder`, hidden ones too, by its path: SHA-256."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 120 faces in Menpo's layout, after both stages; tests get copies of it."""
    root = tmp_path_factory.mktemp("menpo")
    write_menpo(root / "official/menpo", PEOPLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_params()
        run_corpus()
        run_prepare()
    return root


@pytest.fixture
def project(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)


def test_real_layouts_become_pairs_and_a_manifest(project: Path) -> None:
    shutil.rmtree("data")
    write_celeba(Path("official/celeba"), CELEBA_FACES)
    write_params({"menpo": MENPO, "celeba": CELEBA})
    run_corpus()
    run_prepare()
    train, test, described = load("train"), load("test"), manifest()
    everyone = 4 * PEOPLE + CELEBA_FACES
    assert len(train) + len(test) == everyone
    assert described["faces"] == {"train": len(train), "test": len(test)}
    assert len(test) == pytest.approx(0.2 * everyone, abs=6)
    assert described["validation"] == len(train.validation()) == pytest.approx(0.1 * len(train), abs=5)
    assert not set(train.faces["person"]) & set(test.faces["person"])
    assert not set(train.validation().faces["person"]) & set(train.training().faces["person"])
    total = {k: sum(described["by_source"][side].get(k, 0) for side in SIDES) for k in ("cfp", "blobs")}
    assert total == {"cfp": 4 * PEOPLE, "blobs": CELEBA_FACES}
    assert sum(described["by_points"][side]["39"] for side in SIDES) == PEOPLE
    for side, pairs in (("train", train), ("test", test)):
        assert sum(described["by_yaw"][side].values()) == len(pairs)
        assert described["people"][side] == pairs.faces["person"].nunique()
        assert (pairs.faces.query("points == 39")["yaw"] + 70).abs().max() < 5
    found = contents(DATA)
    del found["manifest.json"]
    assert found == described["files"]
    assert {f"{s}/{n}" for s in SIDES for n in ("hr.npy", "lr.npy", "faces.csv")} < found.keys()
    assert not list(project.rglob(".*"))
    assert Path(
        "results/tiny/pretrained"
    ).is_dir()  # a dependency of dvc.yaml's stages, where no run is pretrained, too


def test_copies_on_both_sides_are_told_and_can_be_kept_on_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nine copies of every tenth face: a test face that has several in training is one face in several pairs.
    copies = [(i, j) for i in range(0, 60, 10) for j in range(i + 1, i + 10)]
    monkeypatch.setattr(prepare, "copies", lambda images: copies)
    run_prepare()
    parted, train, test = manifest()["copies on both sides"], *({*load(side).faces["name"]} for side in SIDES)
    assert parted
    assert all(face in test and other in train for face, other in parted)
    faces = {face for face, _ in parted}
    assert len(faces) < len(parted)
    assert f"{len(faces)} test faces are copies of training faces" in capsys.readouterr().err
    write_params(copies_together=True)
    run_prepare()
    assert manifest()["copies on both sides"] == []
    assert "copies" not in capsys.readouterr().err


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_run_or_on_the_workers(project: Path) -> None:
    first = contents(project)
    run_prepare(workers=2)
    assert contents(project) == first


def spoil(count: int) -> list[str]:
    """Empty the .pts of `count` faces and get the corpus again; their names."""
    stems = [f"cfp_{i:03d}_f1" for i in range(count)]
    for stem in stems:
        (SEMIFRONTAL / f"{stem}.pts").write_text("")
    run_corpus()
    return [f"semifrontal_{stem}" for stem in stems]


def test_skipped_and_other_files_are_counted_with_their_reason_and_tagged_photographs_too(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.txt", "a.txt", ".DS_Store"):
        (SEMIFRONTAL / name).write_text("beside the faces")
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(SEMIFRONTAL / "cfp_001_f1.png") as image:
        image.save(SEMIFRONTAL / "cfp_001_f1.png", exif=exif)
    (name,) = spoil(1)
    run_prepare()
    described, first, said = manifest(), "semifrontal/a.txt", capsys.readouterr().err
    (skipped,) = described["skipped"]
    assert skipped["name"] == name
    assert skipped["reason"].startswith("semifrontal/cfp_000_f1.pts: not a .pts file")
    assert sum(described["faces"].values()) == 4 * PEOPLE - 1
    assert name not in {*load("train").faces["name"], *load("test").faces["name"]}
    assert f"skipped {name}" in said
    assert described["unused"] == {"menpo": {"neither an image nor a .pts": {"files": 2, "first": first}}}
    assert f"menpo: 2 not used, neither an image nor a .pts; first: {first}" in said
    assert sum(described["exif_tagged"].values()) == 1
    assert described["split"] == {"by person and photograph": 4 * PEOPLE - 1, "as the corpus is parted": 0}


def alive(process: str) -> bool:
    """Whether a process, by its id, still runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_killed_run_leaves_nothing_that_passes_for_whole_and_no_process(project: Path) -> None:
    shutil.rmtree(DATA)
    part, crops = Path("data/.tiny.tmp"), Path("data/.tiny.tmp/crops.raw")
    process = small.start(project, "prepare", "--workers", "2")
    deadline = time.monotonic() + 60
    while not (crops.is_file() and crops.stat().st_size) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.001)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.communicate()
    assert len(workers) >= 2  # joblib has a process or two of its own
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    left = [worker for worker in workers if alive(worker)]
    for worker in left:
        os.kill(int(worker), signal.SIGKILL)
    assert not left
    assert part.is_dir()
    assert not DATA.exists()
    run_prepare()
    assert not part.exists()
    assert sum(manifest()["faces"].values()) == 4 * PEOPLE


def test_a_sample_of_identities_can_be_tested_on(project: Path) -> None:
    train, test = contents(DATA / "train"), load("test").faces
    write_params(test_identities=2)
    run_prepare()
    sample = load("test").faces
    assert contents(DATA / "train") == train
    assert sample["person"].nunique() == 2 < test["person"].nunique()
    # Of those, every face is there, as it was.
    assert sample.equals(test[test["person"].isin(sample["person"])].reset_index(drop=True))
    assert manifest()["people"]["test"] == 2
    assert manifest()["unused"]["menpo"][prepare.NOT_SAMPLED]["files"] == len(test) - len(sample)
    assert sum(manifest()["split"].values()) == sum(manifest()["faces"].values())


def give_two_faces_one_name(_: pytest.MonkeyPatch) -> None:
    shutil.copy(SEMIFRONTAL / "cfp_000_f1.png", SEMIFRONTAL / "cfp_000_f1.webp")
    run_corpus()


REFUSED = {
    "no worker": (lambda _: None, 0, r"^--workers 0: give 1 or more$"),
    "no annotator": (lambda _: write_params(annotator="dlip"), 1, r"^params\.yaml: no annotator 'dlip'.*dlib, fan$"),
    "no test face": (lambda _: write_params(test_fraction=1e-9), 1, "test_fraction"),
    "no training face": (lambda _: write_params(test_fraction=1 - 1e-9), 1, "test_fraction"),
    "two of a name": (give_two_faces_one_name, 1, "semifrontal_cfp_000_f1"),
    "over 1 % skipped": (lambda _: spoil(2), 1, r"2 of 120 faces cannot be used .*cfp_000_f1\.pts: not a \.pts file"),
    "no corpus": (lambda _: shutil.rmtree(RAW), 1, r"data/raw/tiny/.*corpus stage"),
    "dead worker": (lambda patch: patch.setattr(prepare, "_crop", lambda *_: os._exit(1)), 2, "killed.*--workers"),
}


@pytest.mark.parametrize(("change", "workers", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_prepared_is_refused_and_leaves_what_was_there(
    change: Callable[[pytest.MonkeyPatch], Any], workers: int, says: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    before = contents(project)
    with pytest.raises(BadInput, match=says):
        run_prepare(workers)
    assert contents(project) == before
    assert not list(project.rglob(".*"))
