"""Figures: of faces, chosen by rule, in the paper's columns, each with its PSNR; and plots of the measured numbers."""

from pathlib import Path

import experiments
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark import config, reference
from benchmark.reporting import claims, figures, results
from benchmark.reporting.faces import Gallery, spread
from benchmark.reporting.figures import face_grids, plots
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from datasets import pose
from datasets.face import BadInput


@pytest.fixture
def gallery(known: Results) -> Gallery:
    """The pictures of the made-up experiment."""
    return Gallery.load(known)


def test_chosen_faces_spread_over_pose_and_difficulty_and_follow_from_the_seed() -> None:
    rng = np.random.default_rng(0)
    yaw, psnr = rng.normal(0, 25, 400), rng.normal(22, 2, 400)
    rows, again, other = (spread(yaw, psnr, 12, seed) for seed in (1, 1, 2))
    assert rows.tolist() == again.tolist() != other.tolist()
    assert len(set(rows)) == 12
    bins = [pose.bin_of(v) for v in yaw[rows]]
    assert {b: bins.count(b) for b in bins} == {"0-15": 3, "15-30": 3, "30-45": 3, "45-90": 3}
    for name in set(bins):
        inside = np.array([pose.bin_of(v) == name for v in yaw])
        low, high = np.quantile(psnr[inside], [1 / 3, 2 / 3])
        easy, middling, hard = psnr[[r for r in rows if inside[r]]]
        assert easy >= high - 0.2
        assert low - 0.2 <= middling <= high + 0.2
        assert hard <= low + 0.2


@pytest.mark.parametrize("count", [1, 5, 11, 30])
def test_any_count_up_to_all_faces_is_given_once_each(count: int) -> None:
    yaw = np.array([0.0] * 9 + [80.0, -50.0])
    rows = spread(yaw, np.arange(11.0), count, seed=0)
    assert len(rows) == len(set(rows)) == min(count, 11)


def test_difficulty_is_the_mean_psnr_of_the_same_face_over_the_papers_runs(gallery: Gallery) -> None:
    measured = gallery.results.rows
    tables = {run: measured[run] for run in measured if run in reference.paper().index}
    assert 1 < len(tables) < len(measured)
    for row in (0, 7):
        name = gallery.pairs.faces["name"].iloc[row]
        means = [table.loc[table["name"] == name, "psnr"].mean() for table in tables.values()]
        assert gallery.psnr[row] == pytest.approx(np.mean(means))


def test_faces_of_another_preparation_are_refused(toy: config.Experiment) -> None:
    for run in toy.runs:
        path = toy.run(run).metrics.with_suffix(".csv")
        path.write_text("".join(line for line in path.read_text().splitlines(True) if ",0003," not in line))
    with pytest.raises(BadInput, match="other faces than"):
        Gallery.load(Results(toy))


def test_a_grid_has_titled_images_of_the_chosen_faces_with_their_psnr_and_names_absent_runs(gallery: Gallery) -> None:
    figure = face_grids.draw(1, gallery)
    grid = np.reshape(figure.axes, (face_grids.ROWS, 5))
    assert [axis.get_title() for axis in grid[0]] == ["(a) LR", "(b) HR", "(c) NN", "(f) TDAE†", "(g) Ours"]
    assert "No images here of: (d) CBN, (e) TDAE." in figure.texts[0].get_text()
    psnr = gallery.results.rows["ours"].query("seed == 0").set_index("name")["psnr"]
    for axes, row in zip(grid, gallery.choose(face_grids.ROWS, seed=1), strict=True):
        name = gallery.pairs.faces["name"].iloc[row]
        sr = np.array(Image.open(gallery.images("ours") / f"{name}.png"))
        for axis, image in zip(axes[[0, 1, 4]], (gallery.pairs.lr[row], gallery.pairs.hr[row], sr), strict=True):
            np.testing.assert_array_equal(axis.get_images()[0].get_array(), image)
        said = [[text.get_text() for text in axis.texts] for axis in axes[[0, 1, 4]]]
        assert said == [[], [], [f"{psnr[name]:.1f}"]]


def test_true_heatmaps_colour_each_component_where_its_landmarks_are(gallery: Gallery) -> None:
    drawn = face_grids.pictures("True heatmaps", gallery, np.array([0]))
    picture, points, component = drawn[0], gallery.pairs.landmarks[0], gallery.pairs.component[0]
    mouth, eye = (points[component == c][0].round().astype(int) for c in (2, 0))
    assert picture[mouth[1], mouth[0]].argmax() == 0  # red
    assert picture[eye[1], eye[0]].argmax() == 2  # blue
    assert picture[2, 2].max() == 0


def test_a_missing_image_is_named(toy: config.Experiment) -> None:
    gallery = Gallery.load(Results(toy))
    for path in gallery.images("ours").glob("*.png"):
        path.unlink()
    with pytest.raises(BadInput, match=r"sr/ours/seed0/\d+.png: missing; run .* --run ours"):
        face_grids.pictures("ours", gallery, np.array([0]))


def judge(known: Results) -> None:
    """Write claims.json."""
    load = loader(known)
    claims.write(claims.judge(known, load), known, known.experiment.results, load)


