"""The synthetic corpus: layouts that the real readers read, disjoint people, the same bytes however it is made."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import cli
from datasets import synthetic
from datasets.face import BadInput
from datasets.portrait.drawing import CELEBA_POINTS, draw

ROOT = Path(__file__).parents[2]
FACES = 40


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "raw"
    synthetic.get({"faces": FACES, "seed": 9}, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_real_readers_read_every_face(raw):
    entries = synthetic.entries(raw)
    assert len(entries) == FACES
    for entry in entries:
        face = synthetic.read(raw, entry)
        height, width = face.image.shape[:2]
        assert face.image.dtype == np.uint8
        assert len(face.landmarks) in ((5,) if entry.corpus == "celeba" else (39, 68))
        assert (face.landmarks > 0).all()
        assert (face.landmarks < [width - 1, height - 1]).all()


def test_entries_know_person_and_source(raw):
    entries = synthetic.entries(raw)
    assert {e.source for e in entries} == {"synthetic"}
    people = {c: {int(e.person.split("_")[-1]) for e in entries if e.corpus == c} for c in ("menpo", "celeba")}
    assert people["menpo"]
    assert people["celeba"]
    assert not people["menpo"] & people["celeba"]
    photos = np.unique([e.person for e in entries], return_counts=True)[1]
    assert photos.max() <= 6
    assert np.sort(photos)[1:].min() >= 2  # the last person may be cut short


def test_pts_files_are_in_menpos_format(raw):
    for part, n in (("semifrontal", 68), ("profile", 39)):
        files = sorted((raw / "menpo" / part).glob("*.pts"))
        assert files
        for file in files:
            lines = file.read_text().splitlines()
            assert lines[:3] == ["version: 1", f"n_points: {n}", "{"]
            assert lines[-1] == "}"
            assert len(lines) == n + 4
            _, person, photo = file.stem.split("_")
            drawn = draw(int(person), int(photo), 9)
            assert (abs(drawn.view.yaw) <= 45) == (n == 68)
            points = np.array([line.split() for line in lines[3:-1]], float)
            np.testing.assert_allclose(points - 1, drawn.landmarks, atol=1e-3)


def test_celeba_files_are_in_the_official_format(raw):
    folder = raw / "celeba"
    points = (folder / "list_landmarks_align_celeba.txt").read_text().splitlines()
    people = (folder / "identity_CelebA.txt").read_text().splitlines()
    images = sorted((folder / "img_align_celeba").iterdir())
    assert int(points[0]) == len(points) - 2 == len(people) == len(images)
    assert points[1].split()[:4] == ["lefteye_x", "lefteye_y", "righteye_x", "righteye_y"]
    assert all(re.fullmatch(r"\d{6}\.jpg( [ \d]{3}\d){10}", line) for line in points[2:])
    assert [p.name for p in images] == [f"{i:06d}.jpg" for i in range(1, len(images) + 1)]
    assert all(Image.open(p).size == (178, 218) for p in images)
    five = np.array([line.split()[1:] for line in points[2:]], int).reshape(-1, 5, 2)
    np.testing.assert_allclose(five.mean(0)[[0, 1, 3, 4]], CELEBA_POINTS[[0, 1, 3, 4]], atol=3)


def test_tasks_do_not_depend_on_how_many():
    few, many = list(synthetic.tasks(50, 2)), list(synthetic.tasks(2000, 2))
    assert many[:50] == few
    assert len(many) == 2000
    aligned = np.array([t.aligned for t in many])
    assert 0.4 < 1 - aligned.mean() < 0.5
    yaws = np.array([synthetic.draw(t.person, t.photo, 2).view.yaw for t in many[:120] if not t.aligned])
    assert 0.1 < (np.abs(yaws) > 45).mean() < 0.45
    assert np.abs(yaws).max() > 80


def test_same_bytes_for_fewer_faces_and_more_workers(raw, tmp_path):
    synthetic.get({"faces": 14, "seed": 9}, tmp_path / "few", workers=2)
    whole, few = contents(raw), contents(tmp_path / "few")
    pictures = [name for name in few if name.endswith((".jpg", ".pts"))]
    assert sum(name.endswith(".jpg") for name in pictures) == 14
    for name in pictures:
        assert few[name] == whole[name], name


def test_faces_are_drawn_without_wider_instructions_than_avx2(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    monkeypatch.delenv("OPENCV_IPP", raising=False)
    script = "from numpy._core._multiarray_umath import __cpu_features__ as f; print(f['AVX2'], f['X86_V4'])"
    with synthetic.instructions_of_avx2():
        seen = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        assert os.environ["OPENBLAS_CORETYPE"] == ("Haswell" if seen[0] == "True" else "SkylakeX")
    assert seen[1] == "False"
    assert os.environ["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert "OPENCV_IPP" not in os.environ


def test_another_seed_draws_other_people(raw, tmp_path):
    synthetic.get({"faces": 12, "seed": 10}, tmp_path / "other")
    pictures = [{v for k, v in contents(folder).items() if k.endswith(".jpg")} for folder in (raw, tmp_path / "other")]
    assert not pictures[0] & pictures[1]


def test_a_killed_run_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    def killed(written, **_):
        yield from itertools.islice(written, 3)
        raise KeyboardInterrupt

    raw = tmp_path / "raw"
    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "tqdm", killed)
        with pytest.raises(KeyboardInterrupt):
            synthetic.get({"faces": 12, "seed": 0}, raw)
    assert not raw.exists()
    synthetic.get({"faces": 12, "seed": 0}, raw)
    assert len(synthetic.entries(raw)) == 12
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize("options", [{"faces": 30}, {"faces": 30, "seed": 0, "people": 4}, {"faces": 3, "seed": 0}])
def test_wrong_options_are_refused(options, tmp_path):
    with pytest.raises(BadInput, match=r"seed|people|12"):
        synthetic.get(options, tmp_path / "raw")


# As the stage does: one word, and no process left that waits for work.
DRAW = """
from pathlib import Path
from benchmark import cli
from datasets import synthetic
if __name__ == "__main__":
    cli.run(lambda _: synthetic.get({"faces": 4000, "seed": 0}, Path("raw"), workers=2), cli.stage_parser(""))
"""


def test_an_interruption_ends_it_and_its_processes(tmp_path: Path) -> None:
    (tmp_path / "drawn.py").write_text(DRAW)
    command, environment = [sys.executable, "drawn.py"], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a job in the background ignores
    )
    while not list(tmp_path.glob("raw.tmp/*/*/*")):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # a Ctrl-C goes to all of a terminal's processes
    _, said = process.communicate()  # to its end: of all that have it open
    assert process.returncode == cli.INTERRUPTED
    assert "Traceback" not in said
    assert said.rstrip().endswith("stopped")
    assert not (tmp_path / "raw").exists()
