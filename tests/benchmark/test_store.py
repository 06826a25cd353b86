"""Trained networks go into the store and come back whole, or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmark import config, store
from benchmark.provenance import hours
from datasets.face import BadInput

BUDGET = {
    "stn0": {},
    "training": {"recipe": "tuned", "seeds": 1, "vgg": None},
    "methods": {"vdsr": {}, "cbn": {}, "nearest": {}},
}
PARAMS = {
    "experiment": "small",
    "experiments": {"small": BUDGET, "other": BUDGET},
    "runs": {"vdsr": {"method": "vdsr"}, "cbn": {"method": "cbn"}, "nearest": {"method": "nearest"}},
}
WEIGHTS = Path("results/small/weights")
MADE = {"date": "2031-02-03T04:05:06+00:00", "device": "a device", "precision": "float32", "seconds": 7200.0}


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments, "-q"], check=True)


def train(*runs: str) -> None:
    """A stage a run that stores a file of its own and one that all have, and how it came about."""
    for run in runs:
        command = (
            f"mkdir -p {WEIGHTS}/{run}/seed0 && echo {run} > {WEIGHTS}/{run}/seed0/weights && "
            f"echo front > {WEIGHTS}/{run}/seed0/front"
        )
        stage = {"cmd": command, "outs": [str(WEIGHTS / run)]}
        path = Path("dvc.yaml")
        known = yaml.safe_load(path.read_text())["stages"] if path.exists() else {"train": {"foreach": {}, "do": stage}}
        known["train"]["foreach"][run] = {}
        known["train"]["do"] = yaml.safe_load(json.dumps(stage).replace(run, "${key}"))
        path.write_text(yaml.safe_dump({"stages": known}))
        made = Path(f"results/small/provenance/{run}/seed0.json")
        made.parent.mkdir(parents=True)
        made.write_text(json.dumps({**MADE, "epochs": {"front": [3600.0], "rest": [float(len(run))]}}))
    dvc("repro")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks and a fitted method, made and pushed, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1"}.items():
        monkeypatch.setenv(name, value)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    dvc("init", "--no-scm")
    dvc("remote", "add", "--default", "store", "results/store")
    train("vdsr", "nearest", "cbn")
    store.push(config.load())
    return tmp_path


def fresh(project: Path) -> None:
    """As a clone finds it: no cache, no weights."""
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(project / WEIGHTS)


def there() -> list[str]:
    return sorted(str(path.relative_to(WEIGHTS)) for path in WEIGHTS.rglob("*") if path.is_file())


def stored_file(content: str) -> Path:
    found = [path for path in Path("results/store").rglob("*") if path.is_file() and path.read_text() == content]
    assert len(found) == 1  # what two runs share is stored once
    return found[0]


def test_networks_come_back_and_nothing_is_trained(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh(project)
    store.pull(config.load())
    assert there() == ["cbn/seed0/front", "cbn/seed0/weights", "vdsr/seed0/front", "vdsr/seed0/weights"]
    assert Path(WEIGHTS, "vdsr/seed0/weights").read_text() == "vdsr\n"
    printed = capsys.readouterr().out
    assert "2 trained networks taken from the store" in printed
    assert "make train" in printed
    assert "2031-02-03  a device, float32, 120 minutes" in printed
    assert "Not in the store: stn0;" in printed  # no stage made it here
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "train@vdsr", "train@cbn"], capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout


def test_a_damaged_file_is_named_and_nothing_comes_back(project: Path) -> None:
    fresh(project)
    path = stored_file("cbn\n")
    path.chmod(0o644)
    path.write_text("cbm\n")
    with pytest.raises(BadInput, match=rf"{path.name}: damaged \(it is {WEIGHTS}/cbn/seed0/weights\)"):
        store.pull(config.load())
    assert there() == []
    path.unlink()
    with pytest.raises(BadInput, match=rf"{path.name}: missing \(it is {WEIGHTS}/cbn/seed0/weights\)"):
        store.pull(config.load())
    assert there() == []
    assert not list(Path(".dvc").glob("cache/files/*"))


def test_a_store_that_is_gone_says_what_to_do(project: Path) -> None:
    shutil.rmtree("results/store")
    with pytest.raises(BadInput, match=r"results/store: missing.*`make train`"):
        store.pull(config.load())


def test_a_training_of_ones_own_is_left_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("dvc.yaml")
    path.write_text(path.read_text().replace("echo front", "echo mine"))
    dvc("repro")
    store.pull(config.load())
    assert Path(WEIGHTS, "vdsr/seed0/front").read_text() == "mine\n"
    assert "Not in the store: stn0, cbn, vdsr;" in capsys.readouterr().out


def test_a_training_that_is_not_recorded_yet_stays_and_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `run_all --anew --only vdsr` leaves it: in no cache, so that DVC would refuse to replace any of them."""
    path = WEIGHTS / "vdsr/seed0/weights"
    path.unlink()
    path.write_text("hours of training\n")
    shutil.rmtree(WEIGHTS / "cbn")
    store.pull(config.load())
    assert path.read_text() == "hours of training\n"
    assert Path(WEIGHTS, "cbn/seed0/weights").read_text() == "cbn\n"
    printed = capsys.readouterr().out
    [line] = [line for line in printed.splitlines() if line.startswith(f"{WEIGHTS}/vdsr: ")]
    assert (
        "left as it is; record it: `python -m benchmark.repro` if code or parameters changed, else `dvc commit" in line
    )
    assert "1 trained networks taken from the store" in printed
    assert "Not in the store: stn0;" in printed
    shutil.rmtree(WEIGHTS / "cbn")
    Path(WEIGHTS, "cbn/seed1").mkdir(parents=True)
    Path(WEIGHTS, "cbn/seed1/weights").write_text("another seed\n")
    store.pull(config.load())
    assert there() == [
        "cbn/seed1/weights",
        "nearest/seed0/front",
        "nearest/seed0/weights",
        "vdsr/seed0/front",
        "vdsr/seed0/weights",
    ]


