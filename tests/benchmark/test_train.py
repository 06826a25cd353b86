"""The training stage: what it resolves, what it stores, what it keeps, and how a user is told what is wrong."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import experiments
import pandas as pd
import pytest
import small
import tiny
import torch
from filelock import FileLock

from benchmark import config
from benchmark import train as stage
from benchmark.runs import hardware
from benchmark.runs.make import make_method
from benchmark.runs.provenance import data_hash
from benchmark.train import exclusive
from datasets.face import BadInput
from methods import interface
from methods.mtun import TINY

CPU, RESULTS = torch.device("cpu"), Path("results/small")
RUNS = {
    "small": {"method": "tiny", "seeds": 2},
    "authors": {"method": "tiny", "recipe": "authors"},
    "by_stn0": {"method": "tiny", "align": "stn0"},
    "bicubic": {"method": "bicubic", "align": "oracle"},
    "ours": {"method": "mtun", "trunk": "trunk", "freeze_trunk": True, "feature": False, "adversarial": False},
}
ONCE = {"epochs": 1, "batch_size": 8}
METHODS = {"bicubic": {}, "stn0": ONCE, "mtun_trunk": {"width": 4, **ONCE}, "mtun": TINY}
PRETRAINED = {"stn0": {"method": "stn0"}, "trunk": {"method": "mtun_trunk"}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with a tiny experiment, as the working directory; `tiny` is a method there."""
    package = ModuleType("methods.tiny")
    package.METHOD = tiny.Tiny  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    known = [*interface.names(), "tiny"]
    monkeypatch.setattr(interface, "names", lambda: known)
    monkeypatch.chdir(tmp_path)
    small.make_project(tmp_path)
    write_params()
    return tmp_path


def write_params(epochs: int = 1, **training: Any) -> None:
    methods = METHODS | {"tiny": {"epochs": epochs}}
    block = experiments.block("small", methods=methods, pretrained=PRETRAINED, runs=RUNS)
    block["training"] |= {"threads": None, **training}
    experiments.write(Path(), block)


def train(*arguments: str) -> None:
    stage.main(stage.parser().parse_args(["--device", "cpu", *arguments]))


def outputs(run: str = "small") -> dict[str, bytes]:
    """What training the run's seed 0 puts out, byte for byte."""
    files = [*(RESULTS / f"weights/{run}/seed0").iterdir(), *(RESULTS / f"logs/{run}").glob("seed0*")]
    return {path.name: path.read_bytes() for path in files}


def read(path: str) -> dict[str, Any]:
    return json.loads((RESULTS / path).read_text())


def phases(run: str, seed: int = 0) -> list[str]:
    return list(pd.read_csv(RESULTS / f"logs/{run}/seed{seed}.csv")["phase"])


def test_a_run_stores_weights_record_and_log_for_every_seed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("--run", "small")
    assert "recipe: tuned" in capsys.readouterr().out
    assert make_method(config.load().run("authors")).options.recipe == "authors"  # of its own
    weights = []
    for seed in (0, 1):
        known, made = read(f"weights/small/seed{seed}/config.json"), read(f"provenance/small/seed{seed}.json")
        assert known["options"] == tiny.Options(epochs=1, recipe="tuned").model_dump()
        assert (known["align"], known["seed"], known["data"]) == ("none", seed, data_hash(Path("data/small"), "train"))
        assert known["parameters"] == sum(p.numel() for p in tiny.Tiny().module.parameters())
        assert phases("small", seed) == ["pixels", "play"]
        assert {phase: len(seconds) for phase, seconds in made["epochs"].items()} == {"pixels": 1, "play": 1}
        assert made["seconds"] == pytest.approx(sum(seconds[0] for seconds in made["epochs"].values()), abs=0.002)
        assert made["images_per_second"] > 0
        assert (made["device"][:3], made["precision"]) == ("CPU", "float32")
        method = tiny.Tiny()
        method.load(RESULTS / f"weights/small/seed{seed}")
        weights.append(method.module[0].weight)
    assert not torch.equal(*weights)
    assert len(list(project.glob("work/*/samples/*.png"))) == 4


def test_closed_form_run_stores_the_same_files(project: Path) -> None:
    train("--run", "bicubic")
    assert read("weights/bicubic/seed0/config.json")["align"] == "oracle"
    made = read("provenance/bicubic/seed0.json")
    assert made["images_per_second"] is made["precision"] is None
    assert phases("bicubic") == ["fit"]


def test_what_is_up_to_date_is_kept_and_what_is_not_is_trained(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("--run", "small", "--seed", "0")
    before = outputs()
    with monkeypatch.context() as patch:
        patch.setattr(tiny.Tiny, "fit", lambda *_: pytest.fail("trained"))
        train("--run", "small", "--seed", "0")
    train("--run", "small", "--seed", "0", "--retrain")
    assert outputs() == before
    write_params(epochs=2)
    train("--run", "small", "--seed", "0")
    assert outputs().keys() == before.keys()
    assert outputs()["weights.safetensors"] != before["weights.safetensors"]


def test_a_full_device_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(tiny.Tiny, "pixel_loss", full)
    with pytest.raises(BadInput, match="cpu: the device's memory is full; lower batch_size, or take --step eager"):
        train("--run", "small")


@pytest.mark.parametrize(("run", "needed"), [("by_stn0", "stn0"), ("ours", "trunk")])
def test_what_a_run_builds_on_is_asked_for_and_then_used(project: Path, run: str, needed: str) -> None:
    with pytest.raises(BadInput, match=rf"pretrained/{needed}/seed0: not trained .* --run {needed}` first"):
        train("--run", run)
    train("--run", needed)
    assert read(f"metrics/{needed}.json")["faces"] == 6
    train("--run", run)
    assert phases(run) == (["trunk", "mtun"] if run == "ours" else ["pixels", "play"])


def test_vgg_weights(project: Path) -> None:
    assert stage.vgg_weights(config.load()) is None
    write_params(vgg="torchvision")
    assert stage.vgg_weights(config.load()) == Path("torchvision")
    write_params(vgg="nowhere/vgg.safetensors")
    with pytest.raises(BadInput, match=r"nowhere/vgg.safetensors: no such file; set .*torchvision"):
        train("--run", "small")


def test_device_and_number_of_threads(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    assert hardware.choose_device("cpu", None) == CPU
    assert asked == []
    write_params(threads=3)
    train("--run", "bicubic")
    assert asked == [3]
    if not torch.cuda.is_available():
        assert hardware.choose_device("auto") == CPU
        with pytest.raises(BadInput, match="no CUDA device"):
            hardware.choose_device("cuda")


def test_a_second_training_of_the_same_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done, said = [], ""

    def second() -> None:
        with exclusive(tmp_path, "vdsr seed 0"):
            done.append("second")

    waiting = threading.Thread(target=second)
    with suppress(KeyError), exclusive(tmp_path, "vdsr seed 0"):
        waiting.start()
        for _ in range(600):
            said += capsys.readouterr().out
            if said or not waiting.is_alive():
                break
            waiting.join(timeout=0.1)
        done.append("first")
        raise KeyError  # a training that fails lets the next one go on, too
    waiting.join(timeout=60)
    assert done == ["first", "second"]
    assert said == f"{tmp_path}: another process trains vdsr seed 0; waiting for it\n"
    FileLock(tmp_path / ".lock").acquire(timeout=0)  # raises if it is still held
