"""Figures: faces by rule, the paper's columns in order, what is absent named, and the network as it really is."""

from __future__ import annotations

import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import config, report
from benchmark.reporting import architecture, choose, figures, measurements
from benchmark.reporting.gallery import Gallery
from datasets import pose
from datasets.face import BadInput
from methods.interface import create
from methods.layers import count


@pytest.fixture
def gallery(toy: config.Experiment) -> Gallery:
    """The pictures of the made-up experiment."""
    found = Gallery.load(toy, measurements.rows(toy))
    assert found is not None
    return found


# Faces


def test_chosen_faces_spread_over_pose_and_difficulty() -> None:
    rng = np.random.default_rng(0)
    yaw, psnr = rng.normal(0, 25, 400), rng.normal(22, 2, 400)
    rows = choose.spread(yaw, psnr, 12, seed=1)
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
    once, again, other = (choose.spread(yaw, psnr, 6, seed) for seed in (1, 1, 2))
    assert once.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("count", [1, 5, 11, 30])
def test_any_count_up_to_all_faces_is_given_once_each(count: int) -> None:
    yaw = np.array([0.0] * 9 + [80.0, -50.0])
    rows = choose.spread(yaw, np.arange(11.0), count, seed=0)
    assert len(rows) == len(set(rows)) == min(count, 11)


def test_difficulty_is_the_mean_psnr_of_the_same_face_over_the_papers_runs(gallery: Gallery) -> None:
    known = measurements.rows(gallery.experiment)
    tables = {run: known[run] for run in known if run in measurements.paper().index}
    assert 1 < len(tables) < len(known)
    for row in (0, 7):
        name = gallery.pairs.faces["name"].iloc[row]
        means = [table.loc[table["name"] == name, "psnr"].mean() for table in tables.values()]
        assert gallery.psnr[row] == pytest.approx(np.mean(means))


# Grids


def titles(figure: plt.Figure, columns: int) -> list[str]:
    return [axis.get_title() for axis in figure.axes[:columns]]


def test_columns_stand_in_the_papers_order_and_absent_runs_are_named(gallery: Gallery) -> None:
    figure = figures.draw(1, gallery)
    assert titles(figure, 5) == ["(a) LR", "(b) HR", "(c) NN", "(f) TDAE†", "(g) Ours"]
    assert len(figure.axes) == 5 * figures.ROWS
    assert "No images here of: (d) CBN, (e) TDAE." in figure.texts[0].get_text()
    plt.close(figure)


def test_the_grid_of_all_has_every_run(gallery: Gallery) -> None:
    figure = figures.draw_all(gallery)
    assert titles(figure, 7) == ["LR", "HR", "Bicubic", "nearest", "TDAE†", "Ours†", "Ours"]
    plt.close(figure)


def test_every_figure_has_the_papers_columns() -> None:
    runs = {number: [c.run for c in columns if c.run] for number, columns in figures.FIGURES.items()}
    assert {number: len(columns) for number, columns in figures.FIGURES.items()} == {1: 7, 3: 5, 4: 8, 5: 9}
    assert runs[4] == ["no_heb_p", "no_heb_pf", "no_heb_pfu", "ours_p", "ours_pf", "ours"]
    assert runs[5] == ["bicubic", "vdsr", "srgan", "ma", "cbn", "tdae_retrained", "ours"]


def test_a_grid_shows_the_images_of_the_chosen_faces(gallery: Gallery) -> None:
    figure = figures.draw(1, gallery)
    rows = gallery.choose(figures.ROWS, seed=1)
    for i, row in enumerate(rows):
        name = gallery.pairs.faces["name"].iloc[row]
        drawn = [axis.get_images()[0].get_array() for axis in figure.axes[5 * i : 5 * i + 5]]
        assert np.array_equal(drawn[0], gallery.pairs.lr[row])
        assert np.array_equal(drawn[1], gallery.pairs.hr[row])
        assert np.array_equal(drawn[4], np.array(Image.open(gallery.images("ours") / f"{name}.png")))
    plt.close(figure)


