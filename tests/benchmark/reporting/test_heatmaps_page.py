"""heatmaps.md: which runs are compared, and that its numbers are those of metrics/."""

from __future__ import annotations

from pathlib import Path

import experiments
import made_up
import pandas as pd
import pytest
import torch

from benchmark import config, upscale
from benchmark.reporting import heatmaps
from benchmark.reporting.findings import Finding, Pair, estimate
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
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
    experiments.change(Path(), runs=RUNS)
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
    assert heatmaps.pairs(Results(studied)) == dict.fromkeys(["ours", "true", "zero", "strong"], "blind")


def test_gains_by_epochs_are_those_of_the_papers_own_branch(studied: config.Experiment) -> None:
    known = Results(studied)
    psnr = loader(known)("psnr")
    assert heatmaps.standard_pairs(known) == {"ours": "blind"}
    assert heatmaps.gain_by_epochs(known, psnr) == {("tuned", "L_p+f+u"): {4: estimate(Pair("ours", "blind"), psnr)}}


def test_gains_are_differences_of_what_was_measured(studied: config.Experiment) -> None:
    found = heatmaps.gains(Results(studied), loader(Results(studied))).set_index("Run")
    assert list(found.index) == ["Ours", "true", "zero"]
    psnr = {
        run: pd.read_csv(studied.run(run).metrics.with_suffix(".csv"))["psnr"].mean()
        for run in ("blind", "ours", "zero")
    }
    gain = found.loc["Ours", "Gain in PSNR, dB [95 %]"]
    assert float(gain.split()[0]) == pytest.approx(psnr["ours"] - psnr["blind"], abs=5.1e-3)
    assert "one seed" not in gain  # both have two
    assert found.loc["zero", "Gain in PSNR, dB [95 %]"].startswith("-")
    assert found["Recipe"].tolist() == ["tuned"] * 3
    assert found["Epochs"].tolist() == ["4"] * 3
    assert found["Heatmaps"].tolist() == ["estimated by 4 stacks, L_h times 1, σ 1.5", "given, σ 1.5", "empty"]


def test_bounds_stand_beside_the_papers_own_estimate(studied: config.Experiment) -> None:
    table, words = heatmaps.bounds(Results(studied), loader(Results(studied)))
    row, ssim = table.to_dict("records")  # no landmarks: `recognise` has not run
    assert (row["Compared with"], row["Gain in"], ssim["Gain in"]) == ("blind", "PSNR, dB", "SSIM on Y")
    gains = heatmaps.gains(Results(studied), loader(Results(studied))).set_index("Run")["Gain in PSNR, dB [95 %]"]
    assert [row[kind] for kind in ("True", "Estimated", "Empty")] == [gains[run] for run in ("true", "Ours", "zero")]
    gain = {kind: float(text.split()[0]) for kind, text in row.items() if kind not in ("Compared with", "Gain in")}
    assert gain["Headroom"] == pytest.approx(gain["True"] - gain["Estimated"], abs=0.02)
    assert gain["Content, true"] == pytest.approx(gain["True"] - gain["Empty"], abs=0.02)
    assert gain["Content, estimated"] == pytest.approx(gain["Estimated"] - gain["Empty"], abs=0.02)
    assert words == [f"Compared with blind: true heatmaps bring {gain['Headroom']:.2f} dB more than estimated ones."]


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.01, 0.19, "bring 0.10 dB more than estimated ones."),
        (-0.2, -0.01, "true heatmaps bring less than estimated ones"),
        (-0.05, 0.07, "bring at most 0.07 dB more PSNR than estimated ones"),
    ],
)
def test_what_true_heatmaps_say_of_the_estimate(low: float, high: float, says: str) -> None:
    (sentence,) = heatmaps.follows(Finding(Pair("true", "ours"), effect=(low + high) / 2, low=low, high=high))
    assert says in sentence
    assert heatmaps.follows(Finding(Pair("true", "ours"))) == []


def test_a_bound_has_no_use_on_photographs(studied: config.Experiment) -> None:
    with pytest.raises(BadInput, match="true: it needs the true heatmaps"):
        upscale.upscaler(studied.run("true"), torch.device("cpu"))


def test_errors_are_means_over_seeds(studied: config.Experiment) -> None:
    found = heatmaps.errors(Results(studied)).set_index("Run")
    assert found.loc["Ours", "eyes"] == "0.0"  # made up of the true ones
    assert float(found.loc["Ours", "Rotation, °"]) < 0.05


def test_the_page_says_where_there_is_nothing_to_compare(toy: config.Experiment, tmp_path: Path) -> None:
    heatmaps.write(Results(toy), tmp_path)
    assert (tmp_path / "heatmaps.md").read_text().strip().endswith(heatmaps.NONE)


def test_the_page_holds_both_tables(studied: config.Experiment, tmp_path: Path) -> None:
    heatmaps.write(Results(studied), tmp_path)
    page = (tmp_path / "heatmaps.md").read_text()
    assert "| Ours " in page
    assert "Rotation, °" in page
    assert heatmaps.OF_BOUNDS in page
    assert "more than estimated ones" in page
    assert "plots/gain.png" not in page  # which synthetic faces do not have
