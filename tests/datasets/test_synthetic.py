"""The synthetic corpus: layouts that the real readers read, disjoint identities, the same bytes however it is made."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark import cli
from datasets import synthetic
from datasets.crop import Crop, crop_face
from datasets.face import BadInput
from datasets.portrait import corpus

ROOT = Path(__file__).parents[2]
FACES = 40


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "raw"
    synthetic.get({"faces": FACES, "seed": 9}, folder)
    return folder


def pictures(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.suffix in (".jpg", ".pts"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


@pytest.mark.slow
def test_bytes_are_those_on_which_the_stored_networks_were_trained(raw: Path) -> None:
    files, faces = hashlib.sha256(), hashlib.sha256()
    for name, data in pictures(raw).items():
        files.update(name.encode() + data)
    contents, identities = synthetic.verify(raw, {}), dict[str, set[int]]()
    for entry in contents.faces:
        crop = crop_face(entry.corpus, raw / entry.corpus, entry, "dlib")
        assert isinstance(crop, Crop)
        faces.update(f"{entry.name} {entry.identity} {crop.points} {crop.yaw:.2f}".encode() + crop.hr.tobytes())
        assert len(synthetic.read(raw, entry).landmarks) in ((5,) if entry.corpus == "celeba" else (39, 68))
        identities.setdefault(entry.corpus, set()).add(int(entry.identity.split("_")[-1]))
    assert identities["menpo"].isdisjoint(identities["celeba"])
    assert (contents.unused, {face.source for face in contents.faces}) == ({}, {"synthetic"})
    assert files.hexdigest() == "056fe08c79a4c5910b9a9bf8283c9b5c157157ad0c02401e8c3a4d6cbf7759c5"
    assert faces.hexdigest() == "1ef8fb5073aa507bf512bba927f9cad8cf42ec0a5384235130501c7455183d5b"


@pytest.mark.slow
def test_bytes_depend_on_the_seed_not_on_how_many_faces_or_workers(raw: Path, tmp_path: Path) -> None:
    synthetic.get({"faces": 14, "seed": 9}, tmp_path / "few", workers=2)
    synthetic.get({"faces": 12, "seed": 10}, tmp_path / "other")
    whole, few, other = (pictures(folder) for folder in (raw, tmp_path / "few", tmp_path / "other"))
    assert sum(name.endswith(".jpg") for name in few) == 14
    assert few.items() <= whole.items()
    assert not {*whole.values()} & {*other.values()}


def test_faces_are_drawn_without_wider_instructions_than_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    monkeypatch.delenv("OPENCV_IPP", raising=False)
    script = "from numpy._core._multiarray_umath import __cpu_features__ as f; print(f['AVX2'], f['X86_V4'])"
    with corpus.limited_to_avx2():
        seen = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        assert os.environ["OPENBLAS_CORETYPE"] == ("Haswell" if seen[0] == "True" else "SkylakeX")
    assert seen[1] == "False"
    assert os.environ["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert "OPENCV_IPP" not in os.environ


@pytest.mark.parametrize("options", [{"faces": 30}, {"faces": 30, "seed": 0, "people": 4}, {"faces": 3, "seed": 0}])
def test_wrong_options_are_refused(options: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"seed|people|12"):
        synthetic.get(options, tmp_path / "raw")


# As the stage does: one word, no process left that waits for work, and nothing that looks whole.
DRAW = """
from pathlib import Path
from benchmark import cli
from datasets import synthetic

def main(_):
    with cli.whole_folder(Path("raw")) as folder:
        synthetic.get({"faces": 4000, "seed": 0}, folder / "synthetic", workers=2)

if __name__ == "__main__":
    cli.run(main, cli.stage_parser(""), [])
"""


@pytest.mark.slow
def test_an_interruption_ends_it_and_its_processes(tmp_path: Path) -> None:
    (tmp_path / "drawn.py").write_text(DRAW)
    process = subprocess.Popen(
        [sys.executable, "drawn.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a job in the background ignores
    )
    while not list(tmp_path.glob(".raw.tmp/*/*/*/*")):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # a Ctrl-C goes to all of a terminal's processes
    _, said = process.communicate()  # to its end: of all that have it open
    assert process.returncode == cli.INTERRUPTED
    assert "Traceback" not in said
    assert said.rstrip().endswith("stopped")
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.py"]
