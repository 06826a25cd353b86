"""The accepted scores: what has moved beyond its tolerance, and what accepting changes."""

from pathlib import Path

import pytest
from made_up import edited

from benchmark import config
from benchmark.reporting import accepted
from benchmark.reporting.results import Results


@pytest.fixture
def held(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """The made-up experiment, accepted (in accepted/)."""
    monkeypatch.setattr(accepted, "ACCEPTED", Path("accepted"))
    accepted.accept(Results(toy))
    return toy


def moved(experiment: config.Experiment) -> list[list[str]]:
    """The lines of the table of what has moved, as words."""
    return [line.split() for line in accepted.moved(Results(experiment)).splitlines()[1:]]


@pytest.mark.parametrize(
    ("measure", "by", "fails"),
    [("psnr", 0.019, False), ("psnr", -0.021, True), ("ssim", 0.0009, False), ("ssim", 0.0011, True)],
)
def test_tolerances(held: config.Experiment, measure: str, by: float, fails: bool) -> None:
    with edited(held.run("ours").metrics) as summary:
        summary[measure] += by
    head = ["run", "measure", "accepted", "measured", "moved", "tolerance"]
    assert accepted.moved(Results(held)).split("\n")[0].split() == (head if fails else [])
    assert [line[:2] for line in moved(held)] == [["ours", measure]] * fails
    assert [float(line[4]) for line in moved(held)] == pytest.approx([by] * fails, abs=1e-4)


def test_accepting_names_what_it_changes_and_allows_no_run_more(held: config.Experiment) -> None:
    with edited(Path("accepted/toy.json")) as stored:
        stored["runs"]["ours"]["tolerance"] = {"psnr": 1.0}
    with edited(held.run("ours").metrics) as summary:
        summary["psnr"] += 0.5
    assert moved(held) != []
    changed = accepted.accept(Results(held)).splitlines()[1:]
    assert [line.split()[:2] for line in changed] == [["ours", "psnr"]]
    entry = accepted.read("toy")["runs"]["ours"]
    assert entry == pytest.approx({"psnr": summary["psnr"], "ssim": summary["ssim"]}, abs=1e-5)
    assert moved(held) == []


@pytest.mark.parametrize("gone", ["results", "accepted"])
def test_a_run_on_one_side_alone_fails(held: config.Experiment, gone: str) -> None:
    if gone == "results":
        held.run("nearest").metrics.unlink()
    else:
        with edited(Path("accepted/toy.json")) as stored:
            del stored["runs"]["nearest"]
    assert [line[:2] for line in moved(held)] == [["nearest", "psnr"], ["nearest", "ssim"]]
    assert all("none" in line for line in moved(held))
