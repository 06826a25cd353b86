"""Findings: what was measured of each pair of a claim, and the verdict on it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from benchmark import config
from benchmark.reporting import measurements
from benchmark.reporting.measures import Measure
from benchmark.scoring.paired import FIXED, Spread, difference, left, spread
from benchmark.scoring.verdicts import OPEN, REPRODUCED, holm, side, verdict

ROUNDING = 0.01  # of the difference of two numbers with two decimals, as the paper prints them
ONE_SEED, LARGER, UNMEASURED = "one seed", "larger than claimed", "not measured"


@dataclass(frozen=True)
class Pair:
    """One comparison of a claim: `better` against `than`.

    paper: the paper's margin, which the pair is asked for; None where it gives no number.
    own: what the paper has for this very pair, where it is asked for another one's margin.
    """

    better: str
    than: str
    paper: float | None = None
    own: float | None = None


@dataclass(frozen=True)
class Finding:
    """What was measured of a pair. effect > 0 where `better` is better; None where untested, with the reason.

    p_none, p_paper: of no effect and of the paper's margin, corrected for the pairs of the claim; None: not tested.
    paired: compared front by front, over the seeds whose front both runs went on from.
    """

    better: str
    than: str
    paper: float | None = None
    own: float | None = None
    verdict: str = OPEN
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_none: float | None = None
    p_paper: float | None = None
    dof: float | None = None
    faces: int = 0
    seeds: tuple[int, int] = (0, 0)
    paired: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Sides:
    """Scores of two runs, (faces, seeds), and what another training would change of either; None where not known.

    paired: the seeds are those whose front both went on from.
    """

    a: np.ndarray
    b: np.ndarray
    spreads: tuple[Spread | None, Spread | None]
    paired: bool = False


@dataclass(frozen=True)
class Scores:
    """One measure of every measured run, (faces, seeds) in one order of faces.

    people: whose face each is, in that order. kinds: of the trained runs, as measurements.trained gives them.
    fronts: of each training of a run, in the order of its seeds, what tells its front from others; None if not known.
    """

    values: Mapping[str, np.ndarray]
    people: np.ndarray
    kinds: Mapping[str, str]
    fronts: Mapping[str, Sequence[Hashable | None]] = field(default_factory=dict)

    @classmethod
    def load(cls, experiment: config.Experiment, measure: str) -> Scores:
        """The experiment's scores in `measure`, from metrics/ or recognition/."""
        return cls.of(experiment, measurements.of_measure(experiment, measure), measure)

    @classmethod
    def of(cls, experiment: config.Experiment, tables: Mapping[str, pd.DataFrame], measure: str) -> Scores:
        """The scores in `measure` of these tables, a run each."""
        people = measurements.people(experiment)
        grids = {run: measurements.scores(table, measure) for run, table in tables.items()}
        names = next(iter(grids.values())).index if grids else people.index
        fronts = {
            run: measurements.fronts(experiment.run(run), grid.columns.to_numpy())
            for run, grid in grids.items()
            if run in experiment.runs
        }
        values = {run: grid.to_numpy() for run, grid in grids.items()}
        return cls(values, people[names].to_numpy(), measurements.trained(experiment), fronts)

    @cached_property
    def several(self) -> dict[str, list[str]]:
        """By kind of the measured runs: those that were trained from several seeds."""
        runs: dict[str, list[str]] = {self.kinds[run]: [] for run in self.values if run in self.kinds}
        for run, values in self.values.items():
            if run in self.kinds and values.shape[1] > 1:
                runs[self.kinds[run]].append(run)
        return runs

    @cached_property
    def spreads(self) -> dict[str, Spread | None]:
        """By kind of the measured runs: the spread between seeds, pooled over its runs; None where none has several."""
        return {kind: spread(self.values[run] for run in runs) for kind, runs in self.several.items()}

    @cached_property
    def left(self) -> dict[str, Spread | None]:
        """By kind of the measured runs: what of that spread is left between trainings that share their front."""
        cells: dict[str, list[tuple[str, Hashable, float]]] = {kind: [] for kind in self.several}
        for run, values in self.values.items():
            if run in self.kinds:
                fronts = zip(self.fronts.get(run, ()), values.mean(0), strict=False)
                cells[self.kinds[run]] += [(run, front, mean) for front, mean in fronts if front is not None]
        return {kind: left(found) for kind, found in cells.items()}

    def deviation(self, run: str) -> float:
        """The standard deviation between the seeds of one run, of which it has several."""
        return float(self.values[run].mean(0).std(ddof=1))

    def spread(self, run: str) -> Spread | None:
        """The spread between the seeds of a measured run; None where it is not known."""
        return self.spreads[self.kinds[run]] if run in self.kinds else FIXED

    def sides(self, run: str, other: str) -> Sides:
        """What of two measured runs is compared: where some of their trainings share a front, these, front by front."""
        a, b = self.values[run], self.values[other]
        if run in self.kinds and self.kinds[run] == self.kinds.get(other):
            there = {front: column for column, front in enumerate(self.fronts.get(other, ())) if front is not None}
            both = [(column, there[front]) for column, front in enumerate(self.fronts.get(run, ())) if front in there]
            if both and (beside := self.left[self.kinds[run]]):
                here, there_too = map(list, zip(*both, strict=True))
                return Sides(a[:, here], b[:, there_too], (beside, beside), paired=True)
        return Sides(a, b, (self.spread(run), self.spread(other)))


