"""What an experiment would cost: speeds as they are measured, hours from them, the wall time on several devices."""

from __future__ import annotations

import dataclasses
import json
import platform
from pathlib import Path

import pytest
import torch
from small import make_project

from benchmark import config, estimate, speeds
from benchmark.training.engine import Settings
from datasets.batch import Batch
from datasets.face import BadInput
from methods.interface import Context, create
from methods.trained import Phase
from methods.vdsr import TINY


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """STN_0, vdsr with two seeds, long, and what is fitted in one go, which bicubic's STN_0 holds up."""
    monkeypatch.chdir(make_project(tmp_path))
    found = config.load()
    params = {**found.params, "prepare": {"test_fraction": 0.2, "validation_fraction": 0.25}}
    runs = {name: run for name, run in found.runs.items() if name != "broken"}
    return dataclasses.replace(found, params=params, runs={**runs, "turned": {"method": "vdsr", "align": "stn0"}})


def measured(experiment: config.Experiment, **speed: dict[str, float]) -> None:
    """Runs that train on a GPU at these images a second, by phase."""
    path = experiment.results / "speeds" / "GPU.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"device": "GPU, bfloat16", "step": "graph", "commit": None, "images_per_second": speed}
    path.write_text(json.dumps(facts))


def test_wall_time_on_few_devices_and_on_many() -> None:
    waiting = {"bicubic seed 0": "stn0 seed 0", "turned seed 0": "stn0 seed 0"}
    hours = {"stn0 seed 0": 2.0, "vdsr seed 0": 3.0, "vdsr seed 1": 3.0, "long seed 0": 4.0, "turned seed 0": 5.0}
    hours["bicubic seed 0"] = 0.0
    assert estimate.wall(hours, waiting, 1) == 17
    assert estimate.wall(hours, waiting, 2) == 10  # stn0, vdsr, turned; vdsr and long beside them
    assert estimate.wall(hours, waiting, 64) == 7  # stn0, then turned


def test_hours_follow_from_epochs_faces_and_speeds(experiment: config.Experiment) -> None:
    assert estimate.markdown(experiment).endswith(estimate.NONE)
    known = {"stn0": {"stn0": 1.0}, "vdsr": {"pixel": 2.0}, "long": {"pixel": 3.0}}
    measured(experiment, **known)
    partial = estimate.markdown(experiment)
    assert "On GPU, bfloat16 without turned, of which no speed has been measured there." in partial
    assert len([line for line in partial.splitlines() if line.startswith("| 30,000")]) == 1
    measured(experiment, **{name: speed for name, speed in known.items() if name != "stn0"})
    assert "On GPU, bfloat16 without stn0, turned, of which no speed" in estimate.markdown(experiment)
    measured(experiment, **known, turned={"pixel": 0.5})
    rows = [line for line in estimate.markdown(experiment).splitlines() if line.startswith("| 30,000")]
    last = estimate.markdown(experiment).splitlines()[-1]
    assert [cell.strip() for cell in last.split("|")[1:-1]] == ["turned", "pixel", "0.5"]
    # 30,000 faces, 18,000 of them trained on: 5 hours an epoch at one a second; long has 6 epochs, the others one.
    sums = 5 / 1 + 2 * 5 / 2 + 6 * 5 / 3 + 5 / 0.5
    longest = 5 + 10
    cells = [float(cell) for cell in rows[0].split("|")[3:-1]]
    assert cells == [sums, sums, longest, longest, longest]


def test_speeds_stand_side_by_side_run_by_run() -> None:
    here = estimate.Speeds("here", {"stn0": {"stn0": 9.0}, "srgan": {"mse": 3.0, "gan": 1.0}})
    there = estimate.Speeds("there", {"srgan": {"mse": 6.0, "gan": 2.0}, "cbn": {"cascades": 4.0}})
    table = estimate.by_run([here, there]).set_index(["run", "phase"])
    assert list(table.index) == [("stn0", "stn0"), ("srgan", "mse"), ("srgan", "gan"), ("cbn", "cascades")]
    assert table["there"].isna().tolist() == [True, False, False, False]
    assert table.loc[("srgan", "gan")].tolist() == [1.0, 2.0]


def test_a_phase_takes_its_own_time() -> None:
    assert estimate.seconds({"first": 2, "second": 3}, {"first": 10.0, "second": 1.0}, 100) == 2 * 10 + 3 * 100


def test_speeds_are_measured_phase_by_phase_and_kept(experiment: config.Experiment) -> None:
    speeds.main(speeds.parser().parse_args(["--only", "vdsr", "bicubic", "stn0", "--updates", "1", "--device", "cpu"]))
    speeds.main(speeds.parser().parse_args(["--only", "long", "--updates", "1", "--device", "cpu"]))
    (known,) = estimate.speeds(experiment)
    assert known.device.startswith(f"CPU ({platform.machine()}), ")
    assert known.device.endswith(", 1 thread(s), float32")
    assert {run: list(phases) for run, phases in known.runs.items()} == {
        "stn0": ["stn0"],
        "vdsr": ["pixel"],
        "long": ["pixel"],
    }
    assert all(speed > 0 for phases in known.runs.values() for speed in phases.values())
    (path,) = (experiment.results / "speeds").iterdir()
    path.write_text(path.read_text().replace('"torch": "', '"torch": "99'))
    speeds.main(speeds.parser().parse_args(["--only", "vdsr", "--updates", "1", "--device", "cpu"]))
    assert set(estimate.speeds(experiment)[0].runs) == {"vdsr"}  # what another PyTorch was measured at is gone
    speeds.main(speeds.parser().parse_args(["--only", "stn0", "--updates", "1", "--device", "cpu", "--step", "eager"]))
    assert set(estimate.speeds(experiment)[0].runs) == {"stn0"}  # so is what was measured with another kind of step
    with pytest.raises(BadInput, match="--updates -1: give 1"):
        speeds.main(speeds.parser().parse_args(["--updates", "-1"]))
    assert not list(Path().glob("work/*"))
    assert not (experiment.results / "weights").exists()


def test_a_measured_epoch_is_of_so_many_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    method = create("vdsr", TINY)
    build = method.phases

    def watched(context: Context) -> list[Phase]:
        def loss(batch: Batch, epoch: int):
            seen.append(len(batch.lr))
            return phase.loss(batch, epoch)

        (phase,) = build(context)
        return [dataclasses.replace(phase, loss=loss, batch_size=100)]

    monkeypatch.setattr(method, "phases", watched)
    speeds.measure(method, torch.device("cpu"), Settings(precision="float32"), 3)
    assert seen == [speeds.LARGEST["cpu"]] * 3 * 2
