"""One run against another: the numbers are those of an independent paired test, and what is not there is said."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmark import compare, config, params
from benchmark.reporting import claims_page
from benchmark.reporting.results import Results
from datasets.face import BadInput


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[+-]?\d+\.\d+", text)]


def psnr(experiment: config.Experiment, first: str, second: str) -> pd.Series:
    """The row of PSNR of a comparison."""
    return compare.table(Results(experiment), first, second).set_index("").loc["PSNR, dB ↑"]


def column(experiment: config.Experiment, run: str) -> np.ndarray:
    table = pd.read_csv(experiment.run(run).metrics.with_suffix(".csv"), dtype={"name": str})
    return table.groupby("name")["psnr"].mean().to_numpy()


@pytest.fixture
def strangers(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment, no two faces of which are one person's."""
    for run in toy.runs:
        path = toy.run(run).metrics.with_suffix(".csv")
        table = pd.read_csv(path, dtype={"name": str})
        table.assign(person=table["name"]).to_csv(path, index=False)
    return toy


def test_runs_that_draw_nothing_are_compared_by_a_paired_t_test(strangers: config.Experiment) -> None:
    row, a, b = psnr(strangers, "bicubic", "nearest"), column(strangers, "bicubic"), column(strangers, "nearest")
    wanted = stats.ttest_rel(a, b)
    interval = wanted.confidence_interval()
    assert numbers(row["difference [95 %]"]) == pytest.approx([(a - b).mean(), interval.low, interval.high], abs=0.005)
    assert row["p"] == claims_page.chance(wanted.pvalue)
    assert row["faces; seeds"] == "12; 1 and 1"
    assert (float(row["bicubic"]), float(row["nearest"])) == pytest.approx((a.mean(), b.mean()), abs=0.005)


def test_seeds_widen_the_interval_of_a_trained_network(strangers: config.Experiment) -> None:
    row = psnr(strangers, "ours", "bicubic")
    _, low, high = numbers(row["difference [95 %]"])
    alone = stats.ttest_rel(column(strangers, "ours"), column(strangers, "bicubic")).confidence_interval()
    assert high - low > alone.high - alone.low
    assert row["faces; seeds"] == "12; 2 and 1"


def test_images_from_elsewhere_are_a_trained_network_unless_they_say_otherwise(toy: config.Experiment) -> None:
    theirs = toy.run("nearest").metrics
    for suffix in (".json", ".csv", ".facts.json"):
        theirs.with_name(f"theirs{suffix}").write_text(theirs.with_suffix(suffix).read_text())

    def p(**options: object) -> str:
        toy.runs["theirs"] = params.RunItem(method="images", folder="sr", **options)
        return psnr(toy, "theirs", "bicubic")["p"]

    assert p() == "– (one seed: over identities alone)"
    assert re.fullmatch(r"< 0\.001|[01]\.\d{3}", p(trained=False))


def test_runs_that_cannot_be_compared_are_named(toy: config.Experiment) -> None:
    toy.run("nearest").metrics.unlink()
    with pytest.raises(BadInput, match=r"nearest.json: missing; run .*launch --experiment toy --only nearest"):
        psnr(toy, "ours", "nearest")
    with pytest.raises(BadInput, match="ours, ours: the same run; name two"):
        psnr(toy, "ours", "ours")


def test_measures_that_no_run_has_are_left_out(toy: config.Experiment) -> None:
    measures = compare.table(Results(toy), "ours", "bicubic")[""]
    assert list(measures) == ["PSNR, dB ↑", "SSIM ↑", "PSNR on Y, dB ↑", "SSIM on Y ↑"]


@pytest.mark.parametrize(("p", "shown"), [(0.01234, "0.012"), (0.00099, "< 0.001"), (1.0, "1.000"), (None, "–")])
def test_a_chance_is_never_shown_as_none(p: float | None, shown: str) -> None:
    assert claims_page.chance(p) == shown
