"""Scores of runs that are drawn, and claims judged on them."""

import numpy as np

from benchmark.reporting import claims
from benchmark.reporting.scores import Scores

RNG = np.random.default_rng(3)
FACES = 400
EACH = np.arange(FACES)  # whose face each is: somebody else's
HEAD = {"id": "x", "says": "s", "section": "4", "quote": "q", "measure": "psnr"}


def run(mean: float, seeds: int = 3, between: float = 0.05) -> np.ndarray:
    """Scores (FACES, seeds) about `mean`: seeds an even `between` apart, faces alike in all runs but for noise."""
    face = np.random.default_rng(0).normal(0, 3, (FACES, 1))
    return mean + face + between * (np.arange(seeds) - (seeds - 1) / 2) + RNG.normal(0, 0.3, (FACES, seeds))


def of_mtun(**values: np.ndarray) -> Scores:
    """Scores of runs that are all trained by one method."""
    return Scores(values, EACH, dict.fromkeys(values, "mtun"))


def judged(scores: Scores, **claim: object) -> dict:
    return claims.answer(HEAD | claim, scores)
