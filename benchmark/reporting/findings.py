"""Findings: what was measured of a pair of runs, with its interval and p values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmark.reporting.measures import Measure
from benchmark.reporting.scores import Scores
from benchmark.scoring.paired import FIXED, Effect, difference

ROUNDING = 0.01  # of the difference of two numbers with two decimals, as the paper prints them
ONE_SEED, UNMEASURED = "one seed", "not measured"


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
    """What was measured of a pair. effect > 0 where `better` is better; None where untested, with the reason.

    p_none: of no difference, None where seeds are not known. predicted: the same difference of one training a side.
    dof: of the seeds' part of the error. paired: compared over the seeds whose pretrained trunk both runs share.
    """

    pair: Pair
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_none: float | None = None
    predicted: Effect | None = None
    dof: float | None = None
    faces: int = 0
    seeds: tuple[int, int] = (0, 0)
    paired: bool = False
    reason: str = ""

    def p_of(self, margin: float) -> float:
        """p of the paper's margin for one training a side: of the nearest number that rounds to it."""
        if self.predicted is None:
            return 1.0
        return self.predicted.p(min(max(self.predicted.mean, margin - ROUNDING), margin + ROUNDING))


def estimate(pair: Pair, scores: Scores, lower: bool = False) -> Finding:
    """What the scores say of one pair alone. lower: a lower score is better."""
    absent = [run for run in dict.fromkeys((pair.better, pair.than)) if run not in scores.values]
    if absent:
        return Finding(pair, reason=f"{UNMEASURED}: {', '.join(absent)}")
    if len(set(scores.people)) < 2:
        return Finding(pair, reason="faces of one identity have no interval")
    scores = scores.contrast(pair.bins) if pair.bins else scores
    sides = scores.sides(pair.better, pair.than)
    effect = difference(sides.a, sides.b, scores.people, sides.seeds or FIXED)  # of one seed: over identities alone
    effect = replace(effect, mean=-effect.mean) if lower else effect
    low, high = effect.interval
    found = Finding(pair, effect.mean, low, high, faces=len(sides.a), paired=sides.paired)
    found = replace(found, seeds=(sides.a.shape[1], sides.b.shape[1]))
    if sides.seeds is None or sides.predicted is None:
        return replace(found, reason=ONE_SEED)
    predicted = replace(effect, seeds=sides.predicted)
    dof = effect.seeds.dof if effect.seeds.value else effect.people.dof
    return replace(found, p_none=effect.p(0), predicted=predicted, dof=dof)


def shown(found: Finding, measure: Measure, unit: str = "", note: str = "") -> str:
    """Effect and interval as text, by Measure.change; a dash where nothing was tested."""
    if found.effect is None or found.low is None or found.high is None:
        return "–"
    return measure.change(found.effect, found.low, found.high, unit, note)


def gain(run: str, other: str, scores: Scores, measure: Measure) -> str:
    """How much better the one run is than the other, as text with its interval and a note where that is of one seed."""
    found = estimate(Pair(run, other), scores, measure.lower)
    return shown(found, measure, note=f"; {ONE_SEED}" if found.reason == ONE_SEED else "")


def seeds_of(counts: Sequence[int], paired: bool) -> str:
    """The number of seeds of either run, or of those that are paired."""
    return f"{counts[0]} paired" if paired else " and ".join(map(str, counts))
