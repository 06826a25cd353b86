"""The training stage: what it resolves, what it stores, and how a user is told what is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
import yaml

from benchmark import config, grid, store
from benchmark import train as stage
from benchmark.make import make_method, options_of
from benchmark.training import course, fitting, progress
from datasets.face import BadInput
from methods import interface

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with a tiny experiment, as the working directory; `tiny` is a method there."""
    package = ModuleType("methods.tiny")
    package.METHOD = tiny.Tiny  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    known = [*interface.names(), "tiny"]
    monkeypatch.setattr(interface, "names", lambda: known)
    monkeypatch.chdir(tmp_path)
    tiny.write_pairs(tiny.make_pairs(), tmp_path / "data/small/train")
    (tmp_path / "data/small/manifest.json").write_text('{"hash": "abc"}')
    write_params(tmp_path)
    return tmp_path


def write_params(folder: Path, **training: object) -> None:
    block = {
        "training": {"recipe": "tuned", "seeds": 2, "vgg": None, "precision": "float32", **training},
        "stn0": {"epochs": 1, "batch_size": 8},
        "methods": {"tiny": {"epochs": 1}, "bicubic": {}},
    }
    runs = {
        "small": {"method": "tiny", "seeds": 2},
        "authors": {"method": "tiny", "recipe": "authors"},
        "by_stn0": {"method": "tiny", "align": "stn0"},
        "bicubic": {"method": "bicubic", "align": "oracle"},
    }
    params = {"experiment": "small", "experiments": {"small": block}, "runs": runs}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def write_runs(folder: Path, **runs: dict[str, object]) -> None:
    """Replace the runs of params.yaml."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(params | {"runs": runs}))


def train(*arguments: str) -> None:
    stage.main(stage.parser().parse_args(["--device", "cpu", *arguments]))


def test_a_run_stores_weights_record_and_log_for_every_seed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("--run", "small")
    printed = capsys.readouterr().out
    assert "no GPU" in printed
    assert "recipe: tuned" in printed
    weights = []
    for seed in (0, 1):
        folder = project / f"results/small/weights/small/seed{seed}"
        facts = json.loads((folder / "config.json").read_text())
        assert facts["options"] == dataclasses.asdict(tiny.Options(epochs=1, recipe="tuned"))
        assert facts["align"] == "none"
        assert facts["seed"] == seed
        assert facts["data"] == "abc"
        assert facts["parameters"] == sum(p.numel() for p in tiny.Tiny().module.parameters())
        log = pd.read_csv(project / f"results/small/logs/small/seed{seed}.csv")
        assert list(log["phase"]) == ["pixels", "play"]
        provenance = json.loads((project / f"results/small/provenance/small/seed{seed}.json").read_text())
        assert {phase: len(seconds) for phase, seconds in provenance["epochs"].items()} == {"pixels": 1, "play": 1}
        total = sum(seconds[0] for seconds in provenance["epochs"].values())
        assert provenance["seconds"] == pytest.approx(total, abs=0.002)
        assert provenance["images_per_second"] > 0
        assert (provenance["device"][:3], provenance["precision"], provenance["restored"]) == ("CPU", "float32", False)
        method = tiny.Tiny()
        method.load(folder)
        weights.append(method.module[0].weight)
    assert not torch.equal(*weights)
    assert len(list(project.glob("work/*/checkpoints/*"))) == 2  # the last one of each seed
    assert len(list(project.glob("work/*/samples/*.png"))) == 4


def test_provenance_comes_back_with_the_weights_that_it_is_of(project: Path) -> None:
    provenance = project / "results/small/provenance/small/seed0.json"
    train("--run", "small", "--seed", "0")
    first = provenance.read_text()
    provenance.write_text("of a training with other options, in between")
    shutil.rmtree(project / "results/small/weights")
    train("--run", "small", "--seed", "0")
    assert provenance.read_text() == first


def test_recipe_of_the_run_wins_over_the_experiments(project: Path) -> None:
    run = config.load().run("authors")
    assert make_method(run).options.recipe == "authors"
    assert make_method(config.load().run("small")).options.recipe == "tuned"
    assert make_method(config.load().run("bicubic")).options is not None


def test_networks_are_built_to_be_used_and_not_to_be_asked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = tiny.Tiny.__init__

    def watched(method: tiny.Tiny, options: dict[str, Any] | None = None) -> None:
        build(method, options)
        built.append(method.options.recipe)

    monkeypatch.setattr(tiny.Tiny, "__init__", watched)
    experiment = config.load()
    trainings = grid.trainings_of(experiment, ["small", "authors", "by_stn0"])
    assert sorted(built) == ["authors", "tuned", "tuned"]  # each run once: wrong combinations of options come out here
    built.clear()
    make_method(experiment.run("small"))
    assert built == ["tuned"]
    assert set(grid.progress(trainings)["state"]) == {"waiting"}
    assert grid.weights_hashes(experiment.run("small")) == {}
    assert options_of(experiment.run("authors")).recipe == "authors"
    assert store.networks(experiment) == ["stn0", "authors", "by_stn0", "small"]
    assert built == ["tuned"]


def test_time_limit_leaves_with_its_own_status_and_goes_on(project: Path) -> None:
    train("--run", "small", "--seed", "0")
    whole = outputs(project)
    shutil.rmtree(project / "work")
    for _ in range(5):  # updates: three in the first phase, two in the second
        with pytest.raises(SystemExit, match="75"):
            train("--run", "small", "--seed", "0", "--seconds", "0")
    train("--run", "small", "--seed", "0", "--seconds", "0")
    assert outputs(project) == whole


def outputs(project: Path, run: str = "small") -> dict[str, bytes]:
    """What training the run's seed 0 puts out, byte for byte."""
    results = project / "results/small"
    files = [*(results / f"weights/{run}/seed0").iterdir(), results / f"logs/{run}/seed0.csv"]
    return {path.name: path.read_bytes() for path in files}


