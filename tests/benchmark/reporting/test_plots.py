"""Plots: what is drawn are the measured numbers, of measured runs alone; a new one is a registered function."""

from __future__ import annotations

import shutil
from pathlib import Path

import experiments
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from benchmark import config, reference
from benchmark.reporting import claims, figures, results
from benchmark.reporting.figures import scores, training, verdicts
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader


def test_curves_hold_every_seed_of_table_1s_trained_runs(toy: config.Experiment) -> None:
    figure = training.curves(Results(toy))
    assert figure is not None
    (axis,) = figure.axes  # no run sees no heatmaps
    assert len(axis.lines) == 6  # of the four runs that Table 1 has, two have two seeds
    assert axis.lines[-1].get_ydata().tolist() == [17, 18, 19, 20]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["Bicubic", "TDAE†", "Ours†", "Ours"]
    shutil.rmtree(toy.results / "logs")
    assert training.curves(Results(toy)) is None


def test_a_run_of_one_epoch_has_no_curve(toy: config.Experiment) -> None:
    log = toy.run("ours").log(0)
    for seed in (0, 1):
        pd.read_csv(log)[:1].to_csv(toy.run("ours").log(seed), index=False)
    assert list(training.curves_of(Results(toy), toy.runs)) == ["bicubic", "nearest", "tdae_retrained", "ours_no_skip"]


def test_epochs_of_phases_that_leave_the_result_alone_are_not_drawn() -> None:
    log = pd.DataFrame(
        {
            "phase": ["front"] * 2 + ["decoder"] * 2 + ["one"] * 2 + ["last"] * 2,
            "val_psnr": [np.nan, np.nan, 11.548, 11.556, 18.0, 19.0, 19.34, 19.35],
        }
    )
    assert training.upscaling_epochs(log).tolist() == [18.0, 19.0, 19.34, 19.35]


def test_a_run_looks_the_same_everywhere_and_like_no_other(toy: config.Experiment) -> None:
    experiments.change(Path(), runs={f"more {i}": {"method": "mtun"} for i in range(40)})
    toy = config.load()
    looks = figures.looks(Results(toy))
    assert set(looks) == {*reference.paper().index, *toy.runs}
    assert len({(look.color, look.marker) for look in looks.values()}) == len(looks)
    assert {line.get_color() for line in training.curves(Results(toy)).axes[0].lines[-2:]} == {looks["ours"].color}


@pytest.fixture
def paired(toy: config.Experiment) -> Results:
    """The made-up experiment as one of real faces, where Ours† stands for the run without heatmaps."""
    for path in toy.results.rglob("ours_no_skip*"):
        path.rename(path.with_name(path.name.replace("ours_no_skip", "no_heb_pfu")))
    runs = {"ours_no_skip": {"method": "bicubic"}, "no_heb_pfu": {"method": "mtun", "stacks": 0, "seeds": 2}}
    experiments.change(Path(), corpora={"lfw": None}, runs=runs)
    return Results(config.load())


def test_the_yaw_plot_draws_the_gain_in_each_bin(paired: Results) -> None:
    figure = scores.gain_by_yaw(paired)
    assert figure is not None
    (axis,) = figure.axes
    (line,) = axis.containers
    psnr = results.by_face(paired.rows, "psnr")
    gains = (psnr["ours"] - psnr["no_heb_pfu"]).groupby(paired.faces["yaw_bin"]).mean()
    assert line.lines[0].get_ydata() == pytest.approx(gains[["0-15", "15-30", "30-45", "45-90"]])
    assert axis.get_xticklabels()[0].get_text() == "0-15°\n2 faces"


def test_the_gain_is_drawn_by_epochs_next_to_the_papers(paired: Results) -> None:
    figure = verdicts.gain(paired)
    assert figure is not None
    (axis,) = figure.axes
    (line,) = axis.containers
    psnr = results.by_face(paired.rows, "psnr").mean()
    assert line.lines[0].get_xdata() == pytest.approx([4])
    assert line.lines[0].get_ydata() == pytest.approx([psnr["ours"] - psnr["no_heb_pfu"]])
    assert [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"] == pytest.approx(
        [1.8, 1.78, 1.59]
    )


def test_the_forest_has_a_row_a_pair_as_a_share_of_its_margin(paired: Results) -> None:
    load = loader(paired)
    claims.write(claims.judge(paired, load), paired, paired.experiment.results, load)
    figure = verdicts.forest(paired)
    assert figure is not None
    (axis,) = figure.axes
    rows = dict(zip([text.get_text() for text in axis.get_yticklabels()], axis.texts, strict=True))
    assert rows["L_h helps with L_p, L_f and L_U, in PSNR"].get_text().split(": ")[1].startswith("confirmed")
    claim = paired.claims["second_best"]
    (share,) = verdicts.shares(claim)
    assert share["share"] == pytest.approx(min(test["effect"] for test in claim["tests"]) / 1.75)


def test_synthetic_faces_have_no_plots_of_verdicts(toy: config.Experiment) -> None:
    known = Results(toy)
    claims.write(claims.judge(known, loader(known)), known, toy.results, loader(known))
    assert verdicts.gain(known) is None
    assert verdicts.forest(known) is None


def test_a_row_of_the_paper_that_is_not_measured_is_not_drawn(toy: config.Experiment) -> None:
    figure = scores.paper_and_measured(Results(toy))
    assert figure is not None
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["Bicubic", "TDAE†", "Ours†", "Ours", "S4", "w/ L_h: L_p+f+u"]


def test_all_plots_are_written_with_the_experiment_in_their_title(
    toy: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[plt.Figure] = []
    monkeypatch.setattr(plt, "close", drawn.append)
    known = Results(toy)
    claims.write([], known, toy.results, loader(known))
    written = figures.write(known, Path("plots"))
    assert set(written) == {"paper.png", "curves.png"}  # no run that sees no heatmaps, and synthetic faces
    assert all(Path("plots", file).read_bytes().startswith(b"\x89PNG") for file in written)
    assert {figure.get_suptitle() for figure in drawn} == {"Experiment toy; Ours: width 4, 4 epochs"}


def test_one_function_is_a_new_plot(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", {})

    @figures.figure("mine.png", "Mine.")
    def mine(known: Results) -> plt.Figure:
        return plt.figure()

    assert figures.write(Results(toy), Path("plots")) == {"mine.png": "Mine."}
    assert Path("plots/mine.png").is_file()
