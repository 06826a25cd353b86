"""Plots: what is drawn are the measured numbers, of measured runs alone; a new one is a registered function."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import experiments
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from benchmark import config, reference
from benchmark.reporting import figures, results
from benchmark.reporting.figures import panels, scores, training
from benchmark.reporting.results import Results


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_curves_hold_every_seed_of_every_run(toy: config.Experiment) -> None:
    figure = training.curves(Results(toy))
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
    assert training.curves(Results(toy)) is None


def test_epochs_of_phases_that_leave_the_result_alone_are_not_drawn() -> None:
    log = pd.DataFrame(
        {
            "phase": ["front"] * 2 + ["decoder"] * 2 + ["one"] * 2 + ["last"] * 2,
            "val_psnr": [np.nan, np.nan, 11.548, 11.556, 18.0, 19.0, 19.34, 19.35],
        }
    )
    assert training.upscaling_epochs(log)["val_psnr"].tolist() == [18.0, 19.0, 19.34, 19.35]


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_epochs_have_ticks_at_whole_numbers_alone(epochs: int) -> None:
    _, axis = plt.subplots()
    axis.plot(np.arange(1, epochs + 1), np.ones(epochs), ".")
    panels.whole_epochs(axis)
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


def test_a_run_looks_the_same_everywhere_and_like_no_other(toy: config.Experiment) -> None:
    experiments.change(Path(), runs={f"more {i}": {"method": "mtun"} for i in range(40)})
    toy = config.load()
    looks = figures.looks(Results(toy))
    assert set(looks) == {*reference.paper().index, *toy.runs}
    assert len({(look.color, look.marker) for look in looks.values()}) == len(looks)
    colours = {line.get_color() for axis in training.curves(Results(toy)).axes[:3] for line in axis.lines[-2:]}
    assert colours == {looks["ours"].color}  # in all three tables


def test_the_yaw_plot_draws_the_means_of_the_bins(toy: config.Experiment) -> None:
    known = Results(toy)
    axes = scores.by_yaw(known).axes
    assert [len(axis.containers) for axis in axes] == [4, 1, 1, 1]  # Ours is in every table, nearest in none
    in_table_1 = [run for run in known.labels if run != "nearest"]
    drawn = dict(zip(in_table_1, [c.lines[0].get_ydata() for c in axes[0].containers], strict=True))
    rows = known.rows["ours"]
    assert drawn["ours"][3] == pytest.approx(rows.loc[rows["yaw_bin"] == "45-90", "psnr"].mean())
    assert axes[0].get_xticklabels()[0].get_text() == "0-15°\n2 faces"


def test_differences_are_paired_and_sorted(toy: config.Experiment) -> None:
    figure = scores.differences(Results(toy))
    assert figure is not None
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["nearest", "Bicubic", "TDAE†", "Ours†"]
    means = [float(c.lines[0].get_xdata()[0]) for c in axis.containers if c.has_xerr]
    psnr = results.by_face(Results(toy).rows, "psnr")
    assert means == pytest.approx(sorted((psnr[r] - psnr["ours"]).mean() for r in psnr if r != "ours"))
    toy.run("ours").metrics.unlink()
    assert scores.differences(Results(toy)) is None


def test_a_row_of_the_paper_that_is_not_measured_is_not_drawn(toy: config.Experiment) -> None:
    figure = scores.paper_and_measured(Results(toy))
    assert figure is not None
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["Bicubic", "TDAE†", "Ours†", "Ours", "S4", "w/ L_h: L_p+f+u"]


def test_an_infinite_psnr_leaves_the_other_runs_as_they_are(toy: config.Experiment) -> None:
    before = Results(toy)
    run = toy.run("nearest")  # as HR against itself
    table = pd.read_csv(run.metrics.with_suffix(".csv"), dtype={"name": str}).assign(psnr=np.inf)
    table.to_csv(run.metrics.with_suffix(".csv"), index=False)
    run.metrics.write_text(json.dumps(json.loads(run.metrics.read_text()) | {"psnr": np.inf}))
    after = Results(toy)
    for old, new in zip(scores.by_yaw(before).axes, scores.by_yaw(after).axes, strict=True):
        drawn = [[c.lines[0].get_ydata() for c in axis.containers if c.get_label() != "nearest"] for axis in (old, new)]
        assert np.array_equal(*drawn)
    axis = scores.differences(after).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["Bicubic", "TDAE†", "Ours†"]
    assert np.isfinite(axis.get_xlim()).all()


def test_all_plots_are_written_with_the_experiment_in_their_title(
    toy: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[plt.Figure] = []
    monkeypatch.setattr(plt, "close", drawn.append)
    written = figures.write(Results(toy), Path("plots"))
    assert set(written) == {"paper.png", "yaw.png", "differences.png", "curves.png"}  # no run that sees no heatmaps
    assert all(Path("plots", file).read_bytes().startswith(b"\x89PNG") for file in written)
    assert {figure.get_suptitle() for figure in drawn} == {"Experiment toy; Ours: width 4, 4 epochs"}


def test_one_function_is_a_new_plot(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", {})

    @figures.figure("mine.png", "Mine.")
    def mine(known: Results) -> plt.Figure:
        return plt.figure()

    assert figures.write(Results(toy), Path("plots")) == {"mine.png": "Mine."}
    assert Path("plots/mine.png").is_file()
