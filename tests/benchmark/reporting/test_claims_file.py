"""claims.yaml: what it may hold, its margins against the paper's tables, and the pairs that it asks for."""

from pathlib import Path

import pytest

from benchmark import config, reference
from benchmark.reporting import claims
from benchmark.reporting.findings import Pair
from datasets.face import BadInput


def test_orders_become_adjacent_pairs_and_ties_are_not_asked_for() -> None:
    claim = {"measure": "psnr", "order": ["ours", "ours_s3", "ours_s2"]}
    assert claims.pairs_of(claim) == [Pair("ours", "ours_s3", 0.21), Pair("ours_s3", "ours_s2", 0.02)]
    assert claims.margins_of(claim, claims.pairs_of(claim)) is None  # no size is claimed
    tied = claims.pairs_of({"measure": "ssim_y", "order": ["ours", ["ours_s3", "ours_s2"], "ours_s1"]})
    middle = ["ours_s3", "ours_s2"]
    assert tied == [Pair("ours", run, 0.01) for run in middle] + [Pair(run, "ours_s1", 0.03) for run in middle]


def test_a_claim_under_a_recipe_names_the_runs_trained_with_it() -> None:
    claim = {"measure": "psnr", "better": "ours_p", "than": "no_heb_p", "recipe": "paper"}
    assert claims.pairs_of(claim, usual="tuned") == [Pair("paper_ours_p", "paper_no_heb_p", 1.8)]
    assert claims.pairs_of(claim, usual="paper") == [Pair("ours_p", "no_heb_p", 1.8)]


def test_one_against_many_and_lists_in_step() -> None:
    many = claims.pairs_of({"measure": "psnr", "better": "ours", "than_best_of": ["vdsr", "nearest"]})
    assert many == [Pair("ours", "vdsr", 4.49), Pair("ours", "nearest", None)]
    step = claims.pairs_of({"measure": "ssim_y", "better": ["ours_p", "ours"], "than": ["no_heb_p", "no_heb_pfu"]})
    assert step == [Pair("ours_p", "no_heb_p", 0.03), Pair("ours", "no_heb_pfu", 0.03)]


def test_stated_margins_follow_from_the_papers_tables() -> None:
    stated = [(claim.pop("by"), claim) for claim in claims.read() if "by" in claim]
    assert {by for by, _ in stated} == {1.75, 0.45, 0.31}
    for by, claim in stated:
        assert set(claims.margins_of(claim, claims.pairs_of(claim)) or []) == {by}


def of_the_paper() -> list[dict]:
    return [claim for claim in claims.read() if claims.place(claim) != claims.LATER]


def test_every_claim_holds_in_the_papers_own_tables() -> None:
    for claim in (c for c in of_the_paper() if c["measure"] in ("psnr", "ssim_y") and "yaw" not in c):
        for pair in claims.pairs_of(claim):
            assert (pair.paper or 0) > 0, (claim["id"], pair)


def test_every_run_of_the_tables_is_in_a_claim() -> None:
    found = [pair for claim in of_the_paper() if "recipe" not in claim for pair in claims.pairs_of(claim)]
    assert {run for pair in found for run in (pair.better, pair.than)} == set(reference.paper().index)


def test_every_run_in_a_claim_of_a_later_paper_is_one_of_real_faces() -> None:
    later = [claim for claim in claims.read() if claims.place(claim) == claims.LATER]
    found = {run for claim in later for pair in claims.pairs_of(claim) for run in (pair.better, pair.than)}
    assert {"sparnet_supervised", "dic_supervised"} <= found <= {*config.load("standin-cpu").runs}


def test_confounds_are_texts() -> None:
    for claim in claims.read():
        assert all(len(text) > 30 for text in claim["confounds"]), claim["id"]  # no name is left
    assert all(set(one) == {"says", "section", "reason"} for one in claims.not_judged())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{id: a, says: s, section: '4', quote: q, measure: psnr}", "needs either `order` or"),
        ("{id: a, says: s, section: '4', quote: q, order: [ours, tdae]}", "lacks measure"),
        ("{id: a, says: s, section: '4', quote: q, measure: psnr, order: [a, b], margin: 2}", "unknown margin"),
        ("{id: a, says: s, section: '4', quote: q, measure: mse, order: [a, b]}", "has measure mse; known are psnr"),
    ],
)
def test_a_claim_that_tests_nothing_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(f"claims:\n  - {text}\n")
    with pytest.raises(BadInput, match=message):
        claims.read(tmp_path / "claims.yaml")
