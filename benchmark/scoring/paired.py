"""How much better one run is than another: over people's faces, paired, and over the seeds of trained networks."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t: its distribution function and quantiles

from benchmark.scoring.statistics import CONFIDENCE


@dataclass(frozen=True)
class Spread:
    """Variance of a run's mean score from one seed to another, and the degrees of freedom of its estimate."""

    variance: float
    dof: int


FIXED = Spread(0.0, 1)  # of a method that draws nothing: its seeds are all alike


@dataclass(frozen=True)
class Effect:
    """A mean difference, its standard error and the error's degrees of freedom: Student's t gives all the rest."""

    mean: float
    error: float
    dof: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the true difference."""
        reach = float(stdtrit(self.dof, (1 + CONFIDENCE) / 2)) * self.error
        return self.mean - reach, self.mean + reach

    def p(self, value: float) -> float:
        """How likely a difference this far from `value`, either way, were if `value` were true."""
        if self.error == 0:
            return float(self.mean == value)
        return float(2 * stdtr(self.dof, -abs(self.mean - value) / self.error))


def spread(runs: Iterable[np.ndarray]) -> Spread | None:
    """The variance between seeds pooled over runs (faces, seeds); None where no run has several seeds.

    The runs have the same seeds, which decide on more than one run's weights: on the order of faces, their warps,
    phases that runs share. So the degrees of freedom are those of the run that has the most seeds, not the sum.
    """
    means = [run.mean(0) for run in runs if run.shape[1] > 1]
    if not means:
        return None
    squares = sum(((seeds - seeds.mean()) ** 2).sum() for seeds in means)
    return Spread(float(squares / sum(len(seeds) - 1 for seeds in means)), max(map(len, means)) - 1)


def left(cells: Sequence[tuple[str, Hashable, float]]) -> Spread | None:
    """The variance of mean scores that neither the run nor the block explains; None where nothing is left to tell.

    cells: run, block and mean score of each training. The layout is one of randomised blocks: effects of runs and of
    blocks add up, and some cells may be missing.
    """
    design = np.column_stack([_indicators(run for run, _, _ in cells), _indicators(block for _, block, _ in cells)])
    scores = np.array([score for _, _, score in cells])
    dof = len(cells) - int(np.linalg.matrix_rank(design)) if cells else 0
    if not dof:
        return None
    fitted = design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    return Spread(float(((scores - fitted) ** 2).sum() / dof), dof)


def _indicators(labels: Iterable[Hashable]) -> np.ndarray:
    """(N, groups): a 1 in the column of each label."""
    known = list(labels)
    return np.array([[label == group for group in dict.fromkeys(known)] for label in known], float)


def over_people(gaps: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """Variance of the mean of `gaps` (faces,) and its degrees of freedom, with people, not faces, independent.

    people: whose face each is, of two at least. The variance is the cluster-robust one; the degrees of freedom are
    those of as many people of equally many faces as would be as uneven (Kish), less one. Of one face a person, both
    are those of the mean of independent values.
    """
    index, count = np.unique(people, return_inverse=True)[1], len(gaps)
    sizes, sums = np.bincount(index), np.bincount(index, gaps - gaps.mean())
    variance = len(sizes) / (len(sizes) - 1) * (sums**2).sum() / count**2
    return float(variance), float(count**2 / (sizes**2).sum() - 1)


def difference(
    a: np.ndarray, b: np.ndarray, people: np.ndarray, seeds_of_a: Spread = FIXED, seeds_of_b: Spread = FIXED
) -> Effect:
    """Mean of `a` (faces, seeds of a) minus mean of `b` (faces, seeds of b), rows being the same faces.

    people (faces,): whose face each is, of two at least. The error has a part of the faces, whose differences are
    paired, and one of each run's seeds; the two runs' are one part where both come from the same pooled estimate.
    Degrees of freedom are the least of the parts': never too bold, while of two seeds an interval with Welch and
    Satterthwaite's would hold 88 % of the time, not 95 %.
    """
    weights = {seeds_of_a: 1 / a.shape[1]}
    weights[seeds_of_b] = weights.get(seeds_of_b, 0.0) + 1 / b.shape[1]
    parts = [over_people(a.mean(1) - b.mean(1), people)]
    parts += [(seeds.variance * weight, seeds.dof) for seeds, weight in weights.items()]
    variance = sum(part for part, _ in parts)
    dof = min((dof for part, dof in parts if part), default=parts[0][1])
    return Effect(float(a.mean() - b.mean()), variance**0.5, dof)
