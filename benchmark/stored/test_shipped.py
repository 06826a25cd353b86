"""The stored networks are what this code makes: records are up to date, and first updates can be repeated."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pytest
import replay
import yaml
from filelock import FileLock

from benchmark import config, corpus, prepare
from benchmark.runs.fingerprint import fingerprint
from benchmark.runs.make import class_of
from benchmark.runs.provenance import RECORD, read_json
from benchmark.training.loop import first_log
from datasets.pairs import Pairs
from methods.trained import TrainedMethod

ROOT = Path(__file__).parents[2]
DEMO = config.load("demo", ROOT / config.PARAMS)
RUNS = [DEMO.run(name) for name in [*DEMO.pretrained, *DEMO.runs]]
TRAINED = [run.name for run in RUNS if issubclass(class_of(run), TrainedMethod)]
MEGABYTES = 40  # of the demo's networks together


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's faces, prepared once for these tests, whichever process runs them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if not (DEMO.data / "manifest.json").is_file():
            Path(config.PARAMS).write_text((ROOT / config.PARAMS).read_text())
            corpus.main(argparse.Namespace(experiment="demo"))
            prepare.main(argparse.Namespace(experiment="demo", workers=2))
    return folder / DEMO.data


@pytest.fixture
def project(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the working directory, with these faces in place of its own."""
    for name in (config.PARAMS, "results", "methods", "benchmark"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "data").mkdir()
    (tmp_path / DEMO.data).symlink_to(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def require_weights(run: config.Run) -> None:
    if not run.weights(0).is_dir():
        pytest.skip("the trained networks are not here; `make networks` brings them")


@pytest.mark.parametrize("name", TRAINED)
def test_stored_network_is_up_to_date(name: str, project: Path) -> None:
    run = DEMO.run(name)
    require_weights(run)
    assert read_json(run.weights(0) / RECORD)["fingerprint"] == fingerprint(run, 0), "`dvc repro` would train it again"


def test_scores_belong_to_these_faces(data: Path) -> None:
    prepared = json.loads((data / "manifest.json").read_text())["hash"]
    for name in DEMO.runs:
        assert read_json(ROOT / DEMO.run(name).facts)["data"] == prepared, name


@pytest.mark.parametrize("name", TRAINED)
def test_first_updates_are_made_again(name: str, project: Path) -> None:
    run = DEMO.run(name)
    require_weights(run)
    table = replay.replay(run, 0, Pairs.load(DEMO.data / "train"))
    assert len(table) >= replay.loop.FIRST
    wrong = table[~table["within"]]
    assert wrong.empty, f"not what the code makes; raise a version if that is wanted:\n{wrong}"


def test_every_trained_run_has_recorded_losses() -> None:
    assert [name for name in TRAINED if not (ROOT / first_log(DEMO.run(name).log(0))).is_file()] == []


def test_the_store_holds_the_networks_and_is_small() -> None:
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    folder, total = ROOT / "results/store/files/md5", 0
    for name in TRAINED:
        stage = stages[f"pretrain@{name}" if name in DEMO.pretrained else f"train@{name}"]
        (out,) = [out for out in stage["outs"] if out["path"].split("/")[2] in ("pretrained", "weights")]
        listing = folder / out["md5"][:2] / out["md5"][2:]
        for entry in json.loads(listing.read_text()):
            path = folder / entry["md5"][:2] / entry["md5"][2:]
            assert path.is_file(), f"{name}: {entry['relpath']} is not in the store"
            total += path.stat().st_size
    assert total <= MEGABYTES * 2**20
