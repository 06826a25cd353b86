"""What `run_all --status` says, from files alone."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmark import status
from benchmark.training.progress import FILE, Progress


def sign_of_life(work: Path, age: float) -> None:
    state = {"phase": "mtun", "epoch": 3, "images": 400, "total": 1000, "images_per_second": 20.0}
    (work / FILE).write_text(json.dumps({**state, "time": time.time() - age}))


def describe(folder: Path, stored: bool = False) -> dict:
    return status.describe(stored, folder / "provenance.json", folder)


def test_a_training_that_never_began_waits(tmp_path: Path) -> None:
    assert describe(tmp_path)["state"] == "waiting"
    assert math.isnan(describe(tmp_path)["left"])


def test_a_training_that_gives_signs_of_life_has_its_seconds_left(tmp_path: Path) -> None:
    sign_of_life(tmp_path, age=10)
    found = describe(tmp_path)
    assert (found["state"], found["phase"], found["epoch"]) == ("training", "mtun", "3")
    assert found["left"] == pytest.approx(600 / 20)


def test_a_training_that_fell_silent_is_interrupted(tmp_path: Path) -> None:
    sign_of_life(tmp_path, age=1000)
    assert describe(tmp_path)["state"] == "interrupted"


def test_a_stored_training_has_the_speed_of_its_provenance(tmp_path: Path) -> None:
    sign_of_life(tmp_path, age=10)
    assert math.isnan(describe(tmp_path, stored=True)["images/s"])
    (tmp_path / "provenance.json").write_text(json.dumps({"images_per_second": 12.5}))
    found = describe(tmp_path, stored=True)
    assert (found["state"], found["images/s"]) == ("stored", 12.5)


def test_progress_says_where_a_run_that_went_on_stands(tmp_path: Path) -> None:
    progress = Progress(total=100, done=40, device=torch.device("cpu"), folder=tmp_path)
    progress.step("front", 1, 10)
    progress.close()
    seen = json.loads((tmp_path / FILE).read_text())
    assert (seen["phase"], seen["epoch"], seen["images"], seen["total"]) == ("front", 2, 50, 100)
    assert seen["images_per_second"] > 0
    assert time.time() - seen["time"] < 60


def test_table_has_a_dash_for_what_is_not_known(tmp_path: Path) -> None:
    waiting = {"run": "ours", "seed": 0, **describe(tmp_path)}
    sign_of_life(tmp_path, age=0)
    text = status.shown(pd.DataFrame([waiting, {"run": "vdsr", "seed": 0, **describe(tmp_path)}]))
    assert text.splitlines()[1].split() == ["ours", "0", "waiting", "–", "–", "–", "–"]
    assert text.splitlines()[2].split() == ["vdsr", "0", "training", "mtun", "3", "20.0", "30", "seconds"]