def test_curves_hold_every_seed_of_table_1s_trained_runs(known: Results) -> None:
    (axis,) = plots.curves(known).axes  # no run sees no heatmaps
    assert len(axis.lines) == 6  # of the four runs that Table 1 has, two have two seeds
    assert axis.lines[-1].get_ydata().tolist() == [17, 18, 19, 20]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["Bicubic", "TDAE†", "Ours†", "Ours"]
    assert {line.get_color() for line in axis.lines[-2:]} == {figures.looks(known)["ours"]["color"]}


def test_without_several_epochs_there_is_no_curve(known: Results) -> None:
    known.logs["ours"] = {seed: log[:1] for seed, log in known.logs["ours"].items()}
    assert list(plots.curves_of(known, known.logs)) == ["bicubic", "nearest", "tdae_retrained", "ours_no_skip"]
    known.logs.clear()
    assert plots.curves(known) is None


def test_epochs_of_phases_that_leave_the_result_alone_are_not_drawn() -> None:
    phases = np.repeat(["front", "decoder", "one", "last"], 2)
    log = pd.DataFrame({"phase": phases, "val_psnr": [np.nan, np.nan, 11.548, 11.556, 18.0, 19.0, 19.34, 19.35]})
    assert plots.upscaling_epochs(log).tolist() == [18.0, 19.0, 19.34, 19.35]


def test_a_run_looks_like_no_other(toy: config.Experiment) -> None:
    experiments.change(Path(), runs={f"more {i}": {"method": "mtun"} for i in range(40)})
    more = config.load()
    looks = figures.looks(Results(more))
    assert set(looks) == {*reference.paper().index, *more.runs}
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == len(looks)


@pytest.fixture
def paired(toy: config.Experiment) -> Results:
    """The made-up experiment as one of real faces, where Ours† stands for the run without heatmaps."""
    for path in toy.results.rglob("ours_no_skip*"):
        path.rename(path.with_name(path.name.replace("ours_no_skip", "no_heb_pfu")))
    runs = {"ours_no_skip": {"method": "bicubic"}, "no_heb_pfu": {"method": "mtun", "stacks": 0, "seeds": 2}}
    experiments.change(Path(), corpora={"lfw": None}, runs=runs)
    return Results(config.load())


def test_the_yaw_plot_draws_the_gain_in_each_bin(paired: Results) -> None:
    (axis,) = plots.gain_by_yaw(paired).axes
    (line,) = axis.containers
    psnr = results.by_face(paired.rows, "psnr")
    gains = (psnr["ours"] - psnr["no_heb_pfu"]).groupby(paired.faces["yaw_bin"]).mean()
    assert line.lines[0].get_ydata() == pytest.approx(gains[["0-15", "15-30", "30-45", "45-90"]])
    assert axis.get_xticklabels()[0].get_text() == "0-15°\n2 faces"


def test_the_gain_is_drawn_by_epochs_next_to_the_papers(paired: Results) -> None:
    (axis,) = plots.gain(paired).axes
    (line,) = axis.containers
    psnr = results.by_face(paired.rows, "psnr").mean()
    assert line.lines[0].get_xdata() == pytest.approx([4])
    assert line.lines[0].get_ydata() == pytest.approx([psnr["ours"] - psnr["no_heb_pfu"]])
    assert [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"] == pytest.approx(
        [1.8, 1.78, 1.59]
    )


def test_the_forest_has_a_row_a_pair_as_a_share_of_its_margin(paired: Results) -> None:
    judge(paired)
    (axis,) = plots.forest(paired).axes
    rows = dict(zip([text.get_text() for text in axis.get_yticklabels()], axis.texts, strict=True))
    assert rows["L_h helps with L_p, L_f and L_U, in PSNR"].get_text().split(": ")[1].startswith("confirmed")
    claim = paired.claims["second_best"]
    (share,) = plots.shares(claim)
    assert share["share"] == pytest.approx(min(test["effect"] for test in claim["tests"]) / 1.75)


def test_a_row_of_the_paper_that_is_not_measured_is_not_drawn(known: Results) -> None:
    labels = [text.get_text() for text in plots.paper_and_measured(known).axes[0].get_yticklabels()]
    assert labels == ["Bicubic", "TDAE†", "Ours†", "Ours", "S4", "w/ L_h: L_p+f+u"]


def test_all_plots_are_written_with_the_experiment_in_their_title(
    toy: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[plt.Figure] = []
    monkeypatch.setattr(plt, "close", drawn.append)
    judge(Results(toy))
    written = figures.write(Results(toy), Path("plots"))
    assert set(written) == {"paper.png", "curves.png"}  # no run that sees no heatmaps, and no verdicts of drawn faces
    assert all(Path("plots", file).read_bytes().startswith(b"\x89PNG") for file in written)
    assert {figure.get_suptitle() for figure in drawn} == {"Experiment toy; Ours: width 4, 4 epochs"}


def test_one_function_is_a_new_plot(known: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", {})

    @figures.figure("mine.png", "Mine.")
    def mine(known: Results) -> plt.Figure:
        return plt.figure()

    assert figures.write(known, tmp_path) == {"mine.png": "Mine."}
    assert (tmp_path / "mine.png").is_file()
