"""heatmaps.md: which runs are compared, and that its numbers are those of metrics/."""

from __future__ import annotations

from pathlib import Path

import made_up
import pandas as pd
import pytest
import torch
import yaml

from benchmark import config, upscale
from benchmark.reporting import heatmap_curves, heatmaps
from benchmark.reporting.findings import Finding
from datasets.face import BadInput
from datasets.pairs import Pairs

RUNS = {
    "blind": {"method": "mtun", "stacks": 0, "seeds": 2},
    "true": {"method": "mtun", "stacks": 0, "heatmaps": "true"},
    "zero": {"method": "mtun", "stacks": 0, "heatmaps": "zero"},
    "strong": {"method": "mtun", "heatmap_weight": 10.0, "sigma": 3.0},
    "other_loss": {"method": "mtun", "adversarial": False},
}


@pytest.fixture
def studied(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment with runs of its own, one of which sees no heatmaps, all but `strong` measured."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["experiments"]["toy"]["runs"] = RUNS
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    experiment = config.load()
    faces = Pairs.load(experiment.data / "test")
    for name, noise in (("blind", 35.0), ("true", 10.0), ("zero", 36.0), ("other_loss", 25.0)):
        run = experiment.run(name)
        for seed in run.seeds:
            made_up.write_images(run, seed, faces, noise)
            made_up.write_log(run, seed)
        made_up.write_metrics(run, faces)
    return experiment


def test_runs_stand_beside_the_one_that_differs_in_heatmaps_alone(studied: config.Experiment) -> None:
    assert heatmaps.pairs(studied) == dict.fromkeys(["ours", "true", "zero", "strong"], "blind")


def test_gains_are_differences_of_what_was_measured(studied: config.Experiment) -> None:
    found = heatmaps.gains(studied).set_index("Run")
    assert list(found.index) == ["Ours", "true", "zero"]
    psnr = {
        run: pd.read_csv(studied.run(run).metrics.with_suffix(".csv"))["psnr"].mean()
        for run in ("blind", "ours", "zero")
    }
    gain = found.loc["Ours", "Gain in PSNR, dB [95 %]"]
    assert float(gain.split()[0]) == pytest.approx(psnr["ours"] - psnr["blind"], abs=5.1e-3)
    assert "one seed" not in gain  # both have two
    assert found.loc["zero", "Gain in PSNR, dB [95 %]"].startswith("-")
    assert found["Heatmaps"].tolist() == ["estimated by 4 stacks, L_h times 1, σ 1.5", "given, σ 1.5", "empty"]


def test_bounds_stand_beside_the_papers_own_estimate(studied: config.Experiment) -> None:
    table, words = heatmaps.bounds(studied)
    row, ssim = table.to_dict("records")  # no landmarks: `recognise` has not run
    assert (row["Beside"], row["Gain in"], ssim["Gain in"]) == ("blind", "PSNR, dB", "SSIM")
    gains = heatmaps.gains(studied).set_index("Run")["Gain in PSNR, dB [95 %]"]
    assert [row[kind] for kind in ("True", "Estimated", "Empty")] == [gains[run] for run in ("true", "Ours", "zero")]
    gain = {kind: float(text.split()[0]) for kind, text in row.items() if kind not in ("Beside", "Gain in")}
    assert gain["Left"] == pytest.approx(gain["True"] - gain["Estimated"], abs=0.02)
    assert gain["Content, true"] == pytest.approx(gain["True"] - gain["Empty"], abs=0.02)
    assert gain["Content, estimated"] == pytest.approx(gain["Estimated"] - gain["Empty"], abs=0.02)
    assert words == [f"Beside blind: true heatmaps bring {gain['Left']:.2f} dB more than estimated ones."]


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.01, 0.19, "bring 0.10 dB more than estimated ones."),
        (-0.2, -0.01, "true heatmaps bring less than estimated ones"),
        (-0.05, 0.07, "bring 0.07 dB more than estimated ones at most"),
    ],
)
def test_what_true_heatmaps_say_of_the_estimate(low: float, high: float, says: str) -> None:
    (sentence,) = heatmaps.follows(Finding("true", "ours", None, effect=(low + high) / 2, low=low, high=high))
    assert says in sentence
    assert heatmaps.follows(Finding("true", "ours", None)) == []


def test_a_bound_has_no_use_on_photographs(studied: config.Experiment) -> None:
    with pytest.raises(BadInput, match="true: it is told where the parts of a face are"):
        upscale.upscaler(studied.run("true"), torch.device("cpu"))


def test_the_course_of_a_gain_is_told_from_first_pass_to_last(studied: config.Experiment) -> None:
    for seed, raised in ((0, 0.0), (1, 0.2)):
        path = studied.run("ours").log(seed)
        log = pd.read_csv(path)
        log["val_psnr"] += raised + 0.1 * log["epoch"]
        log.to_csv(path, index=False)

    def told() -> str:
        (sentence,) = [text for text in heatmaps.courses(studied) if "Ours gains" in text]
        return sentence

    assert told().startswith("Beside blind: on the validation fold Ours gains +0.20 dB after one pass")
    assert told().endswith("+0.50 dB after 4, of 2 seeds.")
    log.assign(val_psnr=99).to_csv(studied.run("ours").log(2), index=False)  # a training under way, not scored yet
    assert told().endswith("+0.50 dB after 4, of 2 seeds.")
    studied.run("blind").log(1).unlink()
    assert told().endswith("gains +0.10 dB after one pass over the training faces, +0.40 dB after 4, of one seed.")


def test_errors_are_means_over_seeds(studied: config.Experiment) -> None:
    found = heatmaps.errors(studied).set_index("Run")
    assert found.loc["Ours", "eyes"] == "0.0"  # made up of the true ones
    assert float(found.loc["Ours", "Rotation, °"]) < 0.05


def test_a_panel_holds_every_seed_of_the_runs_to_compare(studied: config.Experiment) -> None:
    figure = heatmap_curves.draw(studied)
    assert figure is not None
    (axis,) = figure.axes
    assert axis.get_title() == "beside blind"
    assert len(axis.lines) == 2 + 2 + 1 + 1  # blind, ours, true, zero


def test_runs_of_one_pass_stand_side_by_side_with_a_dot_a_seed(studied: config.Experiment) -> None:
    for path in Path(studied.results / "logs").rglob("seed*.csv"):
        table = pd.read_csv(path)
        table[: table["val_psnr"].first_valid_index() + 1].to_csv(path, index=False)
    (axis,) = heatmap_curves.draw(studied).axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["blind", "Ours", "true", "zero"]
    assert [len(line.get_ydata()) for line in axis.lines] == [2, 2, 1, 1]


def test_the_page_says_where_there_is_nothing_to_compare(toy: config.Experiment, tmp_path: Path) -> None:
    heatmaps.write(toy, tmp_path)
    assert (tmp_path / "heatmaps.md").read_text().strip().endswith(heatmaps.NONE)
    assert not heatmap_curves.draw(toy).axes


def test_the_page_holds_both_tables(studied: config.Experiment, tmp_path: Path) -> None:
    heatmaps.write(studied, tmp_path)
    page = (tmp_path / "heatmaps.md").read_text()
    assert "| Ours " in page
    assert "Rotation, °" in page
    assert heatmaps.OF_BOUNDS in page
    assert "more than estimated ones" in page
    assert "figures/heatmaps.png" in page