def test_true_heatmaps_colour_each_component_where_its_landmarks_are(gallery: Gallery) -> None:
    (column,) = (c for c in figures.FIGURES[3] if c.title == "True heatmaps")
    rows = np.array([0])
    picture = column.pictures(gallery, rows)[0]
    points, component = gallery.pairs.landmarks[0], gallery.pairs.component[0]
    mouth, eye = (points[component == c][0].round().astype(int) for c in (2, 0))
    assert picture[mouth[1], mouth[0]].argmax() == 0  # red
    assert picture[eye[1], eye[0]].argmax() == 2  # blue
    assert picture[2, 2].max() == 0


def test_files_are_written_and_a_missing_image_is_named(gallery: Gallery) -> None:
    figures.write(gallery)
    written = sorted(p.name for p in (gallery.experiment.results / "figures").iterdir())
    assert written == ["all.png", "fig1.png", "fig3.png", "fig4.png", "fig5.png"]
    shutil.rmtree(gallery.images("ours"))
    gallery.images("ours").mkdir()
    with pytest.raises(BadInput, match=r"sr/ours/seed0/\d+.png: missing; run .* --run ours"):
        figures.draw(5, gallery)


def test_faces_of_another_preparation_are_refused(gallery: Gallery) -> None:
    tables = {run: table[table["name"] != "0003"] for run, table in measurements.rows(gallery.experiment).items()}
    with pytest.raises(BadInput, match="other faces than"):
        Gallery.load(gallery.experiment, tables)


# The network


@pytest.fixture(scope="module")
def boxes() -> dict[str, architecture.Box]:
    """The parts of a small MTUN."""
    torch.manual_seed(0)
    method = create("mtun", {"width": 4, "stacks": 2})
    return {box.name: box for box in architecture.trace(method.module)}


def test_shapes_are_those_of_the_module(boxes: dict[str, architecture.Box]) -> None:
    assert boxes["autoencoder.e3"].shapes == [(64, 2, 2)]
    assert boxes["up_64"].shapes == [(8, 64, 64)]
    assert boxes["stn"].shapes == [(11, 64, 64), (4,)]
    assert boxes["heb.stacks.1"].shapes == [(8, 64, 64), (4, 64, 64)]
    assert boxes["SR"].shapes == [(3, 128, 128)]


def test_arrows_are_the_data_flow(boxes: dict[str, architecture.Box]) -> None:
    expected = {
        "up_32": {"LR", "autoencoder.d1"},
        "autoencoder.d3": {"autoencoder.code", "autoencoder.e3"},
        "stn": {"LR", "up_64"},
        "heb.stem": {"aligned"},
        "heb.stacks.1": {"heb.stem", "heb.stacks.0"},
        "decoder.trunk": {"aligned", "heb.stacks.1"},
        "decoder.skip": {"aligned"},
        "decoder.merge": {"decoder.trunk", "decoder.skip"},
        "SR": {"decoder.image"},
    }
    assert {name: boxes[name].sources for name in expected} == expected


def test_an_ablation_changes_the_drawing() -> None:
    method = create("mtun", {"width": 4, "stacks": 0, "autoencoder": False, "skip": False})
    boxes = {box.name: box for box in architecture.trace(method.module)}
    assert boxes["up_32"].sources == {"LR"}
    assert boxes["decoder.trunk"].sources == {"aligned"}
    assert not [name for name in boxes if name.startswith(("heb", "autoencoder")) or name == "decoder.skip"]


def test_lanes_share_out_all_parameters() -> None:
    generator = create("mtun", {"width": 4}).module
    sizes = architecture.parameters(generator, torch.nn.Linear(3, 2))
    assert sum(sizes.values()) == count(generator) + 8
    assert sizes["decoder"] == count(generator.decoder)


def test_figure_2_is_drawn_for_the_run_ours_alone(toy: config.Experiment) -> None:
    figure = report.figure_2(toy)
    assert figure is not None
    text = " ".join(t.get_text() for t in figure.axes[0].texts)
    assert "SR\n3 × 128 × 128" in text
    assert "discriminator (training only)" in text
    plt.close(figure)
    del toy.runs["ours"]
    assert report.figure_2(toy) is None
