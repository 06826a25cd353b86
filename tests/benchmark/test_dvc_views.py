"""What DVC itself shows of an experiment: a table of five numbers a run, and what a change moved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import made_up
import pytest
from small import ROOT

from benchmark import config

DVC = (sys.executable, "-m", "dvc")


def call(*command: str) -> str:
    """What a command prints, in the working directory; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_metrics_are_five_numbers_a_run_and_a_difference_names_what_moved(
    reported_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(reported_root, tmp_path / "project"))
    shutil.copy(ROOT / "dvc.yaml", ".")
    call("git", "init", "-q")
    call(*DVC, "init", "-q")
    call("git", "add", "results", "dvc.yaml", "params.yaml", ".dvc")
    call("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "made up")

    head, *lines = call(*DVC, "metrics", "show", "--precision", "6").splitlines()
    assert head.split() == ["Path", "faces", "psnr", "psnr_y", "ssim", "ssim_y"]
    shown = dict(line.split(maxsplit=1) for line in lines)
    assert set(shown) == {f"results/toy/metrics/{run}.json" for run in made_up.RUNS}
    path = config.load().run("ours").metrics
    stored = json.loads(path.read_text())
    assert [float(text) for text in shown[str(path)].split()] == [stored[key] for key in head.split()[1:]]
    assert max(map(len, lines)) < 100

    path.write_text(json.dumps(stored | {"psnr": stored["psnr"] + 1}))
    _, moved = (line.split() for line in call(*DVC, "metrics", "diff").splitlines())
    file, measure, _, _, change = moved
    assert (file, measure, float(change)) == (str(path), "psnr", pytest.approx(1))
