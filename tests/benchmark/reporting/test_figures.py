"""Figures of faces: faces by rule, the paper's columns in order, what is absent named, each with its PSNR."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import config, reference
from benchmark.reporting import figures
from benchmark.reporting.faces import Gallery, spread
from benchmark.reporting.figures import face_grids
from benchmark.reporting.results import Results
from datasets import pose
from datasets.face import BadInput


@pytest.fixture
def gallery(toy: config.Experiment) -> Gallery:
    """The pictures of the made-up experiment."""
    found = Gallery.load(Results(toy))
    assert found is not None
    return found


# Faces


def test_chosen_faces_spread_over_pose_and_difficulty() -> None:
    rng = np.random.default_rng(0)
    yaw, psnr = rng.normal(0, 25, 400), rng.normal(22, 2, 400)
    rows = spread(yaw, psnr, 12, seed=1)
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


def test_the_choice_follows_from_the_seed_alone() -> None:
    rng = np.random.default_rng(0)
    yaw, psnr = rng.normal(0, 25, 100), rng.normal(22, 2, 100)
    once, again, other = (spread(yaw, psnr, 6, seed) for seed in (1, 1, 2))
    assert once.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("count", [1, 5, 11, 30])
def test_any_count_up_to_all_faces_is_given_once_each(count: int) -> None:
    yaw = np.array([0.0] * 9 + [80.0, -50.0])
    rows = spread(yaw, np.arange(11.0), count, seed=0)
    assert len(rows) == len(set(rows)) == min(count, 11)


def test_difficulty_is_the_mean_psnr_of_the_same_face_over_the_papers_runs(gallery: Gallery) -> None:
    known = gallery.results.rows
    tables = {run: known[run] for run in known if run in reference.paper().index}
    assert 1 < len(tables) < len(known)
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


# Grids


def test_columns_are_in_the_papers_order_and_absent_runs_are_named(gallery: Gallery) -> None:
    figure = face_grids.draw(1, gallery)
    assert [axis.get_title() for axis in figure.axes[:5]] == ["(a) LR", "(b) HR", "(c) NN", "(f) TDAE†", "(g) Ours"]
    assert len(figure.axes) == 5 * face_grids.ROWS
    assert "No images here of: (d) CBN, (e) TDAE." in figure.texts[0].get_text()


def test_every_figure_has_the_papers_columns() -> None:
    assert {number: len(columns) for number, columns in face_grids.COLUMNS.items()} == {1: 7, 3: 5, 4: 8, 5: 9}
    assert face_grids.COLUMNS[4][2:] == ["no_heb_p", "no_heb_pf", "no_heb_pfu", "ours_p", "ours_pf", "ours"]
    assert face_grids.COLUMNS[5][2:] == ["bicubic", "vdsr", "srgan", "ma", "cbn", "tdae_retrained", "ours"]


def test_a_grid_shows_the_images_of_the_chosen_faces_with_their_psnr(gallery: Gallery) -> None:
    figure = face_grids.draw(1, gallery)
    scores = gallery.results.rows["ours"].query("seed == 0").set_index("name")["psnr"]
    for i, row in enumerate(gallery.choose(face_grids.ROWS, seed=1)):
        name = gallery.pairs.faces["name"].iloc[row]
        axes = figure.axes[5 * i : 5 * i + 5]
        drawn = [axis.get_images()[0].get_array() for axis in axes]
        assert np.array_equal(drawn[0], gallery.pairs.lr[row])
        assert np.array_equal(drawn[1], gallery.pairs.hr[row])
        assert np.array_equal(drawn[4], np.array(Image.open(gallery.images("ours") / f"{name}.png")))
        said = [[text.get_text() for text in axis.texts] for axis in axes]
        assert said[:2] == [[], []]
        assert said[4] == [f"{scores[name]:.1f}"]


def test_true_heatmaps_colour_each_component_where_its_landmarks_are(gallery: Gallery) -> None:
    drawn = face_grids.pictures("True heatmaps", gallery, np.array([0]))
    assert drawn is not None
    picture, points, component = drawn[0], gallery.pairs.landmarks[0], gallery.pairs.component[0]
    mouth, eye = (points[component == c][0].round().astype(int) for c in (2, 0))
    assert picture[mouth[1], mouth[0]].argmax() == 0  # red
    assert picture[eye[1], eye[0]].argmax() == 2  # blue
    assert picture[2, 2].max() == 0


def test_files_are_written_and_a_missing_image_is_named(gallery: Gallery) -> None:
    written = figures.write(gallery, Path("figures"))
    assert sorted(written) == ["corpus.png", "fig1.png", "fig3.png", "fig4.png", "fig5.png"]
    assert sorted(path.name for path in Path("figures").iterdir()) == sorted(written)
    shutil.rmtree(gallery.images("ours"))
    gallery.images("ours").mkdir()
    with pytest.raises(BadInput, match=r"sr/ours/seed0/\d+.png: missing; run .* --run ours"):
        face_grids.draw(5, gallery)
