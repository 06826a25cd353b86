"""What DVC itself shows of an experiment: a table of five numbers a run, and what a change moved."""

from __future__ import annotations

import json
import shutil
import subprocess

import made_up
import pytest
from small import ROOT

from benchmark import config, report
from benchmark.reporting.results import Results


def call(*command: str) -> str:
    """What a command prints, in the working directory; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment, reported, in a repository of its own with the project's dvc.yaml."""
    report.write_text(Results(toy), toy.results)
    shutil.copy(ROOT / "dvc.yaml", ".")
    call("git", "init", "-q")
    call("dvc", "init", "-q")
    call("git", "add", "results", "dvc.yaml", "params.yaml", ".dvc")
    call("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "made up")
    return toy


def test_metrics_are_a_table_of_five_numbers_a_run(repository: config.Experiment) -> None:
    head, *lines = call("dvc", "metrics", "show", "--precision", "6").splitlines()
    assert head.split() == ["Path", "faces", "psnr", "psnr_y", "ssim", "ssim_y"]
    shown = dict(line.split(maxsplit=1) for line in lines)
    assert set(shown) == {f"results/toy/metrics/{run}.json" for run in made_up.RUNS}
    stored = json.loads(repository.run("ours").metrics.read_text())
    numbers = [float(text) for text in shown["results/toy/metrics/ours.json"].split()]
    assert numbers == [stored[key] for key in ("faces", "psnr", "psnr_y", "ssim", "ssim_y")]
    assert max(map(len, lines)) < 100


def test_a_difference_names_what_moved_and_nothing_else(repository: config.Experiment) -> None:
    path = repository.run("ours").metrics
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"psnr": stored["psnr"] + 1}))
    _, *moved = [line.split() for line in call("dvc", "metrics", "diff").splitlines()]
    ((file, measure, _, _, change),) = moved
    assert (file, measure, float(change)) == (str(path), "psnr", pytest.approx(1))
