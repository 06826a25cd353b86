"""Simulated truth, from scores by face to both answers: runs drawn from known effects and variances.

A run's score of a face is its true mean, plus what the run makes of the face, plus what a training does to all faces,
plus what is left of both. What a face adds to all runs alike is left out, since differences are paired. What a training
does is its trunk's and its own: runs of one seed may share the trunk, and it may be known that they do.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import binom

from benchmark.reporting.claims import answer
from benchmark.reporting.scores import Scores
from benchmark.scoring.verdicts import CONFIRMED, LARGER, SMALLER, UNDECIDED

pytestmark = pytest.mark.slow

DRAWS = 200
WRONG = int(binom.ppf(0.99, DRAWS, 0.05))  # of so many draws, as far as 5 % may go by chance
BETWEEN_SEEDS, OF_A_TRUNK, OF_A_RUN, LEFT = 0.10, 0.8, 0.8, 0.4  # dB, the trunk's a share of the variance of seeds
MARGIN = 0.45  # of the skip connection
SEEDS = 3
OTHERS = {"other_1": 3, "other_2": 3, "other_3": 3}  # runs of the same method, in no claim: their number of seeds
PAIR = {"measure": "psnr", "better": "a", "than": "b", "by": MARGIN}
BEST = {"measure": "psnr", "better": "a", "than_best_of": ["b", "c", "d", "e"], "by": MARGIN}
NULL = {"a": 0.0, "b": 0.0}
AS_GOOD = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": 1.0}
TRUNKS = {"own": (False, False), "shared": (True, True), "shared, not known": (True, False)}


def draws(means: dict[str, float], faces: int, trunks: str) -> Iterator[Scores]:
    """DRAWS experiments with runs of these true means, of one method; OTHERS are measured besides."""
    rng = np.random.default_rng(20180908)
    counts = dict.fromkeys(means, SEEDS) | OTHERS
    share, known = TRUNKS[trunks]
    of_trunk, of_training = BETWEEN_SEEDS * OF_A_TRUNK**0.5, BETWEEN_SEEDS * (1 - OF_A_TRUNK) ** 0.5
    for _ in range(DRAWS):
        values, common = {}, rng.normal(0, of_trunk, max(counts.values()))
        for run, n in counts.items():
            trunk = common[:n] if share else rng.normal(0, of_trunk, n)
            level = means.get(run, 0.0) + trunk + rng.normal(0, of_training, n)
            face = rng.normal(0, OF_A_RUN, (faces, 1)).astype(np.float32)
            values[run] = level + face + LEFT * rng.standard_normal((faces, n), np.float32)
        blocks = {run: list(range(n)) for run, n in counts.items()} if known else {}
        yield Scores(values, np.arange(faces), dict.fromkeys(counts, "mtun"), blocks)


def answers(
    claim: dict, means: dict[str, float], faces: int = 300, trunks: str = "own"
) -> tuple[Counter[str], Counter[str]]:
    """How often each direction is given, and each size."""
    found = [answer(claim, scores) for scores in draws(means, faces, trunks)]
    return Counter(one["direction"] for one in found), Counter(one["size"] for one in found)


@pytest.mark.parametrize(
    ("claim", "means", "trunks"), [*((PAIR, NULL, trunks) for trunks in TRUNKS), (BEST, AS_GOOD, "own")]
)
def test_where_another_is_as_good_hardly_anything_is_decided(claim: dict, means: dict, trunks: str) -> None:
    directions, _ = answers(claim, means, trunks=trunks)
    assert DRAWS - directions[UNDECIDED] <= WRONG


@pytest.mark.parametrize("trunks", TRUNKS)
def test_a_true_margin_is_hardly_ever_another(trunks: str) -> None:
    """The paper's number is one training against one other: so is the margin that is claimed here, drawn anew."""
    rng, wrong = np.random.default_rng(1), 0
    for scores in draws({"a": MARGIN, "b": 0.0}, 300, trunks):
        of_paper = MARGIN + rng.normal(0, BETWEEN_SEEDS * 2**0.5)
        wrong += answer(PAIR | {"by": of_paper}, scores)["size"] in (SMALLER, LARGER)
    assert wrong <= WRONG


@pytest.mark.parametrize(("claim", "by", "size"), [(PAIR, 3.0, SMALLER), (BEST, 0.02, LARGER)])
def test_a_large_effect_is_confirmed_and_its_size_told(claim: dict, by: float, size: str) -> None:
    means = {"a": 1.0} | dict.fromkeys("bcde" if claim is BEST else "b", 0.0)
    directions, sizes = answers(claim | {"by": by}, means, faces=1000)
    assert min(directions[CONFIRMED], sizes[size]) >= 0.95 * DRAWS
