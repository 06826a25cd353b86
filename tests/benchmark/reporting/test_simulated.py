"""Simulated truth: runs drawn from known effects and spreads, to count verdicts right and wrong.

A run's score of a face is its true mean, plus what the run makes of the face, plus what a training does to all faces,
plus what is left of both. What a face adds to all runs alike is left out, since differences are paired. What a training
does is its front's and its own: runs of one seed may share the front, and it may be known that they do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import binom

from benchmark.reporting.claims import judge_claim
from benchmark.reporting.findings import Scores
from benchmark.scoring.verdicts import CONTRADICTED, NOT_REPRODUCED, OPEN, REPRODUCED, SMALLER

DRAWS = 1000
WRONG = int(binom.ppf(0.99, DRAWS, 0.05))  # of so many draws, as far as 5 % may go by chance
BETWEEN_SEEDS, OF_A_FRONT, OF_A_RUN, LEFT = 0.10, 0.8, 0.8, 0.4  # dB, the front's a share of the variance between seeds
MARGIN = 0.45  # of the skip connection
OTHERS = {"other_1": 3, "other_2": 3, "other_3": 3}  # runs of the same method, in no claim: their number of seeds


# Whether runs of one seed share their front, and whether that is known.
FRONTS = {"own": (False, False), "shared": (True, True), "shared, not known": (True, False)}


def draws(means: dict[str, float], seeds: int, faces: int, fronts: str = "own") -> Iterator[Scores]:
    """DRAWS experiments with runs of these true means, of one method; OTHERS are measured besides."""
    rng = np.random.default_rng(20180908)
    counts = dict.fromkeys(means, seeds) | OTHERS
    share, told = FRONTS[fronts]
    of_front, of_training = BETWEEN_SEEDS * OF_A_FRONT**0.5, BETWEEN_SEEDS * (1 - OF_A_FRONT) ** 0.5
    for _ in range(DRAWS):
        values, common = {}, rng.normal(0, of_front, max(counts.values()))
        for run, n in counts.items():
            front = common[:n] if share else rng.normal(0, of_front, n)
            level = means.get(run, 0.0) + front + rng.normal(0, of_training, n)
            face = rng.normal(0, OF_A_RUN, (faces, 1)).astype(np.float32)
            values[run] = level + face + LEFT * rng.standard_normal((faces, n), np.float32)
        known = {run: list(range(n)) for run, n in counts.items()} if told else {}
        yield Scores(values, np.arange(faces), dict.fromkeys(counts, "mtun"), known)


def verdicts(
    claim: dict, means: dict[str, float], seeds: int = 3, faces: int = 300, fronts: str = "own"
) -> Counter[str]:
    """How often each verdict is given."""
    full = {"id": "simulated", "says": "s", "section": "5", "quote": "q", "measure": "psnr"} | claim
    return Counter(judge_claim(full, scores)["verdict"] for scores in draws(means, seeds, faces, fronts))


PAIR = {"better": "a", "than": "b", "by": MARGIN}
ORDER = {"order": ["a", "b", "c", "d"], "by": MARGIN}
BEST = {"better": "a", "than_best_of": ["b", "c", "d", "e"], "by": MARGIN}


FALSE = {
    "no effect, one seed": (PAIR, {"a": 0.0, "b": 0.0}, 1),
    "no effect": (PAIR, {"a": 0.0, "b": 0.0}, 3),
    "a ninth of what is claimed": (PAIR, {"a": 0.05, "b": 0.0}, 3),
    "one pair of three": (ORDER, {"a": 1.35, "b": 0.9, "c": 0.9, "d": 0.45}, 3),
    "one other is as good": (BEST, {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": 1.0}, 3),
}
TRUE = {
    "a pair, one seed": (PAIR, {"a": MARGIN, "b": 0.0}, 1),
    "a pair": (PAIR, {"a": MARGIN, "b": 0.0}, 3),
    "an order": (ORDER, {"a": 1.35, "b": 0.9, "c": 0.45, "d": 0.0}, 3),
    "the best": (BEST, {"a": MARGIN, "b": 0.0, "c": 0.0, "d": 0.0, "e": 0.0}, 3),
}


@pytest.mark.parametrize("fronts", FRONTS)
@pytest.mark.parametrize("case", FALSE)
def test_a_false_claim_is_hardly_ever_reproduced(case: str, fronts: str) -> None:
    assert verdicts(*FALSE[case], fronts=fronts)[REPRODUCED] <= WRONG


@pytest.mark.parametrize("fronts", FRONTS)
@pytest.mark.parametrize("case", TRUE)
def test_a_true_claim_is_hardly_ever_refuted(case: str, fronts: str) -> None:
    found = verdicts(*TRUE[case], fronts=fronts)
    assert found[NOT_REPRODUCED] + found[CONTRADICTED] + found[SMALLER] <= WRONG


def test_a_true_claim_of_three_seeds_and_three_thousand_faces_is_found() -> None:
    assert verdicts(PAIR, {"a": MARGIN, "b": 0.0}, 3, 3000, "shared")[REPRODUCED] > 0.9 * DRAWS


def test_fronts_that_are_known_tell_more() -> None:
    small = {"a": 0.15, "b": 0.0}
    known, unknown = (verdicts({"better": "a", "than": "b"}, small, 3, 3000, name) for name in list(FRONTS)[1:])
    assert known[REPRODUCED] > 2 * unknown[REPRODUCED]


def test_no_effect_at_all_is_told_from_a_large_claim() -> None:
    found = verdicts(PAIR | {"by": 1.8}, {"a": 0.0, "b": 0.0})
    assert found[NOT_REPRODUCED] + found[CONTRADICTED] > 0.9 * DRAWS


def test_what_is_the_other_way_round_is_contradicted() -> None:
    assert verdicts(PAIR, {"a": -MARGIN, "b": 0.0}, fronts="shared")[CONTRADICTED] > 0.9 * DRAWS


def test_seeds_that_are_left_out_would_be_believed() -> None:
    """What the verdicts guard against: over faces alone, two trainings of one network differ beyond chance."""
    alone = [Scores(scores.values, scores.people, {}) for scores in draws({"a": 0.0, "b": 0.0}, 1, 300)]
    full = {"id": "simulated", "says": "s", "section": "5", "quote": "q", "measure": "psnr"} | PAIR
    found = Counter(judge_claim(full, scores)["verdict"] for scores in alone)
    assert found[OPEN] + found[NOT_REPRODUCED] < DRAWS - 2 * WRONG  # contradicted, or reproduced
