"""The two answers to a claim: direction, by tests of no difference, and size, by tests of the paper's margin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.scoring.statistics import CONFIDENCE

CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
AS_CLAIMED, SMALLER, LARGER, NO_MARGIN = "as claimed", "smaller", "larger", "–"
DIRECTIONS = (CONFIRMED, REFUTED, UNDECIDED)
SIZES = (AS_CLAIMED, SMALLER, LARGER, UNDECIDED, NO_MARGIN)
LEVEL = 1 - CONFIDENCE


def directions(means: Sequence[float], chances: Sequence[float | None]) -> list[str]:
    """The direction of each pair of a claim that needs all of them.

    means > 0 support it; chances: p of no difference, None where that is not known. Confirming asks each pair at the
    full level, for all must pass (intersection-union test); refuting one pair of several is one chance of several, so
    that it is corrected by Holm.
    """
    p = [1.0 if chance is None else chance for chance in chances]
    worse = holm([_below(mean, 0, value) for mean, value in zip(means, p, strict=True)])
    return [
        REFUTED if below < LEVEL else CONFIRMED if mean > 0 and value < LEVEL else UNDECIDED
        for mean, value, below in zip(means, p, worse, strict=True)
    ]


def direction(pairs: Sequence[str], complete: bool = True) -> str:
    """The direction of a claim from those of its pairs. complete: no pair is unmeasured."""
    if REFUTED in pairs:
        return REFUTED
    return CONFIRMED if complete and set(pairs) == {CONFIRMED} else UNDECIDED


def size(
    means: Sequence[float], margins: Sequence[float], p: Sequence[float], p_none: Sequence[float], complete: bool = True
) -> str:
    """The size of a claim beside the paper's margins, from the differences of its pairs for one training a side.

    p: of each pair's margin; p_none: of no difference. complete: no pair is unmeasured. Smaller: at least one pair is
    (Holm). Larger: all are (intersection-union). As claimed: the margin is possible, and no difference is not.
    """
    values = list(zip(means, margins, p, strict=True))
    if min(holm([_below(*value) for value in values]), default=1.0) < LEVEL:
        return SMALLER
    if not complete or not all(mean > 0 and chance < LEVEL for mean, chance in zip(means, p_none, strict=True)):
        return UNDECIDED
    larger = all(mean > margin and chance < LEVEL for mean, margin, chance in values)
    return LARGER if larger else AS_CLAIMED


def _below(mean: float, value: float, p: float) -> float:
    """Twice the one-sided p of the true value not lying below `value`, from the two-sided one; at most 1."""
    return p if mean < value else 1.0


def plan_answer(low: float, high: float, negligible: float) -> str:
    """The answer of results/standin-cpu/PLAN.md: no gain is one whose interval lies below a negligible one."""
    if low > 0:
        return "yes, but negligible" if high < negligible else "yes"
    return "no" if high < negligible else UNDECIDED


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number: the chance that any true hypothesis is rejected stays below the level.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected.tolist()
