"""Errors of a difference against independent ones: paired t tests, bootstrap, two-way layouts, Kish by hand."""

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


def test_of_faces_alone_it_is_the_paired_t_test() -> None:
    face = RNG.normal(20, 3, 200)
    a, b = face + RNG.normal(0.1, 0.5, 200), face
    effect, theirs = difference(a[:, None], b[:, None], np.arange(200)), ttest_rel(a, b)
    assert effect.p(0) == pytest.approx(theirs.pvalue)
    assert effect.interval == pytest.approx(theirs.confidence_interval())
    assert effect.people.dof == pytest.approx(199)


def test_of_seeds_alone_it_is_students_t_test_of_two_samples_or_welchs() -> None:
    a, b = RNG.normal(20.3, 0.2, 4), RNG.normal(20, 0.9, 3)
    alike = [np.tile(means, (50, 1)) for means in (a, b)]  # in all faces
    runs = [(a, [f"a{n}" for n in range(4)]), (b, [f"b{n}" for n in range(3)])]
    pooled = combined([(seed_variance(runs), 1 / 4 + 1 / 3)])
    apart = combined([(seed_variance([run]), 1 / len(run[0])) for run in runs])
    for seeds, theirs in ((pooled, ttest_ind(a, b)), (apart, ttest_ind(a, b, equal_var=False))):
        effect = difference(*alike, np.arange(50), seeds)
        assert (effect.p(0), effect.seeds.dof) == pytest.approx((theirs.pvalue, theirs.df))
        assert effect.interval == pytest.approx(theirs.confidence_interval())


def test_both_parts_are_combined_by_cochran_and_cox() -> None:
    effect = Effect(0.5, Variance(0.01, 40), Variance(0.03, 2))
    wanted = (0.01 * t.ppf(0.975, 40) + 0.03 * t.ppf(0.975, 2)) / 0.04 * 0.2
    assert effect.interval == pytest.approx((0.5 - wanted, 0.5 + wanted))
    assert effect.reach(effect.p(0)) == pytest.approx(0.5)
    assert effect.p(0.5 - wanted) == pytest.approx(0.05)
    assert effect.p(0.5) == 1


def test_what_runs_and_blocks_leave_is_the_residue_of_a_two_way_layout() -> None:
    scores = RNG.normal(20, 1, (5, 3)) + 10 * RNG.normal(0, 1, (5, 1)) + 10 * RNG.normal(0, 1, 3)
    residue = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    cells = [(str(run), block, float(score)) for (run, block), score in np.ndenumerate(scores)]
    found = residual_variance(cells)
    assert (found.value, found.dof) == pytest.approx(((residue**2).sum() / 8, 8))
    # What has a run or a block for itself alone fits wholly.
    again = residual_variance([*cells, ("5", 0, 99.0), ("0", 3, -99.0)])
    assert (again.value, again.dof) == pytest.approx((found.value, 8))
    # Five runs over three shared blocks: the blocks were drawn once, so that two degrees of freedom remain.
    between = seed_variance([(row, range(3)) for row in scores])
    assert (between.value, between.dof) == pytest.approx((scores.var(1, ddof=1).mean(), 2))


def test_nothing_is_left_where_no_two_runs_share_two_blocks() -> None:
    assert residual_variance([]) is None
    assert residual_variance([("a", 0, 1.0), ("b", 0, 2.0), ("b", 1, 3.0), ("c", 2, 3.0)]) is None


def test_seeds_are_pooled_over_runs_of_several() -> None:
    runs = [(np.array([1.0, 3.0]), "ab"), (np.array([5.0, 6.0, 7.0]), "cde"), (np.array([9.0]), "f")]
    assert seed_variance(runs) == Variance((2 + 2) / 3, 3)
    assert seed_variance(runs[2:]) is None


def test_runs_are_pooled_where_bartletts_test_allows_it() -> None:
    narrow, wide, none = np.array([1.0, 1.01, 1.02]), np.array([1.0, 3.0, 2.0]), np.ones(3)
    for runs, equal in (([narrow, narrow + 5], True), ([narrow, wide], False), ([wide], True)):
        assert equal_variances(runs) == equal
    assert equal_variances([none, np.ones(2)])
    assert not equal_variances([none, wide])
    assert equal_variances([np.stack([narrow, narrow], 1), np.stack([narrow, wide], 1)]).tolist() == [True, False]


def test_a_difference_without_any_variance_is_certain() -> None:
    effect = difference(np.full((5, 1), 2.0), np.full((5, 1), 1.5), np.arange(5))
    assert effect.interval == (0.5, 0.5)
    assert (effect.p(0.5), effect.p(0.4)) == (1, 0)


def test_a_person_of_many_faces_leaves_few_degrees_of_freedom() -> None:
    people = np.r_[np.zeros(100, int), np.arange(1, 101)]
    assert people_variance(RNG.normal(0, 1, 200), people).dof == pytest.approx(200**2 / (100**2 + 100) - 1)  # Kish
    gaps = np.r_[np.ones(100), np.zeros(100)]
    # Worked by hand: the mean is 0.5; the one person's residuals sum to 50, those of the others to -0.5 each.
    assert people_variance(gaps, people).value == pytest.approx(101 / 100 * (50**2 + 100 * 0.25) / 200**2)