def test_removed_outputs_come_back_at_once_from_the_last_checkpoint(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DVC removes a stage's outputs before it runs the stage again."""
    train("--run", "small")
    whole = outputs(project)
    origin = project / "results/small/provenance/small/seed0.json"
    before = origin.read_bytes()
    for folder in ("weights", "logs"):
        shutil.rmtree(project / "results/small" / folder)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(tiny.Tiny, "loss", None)
        patch.setattr(tiny.Tiny, "pixel_loss", None)
        train("--run", "small")
    assert capsys.readouterr().out.count("this training came to its end before") == 2
    assert outputs(project) == whole
    assert origin.read_bytes() == before


def test_a_run_that_takes_over_a_shared_phase_puts_out_the_same(project: Path) -> None:
    for run in ("alone", "first", "second"):
        write_runs(project, **{run: {"method": "tiny", "share": run != "alone"}})
        train("--run", run)
    first, second = (outputs(project, run) for run in ("first", "second"))
    record = first.pop("config.json").decode().replace('"run": "first"', '"run": "second"')
    assert second.pop("config.json").decode() == record
    assert first == second
    alone = outputs(project, "alone")
    assert {name: alone[name] for name in first} == first
    paths = [project / f"results/small/provenance/{run}/seed0.json" for run in ("first", "second")]
    assert ["phase pixels" in json.loads(path.read_text()) for path in paths] == [False, True]


def test_a_later_seed_that_stops_costs_the_earlier_one_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC removes a stage's outputs before it runs again, so finished seeds must come back from their checkpoints."""
    fitted = stage.fit_seed

    def stop_at_one(run: config.Run, seed: int, *rest: object) -> Path:
        if seed == 1:
            raise BadInput("killed")
        return fitted(run, seed, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stage, "fit_seed", stop_at_one)
        with pytest.raises(BadInput, match="killed"):
            train("--run", "small")
    stored = project / "results/small/weights/small/seed0/weights.safetensors"
    before = stored.read_bytes()
    stored.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(tiny.Tiny, "loss", None)
        patch.setattr(tiny.Tiny, "pixel_loss", None)
        train("--run", "small", "--seed", "0")
    assert stored.read_bytes() == before


def test_a_full_device_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(tiny.Tiny, "pixel_loss", full)
    with pytest.raises(BadInput, match="cpu: the device's memory is full; lower batch_size, or take --step eager"):
        train("--run", "small")


def test_resume_folder_depends_on_parameters_code_and_data(project: Path) -> None:
    def folder(parameters: dict[str, int], method: str = "vdsr", data: str = "data/small") -> Path:
        return fitting.work_folder("x", method, parameters, Path(data))

    first = folder({"epochs": 1})
    assert first == folder({"epochs": 1})
    others = {folder({"epochs": 2}), folder({"epochs": 1}, method="srgan"), folder({"epochs": 1}, data="elsewhere")}
    assert len({first, *others}) == 4


def test_closed_form_run_stores_the_same_files(project: Path) -> None:
    train("--run", "bicubic")
    facts = json.loads((project / "results/small/weights/bicubic/seed0/config.json").read_text())
    assert facts["align"] == "oracle"
    provenance = json.loads((project / "results/small/provenance/bicubic/seed0.json").read_text())
    assert provenance["images_per_second"] is provenance["precision"] is None
    assert list(pd.read_csv(project / "results/small/logs/bicubic/seed0.csv")["phase"]) == ["fit"]


def test_alignment_by_stn0_asks_for_its_weights(project: Path) -> None:
    with pytest.raises(BadInput, match="weights/stn0"):
        train("--run", "by_stn0")


def test_vgg_weights(project: Path) -> None:
    assert stage.vgg_weights(config.load()) is None
    write_params(project, vgg="torchvision")
    assert stage.vgg_weights(config.load()) == Path("torchvision")
    write_params(project, vgg="nowhere/vgg.safetensors")
    with pytest.raises(BadInput, match=r"nowhere/vgg.safetensors: no such file; set .*torchvision"):
        train("--run", "small")


def test_number_of_threads_is_the_experiments(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    train("--run", "small")
    assert asked == []
    write_params(project, threads=3)
    train("--run", "small")
    assert asked == [3]


def test_speed_is_that_of_the_last_phase() -> None:
    speeds = [("stn", 900.0), ("stn", 700.0), ("stn", 800.0), ("mtun", 1.0), ("mtun", 30.0), ("mtun", 40.0)]
    rows = [{"phase": phase, "images_per_second": speed, "seconds": 2.0} for phase, speed in speeds]
    facts = course.times({"epochs": rows, "step": "compilation failed"})
    assert (facts["images_per_second"], facts["seconds"]) == (30.0, 12.0)
    assert facts["epochs"] == {"stn": [2.0] * 3, "mtun": [2.0] * 3}
    assert facts["step"] == "compilation failed"


def test_device() -> None:
    assert fitting.choose_device("cpu") == CPU
    if not torch.cuda.is_available():
        assert fitting.choose_device("auto") == CPU
        with pytest.raises(BadInput, match="no CUDA device"):
            fitting.choose_device("cuda")


def test_durations_in_words() -> None:
    words = [progress.duration(seconds) for seconds in (5, 89, 90, 5400, 200_000)]
    assert words == ["5 seconds", "89 seconds", "1.5 minutes", "1.5 hours", "2.3 days"]


def test_command_line_reports_a_wrong_run_in_one_line(project: Path) -> None:
    command = [sys.executable, "-m", "benchmark.train", "--run", "ours2"]
    answer = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == ["error: params.yaml: no run 'ours2'; it has authors, bicubic, by_stn0, small"]
