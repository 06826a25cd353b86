"""Verdicts on claims: one function decides on a pair, one on several of them, and Holm's correction stands between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from benchmark.scoring.statistics import CONFIDENCE

REPRODUCED, SMALLER, OPEN = "reproduced", "smaller than claimed", "open"
NOT_REPRODUCED, CONTRADICTED = "not reproduced", "contradicted"
VERDICTS = (REPRODUCED, SMALLER, NOT_REPRODUCED, CONTRADICTED, OPEN)
Side = Literal[-1, 0, 1]


def side(mean: float, value: float, p: float) -> Side:
    """Where the true effect lies, seen from `value`: above (1), below (-1), or not told apart from it (0).

    p: of `value` being the true effect, after any correction.
    """
    if not p < 1 - CONFIDENCE:
        return 0
    return 1 if mean > value else -1


def verdict(direction: Side, size: Side | None) -> str:
    """The verdict on one pair from two answers, which are sides.

    direction: of no effect; 1 is better, as claimed, -1 worse. size: of the paper's margin; None where it gives none.

    | direction \\ size | below (-1)           | agrees (0)     | above (1)      | no margin      |
    |:------------------|:---------------------|:---------------|:---------------|:---------------|
    | better (1)        | smaller than claimed | reproduced     | reproduced     | reproduced     |
    | can't tell (0)    | not reproduced       | open           | reproduced     | open           |
    | worse (-1)        | contradicted         | contradicted   | contradicted   | contradicted   |

    What lies above a margin is above nothing too, even where the correction for several pairs leaves that untold.
    """
    if direction == -1:
        return CONTRADICTED
    if direction == 0 and size != 1:
        return NOT_REPRODUCED if size == -1 else OPEN
    return SMALLER if size == -1 else REPRODUCED


def overall(verdicts: Sequence[str]) -> str:
    """The verdict on a claim from those on its pairs: the worst, where what is open is worse than what is smaller."""
    return next(v for v in (CONTRADICTED, NOT_REPRODUCED, OPEN, SMALLER, REPRODUCED) if v in verdicts)


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number: the chance that any true hypothesis is rejected stays below the level.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected.tolist()
