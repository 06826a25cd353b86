"""The difference of two runs' means: its error over test identities and over training seeds, and its interval."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit  # quantiles of Student's t: (degrees of freedom, probability)
from scipy.stats import bartlett

from benchmark.scoring.statistics import CONFIDENCE

# Seeds of several runs are pooled unless Bartlett's test rejects equal variances at this level, as is advised for such
# preliminary tests (Bancroft 1964). By simulation: where one run of four varies three times as much as the others,
# intervals hold 86 % of the time with 0.05 and 90 % with 0.25; where all vary alike, 95 to 97 % with either.
POOLING_LEVEL = 0.25
TINY = 1e-12  # a smaller p value is 0


@dataclass(frozen=True)
class Variance:
    """An estimated variance and its degrees of freedom; one draw's, or arrays of many draws'."""

    value: float
    dof: float


FIXED = Variance(0.0, 1)  # between seeds of a method that draws no random numbers


@dataclass(frozen=True)
class Effect:
    """A mean difference and the two parts of its error, each a variance of the mean: over identities and over seeds."""

    mean: float
    people: Variance
    seeds: Variance

    def reach(self, level: float) -> float:
        """Half the width of the interval that misses the truth with probability `level`.

        The quantiles of Student's t of both parts, weighted by the parts (Cochran and Cox, Experimental Designs, 1950,
        section 4.14): it holds where one part has very few degrees of freedom, unlike Satterthwaite's.
        """
        parts = (self.people, self.seeds)
        total = self.people.value + self.seeds.value
        weighted = sum(part.value * stdtrit(part.dof, 1 - level / 2) for part in parts)
        return weighted / np.sqrt(np.maximum(total, np.finfo(float).tiny))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the true difference."""
        reach = self.reach(1 - CONFIDENCE)
        return self.mean - reach, self.mean + reach

    def p(self, value: float) -> float:
        """The level at which the interval just reaches `value`: two-sided p of `value` being the true difference."""
        distance = abs(self.mean - value)
        if distance == 0:
            return 1.0
        if self.reach(TINY) <= distance:
            return 0.0
        return float(np.exp(brentq(lambda log: self.reach(np.exp(log)) - distance, np.log(TINY), 0)))


def equal_variances(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Whether runs may share one variance between seeds: a bool, or one for each of many draws.

    runs: each one's mean scores (seeds, ...), of two seeds at least.
    """
    if len(runs) < 2:
        return np.array(True)
    spreads = np.array([run.var(0) for run in runs])
    with np.errstate(all="ignore"):
        p = bartlett(*runs, axis=0).pvalue
    return np.where(spreads.min(0) > 0, p >= POOLING_LEVEL, spreads.max(0) == 0)


def seed_variance(runs: Sequence[tuple[np.ndarray, Sequence[Hashable]]]) -> Variance | None:
    """Variance between the seeds of one run, pooled over runs; None where no run has several seeds.

    runs: mean scores by seed, and each training's block: trainings that share a pretrained trunk have one block. What
    such trainings share is seen once, so that only blocks count as independent: (cells - runs) less the degrees of
    freedom within blocks.
    """
    several = [(means, blocks) for means, blocks in runs if len(means) > 1]
    if not several:
        return None
    squares = sum(float(((means - means.mean()) ** 2).sum()) for means, _ in several)
    dof = sum(len(means) - 1 for means, _ in several)
    cells = [(str(i), b, m) for i, run in enumerate(several) for m, b in zip(*run, strict=True)]
    within = residual_variance(cells)
    return Variance(squares / dof, dof - (within.dof if within else 0))


def residual_variance(cells: Sequence[tuple[str, Hashable, float]]) -> Variance | None:
    """Variance of mean scores that neither the run nor the block explains; None without degrees of freedom.

    cells: run, block and mean score of each training: randomised blocks, with additive effects, some cells missing.
    """
    if not cells:
        return None
    design = np.column_stack([_indicators([cell[0] for cell in cells]), _indicators([cell[1] for cell in cells])])
    scores = np.array([score for _, _, score in cells])
    dof = len(cells) - int(np.linalg.matrix_rank(design))
    if not dof:
        return None
    fitted = design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    return Variance(float(((scores - fitted) ** 2).sum() / dof), dof)


def _indicators(labels: Sequence[Hashable]) -> np.ndarray:
    """(N, groups): a 1 in the column of each label."""
    return np.array([[label == group for group in dict.fromkeys(labels)] for label in labels], float)


def people_variance(gaps: np.ndarray, people: np.ndarray) -> Variance:
    """Variance of the mean of `gaps` (faces,), with identities, not faces, independent (cluster-robust).

    people (faces,): whose face each is, two identities at least. Degrees of freedom: those of as many identities of
    equally many faces as would be as uneven (Kish), less one.
    """
    index, count = np.unique(people, return_inverse=True)[1], len(gaps)
    sizes, sums = np.bincount(index), np.bincount(index, gaps - gaps.mean())
    variance = len(sizes) / (len(sizes) - 1) * (sums**2).sum() / count**2
    return Variance(float(variance), float(count**2 / (sizes**2).sum() - 1))


def combined(weighted: Iterable[tuple[Variance, float]]) -> Variance:
    """The weighted sum of independent variances, with Welch and Satterthwaite's degrees of freedom."""
    parts = [(variance.value * weight, variance.dof) for variance, weight in weighted]
    total = sum(part for part, _ in parts)
    if not np.any(total):
        return FIXED
    return Variance(total, total**2 / sum(part**2 / dof for part, dof in parts))


def difference(a: np.ndarray, b: np.ndarray, people: np.ndarray, seeds: Variance = FIXED) -> Effect:
    """Mean of `a` (faces, seeds of a) minus mean of `b` (faces, seeds of b), rows being the same faces.

    seeds: the variance of this difference of means over seeds.
    """
    return Effect(float(a.mean() - b.mean()), people_variance(a.mean(1) - b.mean(1), people), seeds)
