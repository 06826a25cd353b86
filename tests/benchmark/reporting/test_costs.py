"""Costs: what provenance tells stands in the table and in the plot, and what is not known is a dash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from benchmark import config
from benchmark import costs as command
from benchmark.reporting import costs, measurements, tables


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def lines(text: str, label: str) -> list[list[str]]:
    """Cells of the rows of a run in a Markdown table."""
    return [[c.strip() for c in li.strip("|").split("|")] for li in text.splitlines() if li.startswith(f"| {label} ")]


def test_cost_counts_parameters_and_seconds(toy: config.Experiment) -> None:
    found = costs.numbers(toy).set_index(["run", "seed"]).loc[("ours", 1)]
    assert found[["parameters", "training, s", "inference, ms a face"]].tolist() == [1234, 10, 2]
    assert found[["images/s", "device", "threads", "precision"]].tolist() == [100, "CPU", 1, "float32"]


def test_every_seed_has_a_row_and_stn0_comes_first(toy: config.Experiment) -> None:
    toy.aligner("stn0").provenance().write_text(
        json.dumps({"seconds": 5.0, "images_per_second": 7.0, "device": "a GPU"})
    )
    text = costs.markdown(toy)
    assert len(lines(text, "Ours")) == 2
    assert lines(text, "stn0") == [["stn0", "0", "–", "5", "7.0", "a GPU", "–", "–", "–"]]
    assert text.splitlines()[2].startswith("| stn0")


def test_a_phase_that_runs_share_is_counted_once(toy: config.Experiment) -> None:
    def trained(path: Path, **epochs: list[float]) -> None:
        path.write_text(json.dumps({"epochs": epochs}))

    for path in toy.results.glob("provenance/*/seed*.json"):
        trained(path)
    trained(toy.aligner("stn0").provenance(), stn0=[360.0])
    trained(toy.run("ours").provenance(0), front=[1800.0, 1800.0], mtun=[720.0])
    trained(toy.run("ours_no_skip").provenance(0), front=[1800.0, 1800.0], mtun=[360.0])
    trained(toy.run("ours").provenance(1), front=[1800.0, 1801.0], mtun=[359.0])
    assert costs.spent(toy, costs.numbers(toy)) == pytest.approx({0: 1.4, 1: 1.1})
    assert "counted once: 1.40 for seed 0, 1.10 for seed 1." in costs.markdown(toy)


def test_images_that_came_without_a_time_have_a_dash(toy: config.Experiment) -> None:
    toy.run("nearest").predict_provenance.unlink()
    toy.run("bicubic").provenance(0).unlink()
    text = costs.markdown(toy)
    assert lines(text, "nearest")[0][-1] == tables.DASH
    assert lines(text, "Bicubic") == [["Bicubic", "0", "1,234", "–", "–", "–", "–", "–", "2.00"]]


def test_what_another_machine_measured_is_kept(toy: config.Experiment) -> None:
    before, plotted = costs.markdown(toy), costs.quality_and_time(toy)
    costs.keep(toy)
    kept = (toy.results / costs.KEPT).read_text()
    for run in ("bicubic", "ours"):
        toy.run(run).predict_provenance.unlink()
    toy.run("bicubic").provenance(0).unlink()
    assert costs.markdown(toy) == before
    costs.keep(toy)
    assert costs.markdown(toy) == before
    assert (toy.results / costs.KEPT).read_text() == kept
    again = costs.quality_and_time(toy)
    points = [[line.get_xydata().tolist() for axis in one.axes for line in axis.lines] for one in (plotted, again)]
    assert points[0] == points[1]
    toy.run("ours").predict_provenance.write_text(json.dumps({"seconds_a_face": 0.004}))
    assert lines(costs.markdown(toy), "Ours")[0][-1] == "4.00"  # what is measured here comes first


def test_all_experiments_stand_in_one_file(toy: config.Experiment) -> None:
    target = toy.results.parent / "costs.md"
    command.write([toy, toy], target)
    assert target.read_text().count("## `toy`: synthetic") == 2


def test_quality_stands_against_both_times(toy: config.Experiment) -> None:
    axes, known, names = costs.quality_and_time(toy).axes, measurements.measured(toy), measurements.labels(toy)
    expected = {names[run]: pytest.approx(summary["psnr"]) for run, summary in known.items()}
    expected |= dict.fromkeys(("S4", "w/ L_h: L_p+f+u"), expected["Ours"])  # its names in Tables 2 and 3
    for column, seconds in ((0, 0.002), (1, 10.0)):
        lines = [line for axis in axes[column::2] for line in axis.lines]
        assert {line.get_label(): line.get_ydata()[0] for line in lines} == expected
        assert {line.get_xdata()[0] for line in lines} == {seconds}
