"""The accepted scores: what has moved beyond its tolerance, and what accepting changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark import config
from benchmark.reporting import accepted
from benchmark.reporting.results import Results


@pytest.fixture
def held(toy: config.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """The made-up experiment, accepted (in tmp_path/accepted)."""
    monkeypatch.setattr(accepted, "ACCEPTED", tmp_path / "accepted")
    accepted.accept(Results(toy))
    return toy


def change(experiment: config.Experiment, run: str, key: str, by: float) -> None:
    """Add to a number of metrics/RUN.json."""
    path = experiment.run(run).metrics
    summary = json.loads(path.read_text())
    path.write_text(json.dumps(summary | {key: summary[key] + by}))


@pytest.mark.parametrize(
    ("measure", "by", "fails"),
    [("psnr", 0.019, False), ("psnr", -0.021, True), ("ssim", 0.0009, False), ("ssim", 0.0011, True)],
)
def test_tolerances(held: config.Experiment, tmp_path: Path, measure: str, by: float, fails: bool) -> None:
    change(held, "ours", measure, by)
    moved = accepted.moved(Results(held))
    assert bool(moved) == fails
    if fails:
        head, line = moved.splitlines()
        assert head.split() == ["run", "measure", "accepted", "measured", "moved", "tolerance"]
        assert line.split()[:2] == ["ours", measure]
        assert float(line.split()[4]) == pytest.approx(by, abs=1e-4)


def test_accepting_names_what_it_changes_and_allows_no_run_more(held: config.Experiment, tmp_path: Path) -> None:
    path = tmp_path / "accepted" / "toy.json"
    stored = json.loads(path.read_text())
    stored["runs"]["ours"] |= {"tolerance": {"psnr": 1.0}}
    path.write_text(json.dumps(stored))
    change(held, "ours", "psnr", 0.5)
    assert accepted.moved(Results(held)) != ""
    changed = accepted.accept(Results(held)).splitlines()[1:]
    assert [line.split()[:2] for line in changed] == [["ours", "psnr"]]
    entry = json.loads(path.read_text())["runs"]["ours"]
    assert entry.keys() == {"psnr", "ssim"}
    assert entry["psnr"] == pytest.approx(stored["runs"]["ours"]["psnr"] + 0.5, abs=1e-5)
    assert accepted.moved(Results(held)) == ""


@pytest.mark.parametrize("gone", ["results", "accepted"])
def test_a_run_on_one_side_alone_fails(held: config.Experiment, tmp_path: Path, gone: str) -> None:
    if gone == "results":
        held.run("nearest").metrics.unlink()
    else:
        path = tmp_path / "accepted" / "toy.json"
        stored = json.loads(path.read_text())
        del stored["runs"]["nearest"]
        path.write_text(json.dumps(stored))
    lines = accepted.moved(Results(held)).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["nearest", "psnr"], ["nearest", "ssim"]]
    assert all("none" in line for line in lines)
