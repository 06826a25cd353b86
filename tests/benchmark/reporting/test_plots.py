"""Plots: what is drawn are the measured numbers, for every run, and nothing is drawn from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
    first, second, third, further, losses, empty = figure.axes
    assert not empty.axison
    assert [line.get_label() for line in further.lines] == ["nearest"]
    assert len(first.lines) == 6  # of the four runs that Table 1 has, two have two seeds
    assert first.lines[-1].get_ydata().tolist() == [17, 18, 19, 20]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["Bicubic", "TDAE†", "Ours†", "Ours"]
    assert [len(axis.lines) for axis in (second, third)] == [2, 2]  # Ours alone
    assert [line.get_label() for line in losses.lines] == ["L_p", "L_h"]
    shutil.rmtree(toy.results / "logs")
    assert plots.curves(toy) is None


def test_epochs_of_phases_that_leave_the_result_alone_are_not_drawn() -> None:
    log = pd.DataFrame(
        {
            "phase": ["front"] * 2 + ["decoder"] * 2 + ["one"] * 2 + ["last"] * 2,
            "val_psnr": [np.nan, np.nan, 11.548, 11.556, 18.0, 19.0, 19.34, 19.35],
        }
    )
    assert plots.watched(log)["val_psnr"].tolist() == [18.0, 19.0, 19.34, 19.35]


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_epochs_have_ticks_at_whole_numbers_alone(epochs: int) -> None:
    _, axis = plt.subplots()
    axis.plot(np.arange(1, epochs + 1), np.ones(epochs), ".")
    plots.whole_epochs(axis)
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


def test_no_two_runs_of_a_panel_look_alike() -> None:
    runs = [*map(str, measurements.paper().index), *(f"more {i}" for i in range(12))]
    found = plots.panels(runs)
    assert [len(looks) for looks in found.values()] == [10, 6, 6, 12]
    assert all(len({(one["color"], one["marker"]) for one in looks.values()}) == len(looks) for looks in found.values())


def test_yaw_plot_draws_the_means_of_the_bins(toy: config.Experiment) -> None:
    axes = plots.by_yaw(toy).axes
    assert [len(axis.containers) for axis in axes] == [4, 1, 1, 1]  # Ours is in every table, nearest in none
    axis = axes[0]
    in_table_1 = [run for run in measurements.labels(toy) if run != "nearest"]
    drawn = dict(zip(in_table_1, [c.lines[0].get_ydata() for c in axis.containers], strict=True))
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
