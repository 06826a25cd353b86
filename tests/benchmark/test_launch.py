"""The launcher: trains and scores what is not up to date, resumes after a kill, and stops in time."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import experiments
import pytest
import small

from benchmark import cli, launch
from datasets.face import BadInput

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("launch")]  # one project for all

LAUNCH = ("launch", "--device", "cpu")
SMALL = Path("results/small")
Launched = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """A project after one call for all its runs, of which one fails."""
    folder = small.make_project(tmp_path_factory.mktemp("launched"))
    return folder, small.command(folder, *LAUNCH, "--jobs", "2")


@pytest.fixture
def again(launched: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Launch runs in a copy of that project, the working directory, and say what was printed; it must succeed."""
    monkeypatch.chdir(shutil.copytree(launched[0], tmp_path / "again"))

    def launch(*arguments: str) -> list[str]:
        return small.run(Path(), *LAUNCH, "--only", *arguments).splitlines()

    return launch


def test_every_run_is_scored_but_the_one_that_fails(launched: Launched) -> None:
    folder, done = launched
    assert done.returncode == 1
    assert "broken-seed0: error: " in done.stdout
    assert done.stderr.strip() == "failed: broken-seed0"
    scored = {path.name for path in (folder / SMALL / "metrics").glob("*.facts.json")}
    assert scored == {"vdsr.facts.json", "bicubic.facts.json", "long.facts.json"}


def test_scores_suffice_where_weights_are_gone(again: Callable[..., list[str]]) -> None:
    for made in ("weights", "sr"):
        shutil.rmtree(SMALL / made)
    assert not [line for line in again("vdsr", "long") if "starts" in line]


def test_missing_images_of_a_scored_run_are_made_on_demand(again: Callable[..., list[str]]) -> None:
    images, scores = SMALL / "sr/vdsr/seed0", SMALL / "metrics/vdsr.csv"
    before, scored = {path.name: path.read_bytes() for path in images.glob("*.png")}, scores.stat().st_mtime_ns
    shutil.rmtree(images.parent)
    done = [line for line in again("vdsr", "bicubic", "--images", "--jobs", "1") if "done" in line]
    assert [line.split(":")[0] for line in done] == ["vdsr-seed0", "vdsr-seed1"]
    assert done[-1].endswith("2 of 2, about 0:00 left")
    assert {path.name: path.read_bytes() for path in images.glob("*.png")} == before
    assert scores.stat().st_mtime_ns == scored


def test_images_from_elsewhere_are_scored(again: Callable[..., list[str]]) -> None:
    shutil.copytree(SMALL / "sr/bicubic/seed0", "their_faces", ignore=shutil.ignore_patterns(".*"))
    item = {"method": "images", "folder": "their_faces", "align": "stn0"}
    experiments.change(Path(), runs={"theirs": item})
    again("theirs")
    scores = [json.loads((SMALL / f"metrics/{name}.json").read_text())["psnr"] for name in ("theirs", "bicubic")]
    assert scores[0] == scores[1]


def test_time_limit_saves_and_says_so(tmp_path: Path) -> None:
    folder = small.make_project(tmp_path)
    experiments.change(folder, runs={"long": small.LONG | {"epochs": 100_000}})
    done = small.command(folder, *LAUNCH, "--only", "long", "--seconds", "15")
    assert done.returncode == cli.OUT_OF_TIME
    assert "time is up; the same command resumes" in done.stdout
    assert list((folder / "work").glob("small-long-0-*/checkpoint.pt"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_call_is_taken_up(number: signal.Signals, launched: Launched, tmp_path: Path) -> None:
    """Its trainings end in what an unbroken one ends in."""
    folder = small.make_project(tmp_path)
    with small.start(folder, *LAUNCH, "--only", "long") as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has started
        time.sleep(4)
        process.send_signal(number)
    assert small.command(folder, *LAUNCH, "--only", "long").returncode == 0
    end, unbroken = (path / SMALL / "weights/long/seed0/weights.safetensors" for path in (folder, launched[0]))
    assert end.read_bytes() == unbroken.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--jobs", "0"], "--jobs 0: give 1 or more"),
        (["--seed", "9"], "--seed 9: no such run has it"),
        (["--only", "nope"], "no run 'nope'"),
        (["--cluster", "slurm"], "--cluster slurm: "),
    ],
)
def test_wrong_call_is_one_line(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.make_project(tmp_path))
    with pytest.raises(BadInput, match=re.escape(says)) as error:
        launch.main(launch.parser().parse_args(["--device", "cpu", *arguments]))
    assert "\n" not in str(error.value)


def test_changed_option_retrains_its_run_alone(again: Callable[..., list[str]]) -> None:
    experiments.change_run("long", epochs=1)
    starts = [line.split(":")[0] for line in again("vdsr", "long", "bicubic") if "starts" in line]
    assert starts == ["long-seed0"]
