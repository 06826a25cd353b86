"""What DVC itself shows of an experiment: a table of five numbers a run, what a change moved, and plots."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import made_up
import pandas as pd
import pytest
from pipeline import ROOT

from benchmark import config, report


def call(*command: str) -> str:
    """What a command prints, in the working directory; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment, reported, in a repository of its own with the project's dvc.yaml."""
    report.write_text(toy, toy.results)
    shutil.copy(ROOT / "dvc.yaml", ".")
    call("git", "init", "-q")
    call("dvc", "init", "-q")
    shutil.copytree(ROOT / ".dvc" / "plots", ".dvc/plots")
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


def test_plots_hold_every_training_and_every_run(repository: config.Experiment) -> None:
    drawn = json.loads(call("dvc", "plots", "show", "--json"))
    assert not drawn.get("errors")
    pictures = {Path(name).stem: picture["content"] for name, (picture,) in drawn["data"].items()}
    values = {name: pd.DataFrame(picture["data"]["values"]) for name, picture in pictures.items()}
    assert set(values["learning"]["training"]) == {
        "bicubic, seed 0",
        "nearest, seed 0",
        "tdae_retrained, seed 0",
        *(f"{run}, seed {seed}" for run in ("ours_no_skip", "ours") for seed in (0, 1)),
    }
    ours = values["learning"].query("training == 'ours, seed 1'")
    assert ours["val_psnr"].astype(float).tolist() == [17, 18, 19, 20]
    for measure in ("psnr", "ssim"):
        bars = values[measure].set_index("run")[measure].astype(float)
        stored = {run: json.loads(repository.run(run).metrics.read_text())[measure] for run in made_up.RUNS}
        assert bars.to_dict() == pytest.approx(stored)
    assert pictures["learning"]["encoding"]["color"]["field"] == "training"