def test_a_training_of_another_lock_is_replaced(project: Path) -> None:
    """As after `git pull`: what was taken from the store before is in the cache, and nothing is lost."""
    lock, path = Path("dvc.lock").read_text(), Path("dvc.yaml")
    pipeline = path.read_text()
    path.write_text(pipeline.replace("echo front", "echo older"))
    dvc("repro")
    assert Path(WEIGHTS, "vdsr/seed0/front").read_text() == "older\n"
    path.write_text(pipeline)
    Path("dvc.lock").write_text(lock)
    store.pull(config.load())
    assert Path(WEIGHTS, "vdsr/seed0/front").read_text() == "front\n"


def test_another_experiment_has_nothing_in_the_store(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("results/store")
    store.pull(config.load("other"))
    printed = capsys.readouterr().out
    assert "Not in the store: stn0, cbn, vdsr;" in printed
    assert "dvc.lock is of small; `git checkout dvc.lock`" in printed


def test_a_network_that_is_given_away_comes_back_with_any_experiment(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("results/other/released/cbn")
    path.mkdir(parents=True)
    (path / "weights").write_text("given away")
    dvc("add", str(path))
    dvc("push", f"{path}.dvc")
    fresh(project)
    shutil.rmtree(path)
    store.pull(config.load())
    assert (path / "weights").read_text() == "given away"
    assert f"{path}: a network that is given away; read {path}.md" in capsys.readouterr().out
    shutil.rmtree(path)
    damaged = stored_file("given away")
    damaged.chmod(0o644)
    damaged.write_text("something else")
    with pytest.raises(BadInput, match=rf"damaged \(it is {path}/weights\)"):
        store.pull(config.load())
    assert not path.exists()


def test_hours_count_a_shared_phase_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.say_hours(config.load())
    assert capsys.readouterr().out.startswith("2 trainings took 1.0 hours one after another on a device; never: 1")
    assert hours([{"epochs": {"a": [3600.0, 3600.0]}}, {"epochs": {"a": [3600.0]}}, {}]) == 3
