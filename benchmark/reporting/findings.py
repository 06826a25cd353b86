"""Findings: what was measured of a pair of runs, with its interval and p values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmark.reporting.scores import Scores
from benchmark.reporting.tables import Measure
from benchmark.scoring.paired import FIXED, Effect, difference

ROUNDING = 0.01  # of the difference of two numbers with two decimals, as the paper prints them
ONE_SEED = "one seed"


@dataclass(frozen=True)
class Pair:
    """One comparison of a claim: `better` against `than`.

    paper: the paper's margin; None where it gives no number. bins: of |yaw|; compared is then the gain of `better` in
    the first bin with its gain in the second.
    """

    better: str
    than: str
    paper: float | None = None
    bins: tuple[str, str] | None = None


@dataclass(frozen=True)
class Finding:
    """What was measured of a pair. effect > 0 where `better` is better.

    paired: compared over the seeds whose pretrained trunk both runs share. None where seeds are not known: p_none, of
    no difference; predicted, the same difference of one training a side; dof, of the seeds' part of the error.
    """

    pair: Pair
    effect: float
    low: float
    high: float
    faces: int
    seeds: tuple[int, int]
    paired: bool
    p_none: float | None = None
    predicted: Effect | None = None
    dof: float | None = None

    @property
    def reason(self) -> str:
        """Why the interval covers identities alone, if it does."""
        return ONE_SEED if self.predicted is None else ""

    def p_of(self, margin: float, rounding: float = ROUNDING) -> float:
        """p of a margin of the paper for one training a side: of the nearest number that rounds to it."""
        if self.predicted is None:
            return 1.0
        return self.predicted.p(min(max(self.predicted.mean, margin - rounding), margin + rounding))


def estimate(pair: Pair, scores: Scores, lower: bool = False) -> Finding | None:
    """What the scores say of one pair alone; None where a run or a second identity is missing. lower: is better."""
    if not {pair.better, pair.than} <= scores.values.keys() or len(set(scores.people)) < 2:
        return None
    scores = scores.contrast(pair.bins) if pair.bins else scores
    a, b, seeds, predicted, paired = scores.sides(pair.better, pair.than)
    effect = difference(a, b, scores.people, seeds or FIXED)  # of one seed: over identities alone
    effect = replace(effect, mean=-effect.mean) if lower else effect
    found = Finding(pair, effect.mean, *effect.interval, len(a), (a.shape[1], b.shape[1]), paired)
    if seeds is None or predicted is None:
        return found
    dof = effect.seeds.dof if effect.seeds.value else effect.people.dof
    return replace(found, p_none=effect.p(0), predicted=replace(effect, seeds=predicted), dof=dof)


def shown(found: Finding | None, measure: Measure, unit: str = "", note: str = "") -> str:
    """Effect and interval as text, by Measure.change; a dash where nothing was tested."""
    return "–" if found is None else measure.change(found.effect, found.low, found.high, unit, note)


def gain(run: str, other: str, scores: Scores, measure: Measure) -> str:
    """How much better the one run is than the other, as text with its interval and a note where that is of one seed."""
    found = estimate(Pair(run, other), scores, measure.lower)
    return shown(found, measure, note=f"; {ONE_SEED}" if found and found.reason else "")


def seeds_of(counts: Sequence[int], paired: bool) -> str:
    """The number of seeds of either run, or of those that are paired."""
    return f"{counts[0]} paired" if paired else " and ".join(map(str, counts))
