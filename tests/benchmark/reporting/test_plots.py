"""Plots: what is drawn are the measured numbers, for every run, and nothing is drawn from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

from benchmark import config
from benchmark.reporting import measurements, plots


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_curves_hold_every_seed_of_every_run(toy: config.Experiment) -> None:
    figure = plots.curves(toy)
    assert figure is not None
    left, right = figure.axes
    assert len(left.lines) == 7  # five runs, two of them with two seeds
    assert left.lines[-1].get_ydata().tolist() == [17, 18, 19, 20]
    assert [text.get_text() for text in left.get_legend().get_texts()] == list(measurements.labels(toy).values())
    assert [line.get_label() for line in right.lines] == ["L_p", "L_h"]
    shutil.rmtree(toy.results / "logs")
    assert plots.curves(toy) is None


def test_yaw_plot_draws_the_means_of_the_bins(toy: config.Experiment) -> None:
    axis = plots.by_yaw(toy).axes[0]
    assert len(axis.containers) == 5
    drawn = dict(zip(measurements.labels(toy), [c.lines[0].get_ydata() for c in axis.containers], strict=True))
    rows = measurements.rows(toy)["ours"]
    assert drawn["ours"][3] == pytest.approx(rows.loc[rows["yaw_bin"] == "45-90", "psnr"].mean())
    assert axis.get_xticklabels()[0].get_text() == "0-15°\n2 faces"


def test_differences_are_paired_and_sorted(toy: config.Experiment) -> None:
    figure = plots.differences(toy)
    assert figure is not None
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["nearest", "Bicubic", "TDAE†", "Ours†"]
    means = [float(c.lines[0].get_xdata()[0]) for c in axis.containers if c.has_xerr]
    psnr = measurements.by_face(measurements.rows(toy), "psnr")
    assert means == pytest.approx(sorted((psnr[r] - psnr["ours"]).mean() for r in psnr if r != "ours"))
    toy.run("ours").metrics.unlink()
    assert plots.differences(toy) is None


def test_all_files_are_written(toy: config.Experiment) -> None:
    written = plots.write(toy)
    assert [path.stem for path in written] == list(plots.PLOTS)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
