"""Costs: what provenance tells stands in the table and in the plot, and what is not known is a dash."""

import json
from pathlib import Path

import experiments
import numpy as np
import pytest

from benchmark import config
from benchmark.reference import label_of
from benchmark.reporting import costs, tables
from benchmark.reporting.results import Results


def lines(text: str, label: str) -> list[list[str]]:
    """Cells of the rows of a run in a Markdown table."""
    return [[c.strip() for c in li.strip("|").split("|")] for li in text.splitlines() if li.startswith(f"| {label} ")]


def test_every_seed_has_a_row_and_stn0_comes_first(toy: config.Experiment) -> None:
    path = toy.run("stn0").provenance(0)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"seconds": 5.0, "images_per_second": 7.0, "device": "a GPU"}))
    text = costs.markdown(Results(toy))
    known = ["1,234", "10", "100.0", "CPU", "1", "float32", "2.00"]
    assert lines(text, "Ours") == [["Ours", seed, *known] for seed in ("0", "1")]
    assert lines(text, "stn0") == [["stn0", "0", "–", "5", "7.0", "a GPU", "–", "–", "–"]]
    assert text.splitlines()[2].startswith("| stn0")


def test_a_phase_that_runs_share_is_counted_once(toy: config.Experiment) -> None:
    for path in toy.results.glob("provenance/*/seed*.json"):
        path.write_text("{}")
    trained = {
        ("stn0", 0): {"stn0": [360.0]},
        ("ours", 0): {"front": [1800.0, 1800.0], "mtun": [720.0]},
        ("ours_no_skip", 0): {"front": [1800.0, 1800.0], "mtun": [360.0]},
        ("ours", 1): {"front": [1800.0, 1801.0], "mtun": [359.0]},
    }
    for (run, seed), epochs in trained.items():
        path = toy.run(run).provenance(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"epochs": epochs}))
    assert "counted once: 1.40 for seed 0, 1.10 for seed 1." in costs.markdown(Results(toy))


def test_images_that_came_without_a_time_have_a_dash(toy: config.Experiment) -> None:
    toy.run("nearest").predict_provenance.unlink()
    toy.run("bicubic").provenance(0).unlink()
    text = costs.markdown(Results(toy))
    assert lines(text, "nearest")[0][-1] == tables.DASH
    assert lines(text, "Bicubic") == [["Bicubic", "0", "1,234", "–", "–", "–", "–", "–", "2.00"]]


def test_what_another_machine_measured_is_kept(toy: config.Experiment) -> None:
    def points() -> list[np.ndarray]:
        return [line.get_xdata() for axis in costs.quality_and_time(Results(toy)).axes for line in axis.lines]

    target, file = toy.results.parent / "costs.md", toy.results / costs.KEPT
    before, plotted = costs.markdown(Results(toy)), points()
    costs.write([Results(toy)] * 2, target, ["## Last"])
    assert target.read_text().count("## `toy`: a few faces") == 2
    assert target.read_text().endswith("## Last\n")
    assert (toy.results / costs.PLOT).is_file()
    kept = file.read_text()
    for run in ("bicubic", "ours"):
        toy.run(run).predict_provenance.unlink()
    toy.run("bicubic").provenance(0).unlink()
    assert costs.markdown(Results(toy)) == before
    assert np.array_equal(points(), plotted, equal_nan=True)
    costs.write([Results(toy)], target)
    assert costs.markdown(Results(toy)) == before
    assert file.read_text() == kept
    toy.run("ours").predict_provenance.write_text(json.dumps({"seconds_a_face": 0.004}))
    assert lines(costs.markdown(Results(toy)), "Ours")[0][-1] == "4.00"  # what is measured here comes first


def test_an_estimate_is_faces_times_epochs_over_the_measured_speed(toy: config.Experiment) -> None:
    split = {"test_fraction": 0.2, "validation_fraction": 0.5}
    experiments.change(Path(), methods={"mtun": {"width": 4, "epochs": 90}}, prepare=split)
    text = costs.estimate(config.load(), Results(toy), faces=10_000)
    assert "4,000 of 10,000 faces" in text
    assert lines(text, "Ours") == [["Ours", "90", "CPU", "100.0", "1.0", "2"]]  # 4000 x 90 / 100 seconds are an hour


def test_quality_stands_against_both_times_for_the_methods_of_table_1(known: Results) -> None:
    axes = costs.quality_and_time(known).axes
    expected = {label_of(run): summary["psnr"] for run, summary in known.summaries.items() if run != "nearest"}
    for axis, seconds in zip(axes, (0.002, 10.0), strict=True):
        assert {line.get_xdata()[0] for line in axis.lines} == {seconds}
        drawn = {text.get_text(): line.get_ydata()[0] for text, line in zip(axis.texts, axis.lines, strict=True)}
        assert drawn == pytest.approx(expected)
