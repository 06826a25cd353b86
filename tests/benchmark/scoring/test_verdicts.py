"""Verdicts: the table of cases, Holm's correction, and the errors of a difference against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, bootstrap, ttest_ind, ttest_rel

from benchmark.scoring.paired import FIXED, Effect, Spread, difference, left, over_people, spread
from benchmark.scoring.verdicts import (
    CONTRADICTED,
    NOT_REPRODUCED,
    OPEN,
    REPRODUCED,
    SMALLER,
    Side,
    holm,
    overall,
    side,
    verdict,
)

RNG = np.random.default_rng(3)


# Each case is an interval and the paper's margin, in dB: what the table in the docstring of `verdict` says of it.
@pytest.mark.parametrize(
    ("low", "high", "paper", "expected"),
    [
        (0.30, 0.60, 0.45, REPRODUCED),
        (0.30, 0.60, 0.29, REPRODUCED),  # larger than claimed
        (0.30, 0.60, None, REPRODUCED),
        (0.10, 0.30, 0.45, SMALLER),
        (-0.004, 0.02, 1.80, NOT_REPRODUCED),  # what structure_loss_p once called open
        (-0.20, 0.20, 0.45, NOT_REPRODUCED),
        (-0.30, -0.10, 0.45, CONTRADICTED),
        (-0.30, -0.10, None, CONTRADICTED),
        (-0.20, 0.60, 0.45, OPEN),
        (-0.20, 0.60, None, OPEN),
    ],
)
def test_cases(low: float, high: float, paper: float | None, expected: str) -> None:
    effect = Effect((low + high) / 2, (high - low) / 2 / 1.96, 1e6)
    assert effect.interval == pytest.approx((low, high), abs=1e-4)
    size = None if paper is None else side(effect.mean, paper, effect.p(paper))
    assert verdict(side(effect.mean, 0, effect.p(0)), size) == expected


@pytest.mark.parametrize(
    ("direction", "of_sizes"),
    [
        (1, [SMALLER, REPRODUCED, REPRODUCED, REPRODUCED]),
        (0, [NOT_REPRODUCED, OPEN, REPRODUCED, OPEN]),
        (-1, [CONTRADICTED] * 4),
    ],
)
def test_the_whole_table(direction: Side, of_sizes: list[str]) -> None:
    sizes: list[Side | None] = [-1, 0, 1, None]
    assert [verdict(direction, size) for size in sizes] == of_sizes


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, SMALLER], SMALLER),
        ([SMALLER, OPEN, REPRODUCED], OPEN),
        ([OPEN, REPRODUCED, NOT_REPRODUCED], NOT_REPRODUCED),
        ([NOT_REPRODUCED, CONTRADICTED, REPRODUCED], CONTRADICTED),
    ],
)
def test_a_claim_is_as_good_as_its_weakest_pair(verdicts: list[str], expected: str) -> None:
    assert overall(verdicts) == expected


def test_holm_steps_down_and_never_decreases() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # worked by hand
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.04]) == [0.04]


def test_nothing_is_told_apart_at_five_percent_or_without_a_number() -> None:
    assert [side(1.0, 0.0, p) for p in (0.049, 0.051, float("nan"))] == [1, 0, 0]
    assert side(-1.0, 0.0, 0.01) == -1


def test_of_faces_alone_it_is_the_paired_t_test() -> None:
    face = RNG.normal(20, 3, 200)
    a, b = face + RNG.normal(0.1, 0.5, 200), face
    effect, theirs = difference(a[:, None], b[:, None], np.arange(200)), ttest_rel(a, b)
    assert effect.p(0) == pytest.approx(theirs.pvalue)
    assert effect.interval == pytest.approx(theirs.confidence_interval())
    assert effect.dof == pytest.approx(199)


def test_interval_of_one_seed_agrees_with_scipys_paired_bootstrap() -> None:
    face = RNG.normal(20, 3, 200)
    a, b = face + RNG.normal(0.1, 0.5, 200), face
    ours = difference(a[:, None], b[:, None], np.arange(200))
    theirs = bootstrap(
        (a, b), lambda x, y, axis: (x - y).mean(axis), paired=True, n_resamples=9999, method="percentile", rng=1
    ).confidence_interval
    assert ours.mean == pytest.approx((a - b).mean())
    assert ours.interval == pytest.approx((theirs.low, theirs.high), abs=0.06 * (theirs.high - theirs.low))


def test_of_seeds_alone_it_is_the_t_test_of_two_samples_with_the_degrees_of_freedom_of_one() -> None:
    # Faces all alike: what is left are the seeds' means.
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.2, 3)
    grids = [np.tile(seeds, (50, 1)) for seeds in (a, b)]
    pooled = spread(grids)
    assert pooled is not None
    effect, theirs = difference(*grids, np.arange(50), pooled, pooled), ttest_ind(a, b)
    assert effect.mean / effect.error == pytest.approx(theirs.statistic)
    assert effect.dof == 3  # the seeds are the same: their effects may be too


def test_of_blocks_it_is_the_paired_t_test_over_them() -> None:
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.2, 4)
    beside = left([(run, block, y) for run, seeds in (("a", a), ("b", b)) for block, y in enumerate(seeds)])
    assert beside is not None
    effect = difference(*(np.tile(seeds, (50, 1)) for seeds in (a, b)), np.arange(50), beside, beside)
    theirs = ttest_rel(a, b)
    assert (effect.p(0), effect.dof) == pytest.approx((theirs.pvalue, 3))
    assert effect.interval == pytest.approx(theirs.confidence_interval())


def test_what_runs_and_blocks_leave_is_the_residue_of_a_two_way_layout() -> None:
    scores = RNG.normal(20, 1, (5, 3)) + 10 * RNG.normal(0, 1, (5, 1)) + 10 * RNG.normal(0, 1, 3)
    residue = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    cells = [(str(i), j, float(scores[i, j])) for i in range(5) for j in range(3)]
    found = left(cells)
    assert found is not None
    assert (found.variance, found.dof) == pytest.approx(((residue**2).sum() / 8, 8))
    # What has a run or a block for itself alone fits wholly.
    again = left([*cells, ("5", 0, 99.0), ("0", 3, -99.0)])
    assert again is not None
    assert (again.variance, again.dof) == pytest.approx((found.variance, 8))


def test_nothing_is_left_where_no_two_runs_share_two_blocks() -> None:
    assert left([]) is None
    assert left([("a", 0, 1.0), ("b", 0, 2.0), ("b", 1, 3.0), ("c", 2, 3.0)]) is None


def test_spreads_of_two_methods_are_welchs_with_the_least_degrees_of_freedom() -> None:
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.9, 3)
    grids = [np.tile(seeds, (50, 1)) for seeds in (a, b)]
    of_a, of_b = (spread([grid]) for grid in grids)
    assert of_a is not None
    assert of_b is not None
    theirs, effect = ttest_ind(a, b, equal_var=False), difference(*grids, np.arange(50), of_a, of_b)
    assert effect.mean / effect.error == pytest.approx(theirs.statistic)
    assert effect.dof == 2  # of the three seeds; Welch has more
    assert effect.p(0) > theirs.pvalue


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_hold_as_often_as_they_say_of_few_seeds_too(seeds: int) -> None:
    rng, held, draws = np.random.default_rng(seeds), 0, 2000
    for _ in range(draws):
        face, of_seeds = rng.normal(0, 0.3, (100, 1)), rng.normal(0, 0.1, seeds)
        a = face + of_seeds
        low, high = difference(a, np.zeros((100, 1)), np.arange(100), spread([a]) or FIXED).interval
        held += low <= 0 <= high
    assert held >= binom.ppf(0.01, draws, 0.95)


def test_pairing_removes_what_makes_faces_differ() -> None:
    face = RNG.normal(20, 3, 200)
    effect = difference((face + 0.1)[:, None], face[:, None], np.arange(200))
    assert effect.interval == pytest.approx((0.1, 0.1))


def test_a_difference_without_any_spread_is_certain() -> None:
    effect = difference(np.full((5, 1), 2.0), np.full((5, 1), 1.5), np.arange(5))
    assert effect.interval == (0.5, 0.5)
    assert (effect.p(0.5), effect.p(0.4)) == (1, 0)


def test_pooled_spread_takes_runs_of_several_seeds_alone() -> None:
    runs = [np.tile(seeds, (9, 1)) for seeds in ([1.0, 3.0], [5.0, 6.0, 7.0], [40.0])]
    assert spread(runs) == Spread((2 + 2) / 3, 2)  # of the three seeds, however many runs there are
    assert spread(runs[2:]) is None


def test_seeds_that_disagree_widen_the_interval_and_more_of_them_narrow_it() -> None:
    faces, noisy = RNG.normal(20, 1, (50, 6)), Spread(1.0, 4)
    widths = []
    for of_a, seeds in ((FIXED, 1), (noisy, 6), (noisy, 1)):
        low, high = difference(faces[:, :seeds], faces[:, :1] - 1, np.arange(50), of_a).interval
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[2] > 2 * 2.7  # Student's t of 4 degrees of freedom: 2.78


def test_faces_of_one_person_count_as_one() -> None:
    alike, people = RNG.normal(0.1, 0.5, 40), np.repeat(np.arange(40), 5)
    once = difference(alike[:, None], np.zeros((40, 1)), np.arange(40))
    often = difference(alike[people][:, None], np.zeros((200, 1)), people)
    assert (often.mean, often.error, often.dof) == pytest.approx((once.mean, once.error, 39))


def test_a_person_of_many_faces_leaves_few_degrees_of_freedom() -> None:
    people = np.r_[np.zeros(100, int), np.arange(1, 101)]
    variance, dof = over_people(RNG.normal(0, 1, 200), people)
    assert dof == pytest.approx(200**2 / (100**2 + 100) - 1)  # Kish: about 3
    gaps = np.r_[np.ones(100), np.zeros(100)]
    # Worked by hand: the mean is 0.5; the one person's residuals sum to 50, those of the others to -0.5 each.
    assert over_people(gaps, people)[0] == pytest.approx(101 / 100 * (50**2 + 100 * 0.25) / 200**2)
    assert variance > 0
