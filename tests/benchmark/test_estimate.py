"""What an experiment would cost: hours from speeds, and the wall time on several devices."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from small import make_project

from benchmark import config, estimate


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """STN_0, vdsr with two seeds, long, and what is fitted in one go, which bicubic's STN_0 holds up."""
    monkeypatch.chdir(make_project(tmp_path))
    found = config.load()
    params = {**found.params, "prepare": {"test_fraction": 0.2, "validation_fraction": 0.25}}
    runs = {name: run for name, run in found.runs.items() if name != "broken"}
    return dataclasses.replace(found, params=params, runs={**runs, "turned": {"method": "vdsr", "align": "stn0"}})


def trained(experiment: config.Experiment, **speed: float) -> None:
    """Runs that were measured on a GPU at these images a second."""
    for name, rate in speed.items():
        path = experiment.stn0_provenance if name == "stn0" else experiment.run(name).provenance(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"images_per_second": rate, "seconds": 1.0, "device": "GPU"}))
        if name != "stn0":
            experiment.run(name).metrics.parent.mkdir(parents=True, exist_ok=True)
            experiment.run(name).metrics.write_text("{}")
            facts = {"method": "mtun", "training": []}
            experiment.run(name).facts.write_text(json.dumps(facts))


def test_wall_time_on_few_devices_and_on_many() -> None:
    waiting = {"bicubic seed 0", "turned seed 0"}
    hours = {"stn0 seed 0": 2.0, "vdsr seed 0": 3.0, "vdsr seed 1": 3.0, "long seed 0": 4.0, "turned seed 0": 5.0}
    hours["bicubic seed 0"] = 0.0
    assert estimate.wall(hours, waiting, 1) == 17
    assert estimate.wall(hours, waiting, 2) == 10  # stn0, vdsr, turned; vdsr and long beside them
    assert estimate.wall(hours, waiting, 64) == 7  # stn0, then turned


def test_hours_follow_from_epochs_faces_and_speeds(
    experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "benchmark.reporting.measurements.parameters", lambda experiment: dict.fromkeys(experiment.runs)
    )
    assert "No network of its size has been trained yet." in estimate.markdown([experiment], experiment)
    trained(experiment, stn0=1.0, vdsr=2.0, long=3.0)
    text = estimate.markdown([experiment], experiment)
    assert "On GPU too few networks were trained in full size: turned are missing." in text
    trained(experiment, turned=0.5)
    rows = [line for line in estimate.markdown([experiment], experiment).splitlines() if line.startswith("| 30,000")]
    # 30,000 faces, 18,000 of them trained on: 5 hours an epoch at one a second; long has 6 epochs, the others one.
    sums = 5 / 1 + 2 * 5 / 2 + 6 * 5 / 3 + 5 / 0.5
    longest = 5 + 10
    cells = [float(cell) for cell in rows[0].split("|")[3:-1]]
    assert cells == [sums, sums, longest, longest, longest]


def test_other_networks_say_nothing(experiment: config.Experiment) -> None:
    other = dataclasses.replace(experiment, params={**experiment.params, "methods": {}})
    assert estimate.speeds([other], experiment) == {}