def shown(found: Finding, measure: Measure, note: str = "") -> str:
    """Effect and interval as text, the note behind the interval; a dash where nothing was tested."""
    if found.effect is None or found.low is None or found.high is None:
        return "–"
    numbers = (measure.factor * value for value in (found.effect, found.low, found.high))
    effect, low, high = (f"{number:+z.{measure.digits}f}" for number in numbers)
    return f"{effect} [{low}, {high}{note}]"


def gain(run: str, other: str, scores: Scores, measure: Measure) -> str:
    """How much better the one run is than the other, as text with its interval."""
    return gained(estimate(Pair(run, other), scores, measure.lower), measure)


def gained(found: Finding, measure: Measure) -> str:
    """`shown`, with a note where the interval is that of one seed."""
    return shown(found, measure, f"; {ONE_SEED}" if found.reason == ONE_SEED else "")


def seeds_of(counts: Sequence[int], paired: bool) -> str:
    """The number of seeds of either run, or of those that are paired."""
    return f"{counts[0]} paired" if paired else " and ".join(map(str, counts))


def examine(pairs: list[Pair], scores: Scores, lower: bool = False) -> list[Finding]:
    """Test the pairs of one claim together. lower: a lower score is better."""
    found = [estimate(pair, scores, lower) for pair in pairs]
    none = holm([1.0 if finding.p_none is None else finding.p_none for finding in found])
    paper = holm([1.0 if finding.p_paper is None else finding.p_paper for finding in found])
    return [_decided(*parts) for parts in zip(found, none, paper, strict=True)]


def estimate(pair: Pair, scores: Scores, lower: bool = False) -> Finding:
    """What the scores say of one pair alone: effect, 95 % interval, and p values where they can be had."""
    blank = Finding(pair.better, pair.than, pair.paper, pair.own)
    absent = [run for run in (pair.better, pair.than) if run not in scores.values]
    if absent:
        return replace(blank, reason=f"{UNMEASURED}: {', '.join(absent)}")
    if len(set(scores.people)) < 2:
        return replace(blank, reason="one person's faces have no interval")
    sides = scores.sides(pair.better, pair.than)
    one_seed = None in sides.spreads
    spreads = (None, None) if one_seed else sides.spreads  # the interval of one seed is over people alone
    effect = difference(sides.a, sides.b, scores.people, *(of or FIXED for of in spreads))
    effect = replace(effect, mean=-effect.mean) if lower else effect
    low, high = effect.interval
    counts = (sides.a.shape[1], sides.b.shape[1])
    blank = replace(blank, faces=len(sides.a), seeds=counts, paired=sides.paired)
    measured = replace(blank, effect=effect.mean, low=low, high=high, dof=effect.dof)
    if one_seed:
        return replace(measured, reason=ONE_SEED)
    p_paper = None if pair.paper is None else effect.p(_nearest(effect.mean, pair.paper))
    return replace(measured, p_none=effect.p(0), p_paper=p_paper)


def _nearest(effect: float, margin: float) -> float:
    """Of all margins that the paper's rounded one may stand for, the one that is nearest to the effect."""
    return min(max(effect, margin - ROUNDING), margin + ROUNDING)


def _decided(finding: Finding, p_none: float, p_paper: float) -> Finding:
    """The finding with its p values corrected, and its verdict; open as it is where it has none."""
    if finding.p_none is None or finding.effect is None:
        return finding
    size = None if finding.paper is None else side(finding.effect, finding.paper, p_paper)
    decided = verdict(side(finding.effect, 0, p_none), size)
    found = replace(finding, verdict=decided, p_none=p_none, p_paper=None if size is None else p_paper)
    larger = decided == REPRODUCED and size == 1 and finding.own is None
    return replace(found, reason=LARGER) if larger else found
