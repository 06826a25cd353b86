"""Claims: the bootstrap against an independent one, the verdicts' rules, the claims against the paper's tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from benchmark import config
from benchmark.reporting import claims, measurements
from benchmark.reporting.claims import NOT_REPRODUCED, OPEN, REPRODUCED, Pair
from benchmark.scoring.paired import difference
from datasets.face import BadInput

RNG = np.random.default_rng(3)


def rows(values: np.ndarray) -> pd.DataFrame:
    """metrics rows of `values` (faces, seeds) as PSNR."""
    faces, seeds = values.shape
    return pd.DataFrame(
        {
            "name": np.repeat([f"f{i:03d}" for i in range(faces)], seeds),
            "seed": np.tile(np.arange(seeds), faces),
            "psnr": values.ravel(),
        }
    )


def test_interval_of_one_seed_agrees_with_scipys_paired_bootstrap() -> None:
    face = RNG.normal(20, 3, 200)
    a, b = face + RNG.normal(0.1, 0.5, 200), face
    ours = difference(a[:, None], b[:, None])
    theirs = bootstrap(
        (a, b), lambda x, y, axis: (x - y).mean(axis), paired=True, n_resamples=9999, method="percentile", rng=1
    ).confidence_interval
    assert ours.mean == pytest.approx((a - b).mean())
    spread = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * spread)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * spread)


def test_pairing_removes_what_makes_faces_differ() -> None:
    face = RNG.normal(20, 3, 200)
    effect = difference((face + 0.1)[:, None], face[:, None])
    assert (effect.low, effect.high) == pytest.approx((0.1, 0.1))


def test_seeds_that_disagree_widen_the_interval() -> None:
    face = np.full((50, 1), 20.0)
    effect = difference(face + np.array([[-1.0, 0.0, 2.0]]), face)
    assert effect.mean == pytest.approx(1 / 3)
    assert effect.low == pytest.approx(-1.0)  # a resample of one seed alone: 1 in 27, above 2.5 %
    assert effect.high == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 0.3, REPRODUCED), (-0.3, -0.1, NOT_REPRODUCED), (-0.1, 0.1, OPEN), (0.0, 0.1, OPEN), (-0.1, 0.0, OPEN)],
)
def test_verdict_of_an_interval(low: float, high: float, expected: str) -> None:
    assert claims.verdict(low, high) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, OPEN], OPEN),
        ([OPEN, REPRODUCED, NOT_REPRODUCED], NOT_REPRODUCED),
    ],
)
def test_a_claim_is_as_good_as_its_weakest_pair(verdicts: list[str], expected: str) -> None:
    assert claims.overall(verdicts) == expected


def test_margin_is_seen_apart_from_direction() -> None:
    face = RNG.normal(20, 3, (100, 1))
    tables = {"a": rows(face + RNG.normal(0.5, 0.2, (100, 2))), "b": rows(face)}
    near, far = (claims.examine(Pair("a", "b", paper), "psnr", tables) for paper in (0.5, 1.75))
    assert (near.verdict, near.magnitude) == (REPRODUCED, "within the interval")
    assert (far.verdict, far.magnitude) == (REPRODUCED, "above the interval")
    assert (near.faces, near.seeds) == (100, (2, 1))
    assert claims.examine(Pair("b", "a", 0.5), "psnr", tables).verdict == NOT_REPRODUCED
    assert claims.examine(Pair("b", "a", 0.5), "psnr", tables, lower=True).verdict == REPRODUCED


def test_rows_are_paired_by_name_and_not_by_place() -> None:
    face = RNG.normal(20, 3, (60, 1))
    table = rows(face)
    shuffled = rows(face + 0.01).sample(frac=1, random_state=0)
    found = claims.examine(Pair("a", "b", None), "psnr", {"a": shuffled, "b": table})
    assert (found.low, found.high) == pytest.approx((0.01, 0.01))


def test_a_missing_run_leaves_the_claim_open_and_is_named() -> None:
    found = claims.examine(Pair("ours", "tdae", 4.27), "psnr", {"ours": rows(np.ones((3, 1)))})
    assert (found.verdict, found.effect, found.reason) == (OPEN, None, "not measured: tdae")


def test_orders_become_adjacent_pairs() -> None:
    claim = {"measure": "psnr", "order": ["ours", "ours_s3", "ours_s2"]}
    assert claims.pairs_of(claim) == [Pair("ours", "ours_s3", 0.21), Pair("ours_s3", "ours_s2", 0.02)]


def test_one_against_many_and_lists_in_step() -> None:
    many = claims.pairs_of({"measure": "psnr", "better": "ours", "than": ["vdsr", "nearest"]})
    assert many == [Pair("ours", "vdsr", 4.49), Pair("ours", "nearest", None)]
    step = claims.pairs_of({"measure": "ssim", "better": ["ours_p", "ours"], "than": ["no_heb_p", "no_heb_pfu"]})
    assert step == [Pair("ours_p", "no_heb_p", 0.03), Pair("ours", "no_heb_pfu", 0.03)]


def test_stated_margins_follow_from_the_papers_tables() -> None:
    stated = [c for c in claims.read() if "by" in c]
    assert {c["by"] for c in stated} == {1.75, 0.45, 0.31}
    for claim in stated:
        without = {k: v for k, v in claim.items() if k != "by"}
        assert [p.paper for p in claims.pairs_of(without)] == [claim["by"]]


def test_every_claim_holds_in_the_papers_own_tables() -> None:
    for claim in claims.read():
        for pair in claims.pairs_of(claim):
            assert pair.paper is not None
            assert pair.paper > 0, (claim["id"], pair)


def test_every_run_of_the_tables_is_in_a_claim() -> None:
    used = {run for claim in claims.read() for pair in claims.pairs_of(claim) for run in (pair.better, pair.than)}
    assert used == set(measurements.paper().index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{id: a, section: '4', quote: q, measure: psnr}", "needs either `order` or"),
        ("{id: a, section: '4', quote: q, order: [ours, tdae]}", "lacks measure"),
        ("{id: a, section: '4', quote: q, measure: psnr, order: [a, b], margin: 2}", "unknown margin"),
    ],
)
def test_a_claim_that_tests_nothing_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(f"claims:\n  - {text}\n")
    with pytest.raises(BadInput, match=message):
        claims.read(tmp_path / "claims.yaml")


def test_files_of_an_experiment(toy: config.Experiment) -> None:
    judged = claims.judge(toy)
    claims.write(judged, toy, toy.results)
    stored = json.loads((toy.results / "claims.json").read_text())
    by_id = {c["id"]: c for c in stored["claims"]}
    skip = by_id["skip_connection"]["tests"][0]
    psnr = measurements.by_face(measurements.rows(toy), "psnr").mean()
    assert skip["effect"] == pytest.approx(psnr["ours"] - psnr["ours_no_skip"], abs=1e-5)
    assert skip["low"] <= skip["effect"] <= skip["high"]
    assert (skip["faces"], skip["seeds"], skip["verdict"]) == (12, [2, 2], REPRODUCED)
    assert skip["magnitude"] == "below the interval"
    assert by_id["depth"]["verdict"] == OPEN
    assert sum(stored["verdicts"].values()) == len(stored["claims"]) == len(claims.read())
    page = (toy.results / "claims.md").read_text()
    assert "Ours over Ours†" in page
    assert "not measured: tdae" in page


def test_runs_of_different_faces_are_refused(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    table = pd.read_csv(path, dtype={"name": str})
    table[table["name"] != table["name"][0]].to_csv(path, index=False)
    with pytest.raises(BadInput, match=r"bicubic.csv has 12 faces and ours.csv other ones \(11\)"):
        claims.judge(toy)
