"""Errors of a difference against independent ones: paired t tests, bootstrap, two-way layouts, Kish by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t, ttest_ind, ttest_rel

from benchmark.scoring.paired import (
    Effect,
    Variance,
    combined,
    difference,
    equal_variances,
    people_variance,
    residual_variance,
    seed_variance,
)

RNG = np.random.default_rng(3)


def own(seeds: np.ndarray) -> Variance:
    """The variance between these means by seed."""
    found = seed_variance([(seeds, range(len(seeds)))])
    assert found is not None
    return found


def test_of_faces_alone_it_is_the_paired_t_test() -> None:
    face = RNG.normal(20, 3, 200)
    a, b = face + RNG.normal(0.1, 0.5, 200), face
    effect, theirs = difference(a[:, None], b[:, None], np.arange(200)), ttest_rel(a, b)
    assert effect.p(0) == pytest.approx(theirs.pvalue)
    assert effect.interval == pytest.approx(theirs.confidence_interval())
    assert effect.people.dof == pytest.approx(199)


def test_of_seeds_alone_it_is_students_t_test_of_two_samples_or_welchs() -> None:
    # Faces all alike: what is left are the seeds' means.
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.9, 3)
    grids = [np.tile(seeds, (50, 1)) for seeds in (a, b)]
    pooled = seed_variance([(seeds, [f"{i} {n}" for n in range(len(seeds))]) for i, seeds in enumerate((a, b))])
    assert pooled is not None
    seeds = combined([(pooled, 1 / 4 + 1 / 3)])
    effect, theirs = difference(*grids, np.arange(50), seeds), ttest_ind(a, b)
    assert (effect.p(0), effect.seeds.dof) == pytest.approx((theirs.pvalue, 5))
    seeds = combined([(own(a), 1 / 4), (own(b), 1 / 3)])
    effect, welch = difference(*grids, np.arange(50), seeds), ttest_ind(a, b, equal_var=False)
    assert (effect.p(0), effect.seeds.dof) == pytest.approx((welch.pvalue, welch.df))
    assert effect.interval == pytest.approx(welch.confidence_interval())


def test_both_parts_are_combined_by_cochran_and_cox() -> None:
    effect = Effect(0.5, Variance(0.01, 40), Variance(0.03, 2))
    wanted = (0.01 * t.ppf(0.975, 40) + 0.03 * t.ppf(0.975, 2)) / 0.04 * 0.2
    assert effect.interval == pytest.approx((0.5 - wanted, 0.5 + wanted))
    assert effect.reach(effect.p(0)) == pytest.approx(0.5)
    assert effect.p(0.5 - wanted) == pytest.approx(0.05)
    assert effect.p(0.5) == 1


def test_of_blocks_it_is_the_paired_t_test_over_them() -> None:
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.2, 4)
    within = residual_variance([(run, i, y) for run, seeds in (("a", a), ("b", b)) for i, y in enumerate(seeds)])
    assert within is not None
    effect = difference(*(np.tile(seeds, (50, 1)) for seeds in (a, b)), np.arange(50), combined([(within, 2 / 4)]))
    theirs = ttest_rel(a, b)
    assert (effect.p(0), effect.seeds.dof) == pytest.approx((theirs.pvalue, 3))
    assert effect.interval == pytest.approx(theirs.confidence_interval())


def test_what_runs_and_blocks_leave_is_the_residue_of_a_two_way_layout() -> None:
    scores = RNG.normal(20, 1, (5, 3)) + 10 * RNG.normal(0, 1, (5, 1)) + 10 * RNG.normal(0, 1, 3)
    residue = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    cells = [(str(i), j, float(scores[i, j])) for i in range(5) for j in range(3)]
    found = residual_variance(cells)
    assert found is not None
    assert (found.value, found.dof) == pytest.approx(((residue**2).sum() / 8, 8))
    # What has a run or a block for itself alone fits wholly.
    again = residual_variance([*cells, ("5", 0, 99.0), ("0", 3, -99.0)])
    assert again is not None
    assert (again.value, again.dof) == pytest.approx((found.value, 8))
    # Five runs over three shared blocks: the blocks were drawn once, so that two degrees of freedom remain.
    between = seed_variance([(row, range(3)) for row in scores])
    assert between is not None
    assert (between.value, between.dof) == pytest.approx((scores.var(1, ddof=1).mean(), 2))


def test_nothing_is_left_where_no_two_runs_share_two_blocks() -> None:
    assert residual_variance([]) is None
    assert residual_variance([("a", 0, 1.0), ("b", 0, 2.0), ("b", 1, 3.0), ("c", 2, 3.0)]) is None


def test_seeds_are_pooled_over_runs_of_several() -> None:
    seeds = [1.0, 3.0], [5.0, 6.0, 7.0], [9.0]
    runs = [(np.array(means), [(i, n) for n in range(len(means))]) for i, means in enumerate(seeds)]
    assert seed_variance(runs) == Variance((2 + 2) / 3, 3)
    assert seed_variance(runs[2:]) is None


def test_runs_are_pooled_where_bartletts_test_allows_it() -> None:
    narrow, wide = np.array([1.0, 1.01, 1.02]), np.array([1.0, 3.0, 2.0])
    assert equal_variances([narrow, narrow + 5])
    assert not equal_variances([narrow, wide])
    assert equal_variances([wide])
    assert equal_variances([np.ones(3), np.ones(2)])
    assert not equal_variances([np.ones(3), wide])
    assert equal_variances([np.stack([narrow, narrow], 1), np.stack([narrow, wide], 1)]).tolist() == [True, False]


def test_a_difference_without_any_variance_is_certain() -> None:
    effect = difference(np.full((5, 1), 2.0), np.full((5, 1), 1.5), np.arange(5))
    assert effect.interval == (0.5, 0.5)
    assert (effect.p(0.5), effect.p(0.4)) == (1, 0)


def test_faces_of_one_person_count_as_one() -> None:
    alike, people = RNG.normal(0.1, 0.5, 40), np.repeat(np.arange(40), 5)
    once = difference(alike[:, None], np.zeros((40, 1)), np.arange(40))
    often = difference(alike[people][:, None], np.zeros((200, 1)), people)
    assert (often.mean, often.people.value, often.people.dof) == pytest.approx((once.mean, once.people.value, 39))


def test_a_person_of_many_faces_leaves_few_degrees_of_freedom() -> None:
    people = np.r_[np.zeros(100, int), np.arange(1, 101)]
    assert people_variance(RNG.normal(0, 1, 200), people).dof == pytest.approx(200**2 / (100**2 + 100) - 1)  # Kish
    gaps = np.r_[np.ones(100), np.zeros(100)]
    # Worked by hand: the mean is 0.5; the one person's residuals sum to 50, those of the others to -0.5 each.
    assert people_variance(gaps, people).value == pytest.approx(101 / 100 * (50**2 + 100 * 0.25) / 200**2)
