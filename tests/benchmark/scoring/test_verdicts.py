"""Both answers to a claim: its pairs' directions and sizes, Holm's correction, and the analysis plan's answers."""

import pytest

from benchmark.scoring.verdicts import (
    AS_CLAIMED,
    CONFIRMED,
    LARGER,
    REFUTED,
    SMALLER,
    UNDECIDED,
    direction,
    directions,
    holm,
    plan_answer,
    size,
)


def test_holm_steps_down_and_never_decreases() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # worked by hand
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.04]) == [0.04]


def test_directions_are_tests_at_five_percent_and_refuting_alone_is_corrected() -> None:
    assert [directions([mean], [0.049])[0] for mean in (1, -1)] == [CONFIRMED, REFUTED]
    assert [directions([mean], [0.051])[0] for mean in (1, -1)] == [UNDECIDED, UNDECIDED]
    assert directions([1, 1, 1], [0.04, 0.04, 0.04]) == [CONFIRMED] * 3
    assert directions([-1, 1, 1], [0.04, 0.04, 0.04]) == [UNDECIDED, CONFIRMED, CONFIRMED]  # 0.04 of three chances
    assert directions([-1, 1, 1], [0.016, 0.9, 0.9]) == [REFUTED, UNDECIDED, UNDECIDED]
    # What is clearly better spends none of the chances to be worse.
    assert directions([-1, -1, 1], [0.016, 0.026, 1e-9]) == [REFUTED, UNDECIDED, CONFIRMED]


@pytest.mark.parametrize(
    ("pairs", "complete", "wanted"),
    [
        ([CONFIRMED, CONFIRMED], True, CONFIRMED),
        ([CONFIRMED, CONFIRMED], False, UNDECIDED),  # an unmeasured one may be worse
        ([CONFIRMED, UNDECIDED], True, UNDECIDED),
        ([CONFIRMED, REFUTED], False, REFUTED),
        ([], True, UNDECIDED),
    ],
)
def test_a_claim_needs_every_pair(pairs: list[str], complete: bool, wanted: str) -> None:
    assert direction(pairs, complete) == wanted


@pytest.mark.parametrize(
    ("mean", "p_margin", "p_none", "wanted"),
    [
        (0.4, 0.5, 0.01, AS_CLAIMED),
        (0.2, 0.01, 0.01, SMALLER),
        (0.2, 0.01, 0.30, SMALLER),  # the margin is excluded, whether there is a difference or not
        (-0.2, 0.01, 0.01, SMALLER),
        (0.9, 0.01, 0.001, LARGER),
        (0.4, 0.5, 0.06, UNDECIDED),  # both the margin and no difference are possible
        (-0.4, 0.06, 0.01, UNDECIDED),
    ],
)
def test_size_of_one_pair_beside_a_margin_of_half_a_dB(
    mean: float, p_margin: float, p_none: float, wanted: str
) -> None:
    assert size([mean], [0.5], [p_margin], [p_none]) == wanted


def test_size_of_several_pairs_is_that_of_the_least() -> None:
    sure = [0.001, 0.001]
    assert size([0.9, 0.2], [0.5, 0.5], sure, sure) == SMALLER
    assert size([0.9, 0.2], [0.5, 0.5], [0.001, 0.04], sure) == AS_CLAIMED  # 0.04 is one chance of two
    assert size([0.9, 0.8], [0.5, 0.5], sure, sure) == LARGER
    assert size([0.9, 0.8], [0.5, 0.5], sure, sure, complete=False) == UNDECIDED
    assert size([0.9, 0.2], [0.5, 0.5], sure, sure, complete=False) == SMALLER
    assert size([], [], [], [], complete=False) == UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.01, 0.3, "yes"),
        (0.01, 0.09, "yes, but negligible"),
        (-0.05, 0.09, "no"),
        (-0.5, -0.1, "no"),
        (-0.1, 0.3, UNDECIDED),
    ],
)
def test_answers_of_the_analysis_plan(low: float, high: float, wanted: str) -> None:
    assert plan_answer(low, high, 0.1) == wanted
