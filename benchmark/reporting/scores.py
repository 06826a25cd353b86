"""Scores of all runs in one measure, and what is known about the variance between their seeds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np

from benchmark.reporting.results import Results, seed_grid
from benchmark.scoring.paired import (
    FIXED,
    Variance,
    combined,
    equal_variances,
    residual_variance,
    seed_variance,
)


@dataclass(frozen=True)
class Kind:
    """Variances between the seeds of runs of one kind: pooled, within trunks, and whether the runs may be pooled.

    runs: the standard deviation of each run that has several seeds.
    """

    seeds: Variance | None
    residual: Variance | None
    equal: bool
    runs: Mapping[str, float]


Sides = tuple[np.ndarray, np.ndarray, Variance | None, Variance | None, bool]


@dataclass(frozen=True)
class Scores:
    """One measure of every measured run, (faces, seeds) in one order of faces.

    people, yaw_bin, black: whose face each is, its bin of |yaw|, and how much of it is black, %, in that order.
    kinds: of the trained runs, as Results.kinds gives them.
    trunks: of each training of a run, in the order of its seeds; None if not known.
    """

    values: Mapping[str, np.ndarray]
    people: np.ndarray
    kinds: Mapping[str, str]
    trunks: Mapping[str, Sequence[Hashable | None]] = field(default_factory=dict)
    yaw_bin: np.ndarray | None = None
    black: np.ndarray | None = None

    def of_faces(self, chosen: np.ndarray) -> Scores:
        """The scores of these faces alone (a mask)."""
        yaw_bin, black = (None if known is None else known[chosen] for known in (self.yaw_bin, self.black))
        values = {run: scores[chosen] for run, scores in self.values.items()}
        return replace(self, values=values, people=self.people[chosen], yaw_bin=yaw_bin, black=black)

    def contrast(self, bins: tuple[str, str]) -> Scores:
        """Values whose mean over faces is the mean in the first bin of |yaw| less that in the second.

        A face's value beyond that mean is its influence on it, so that errors over identities are the contrast's: the
        bins' means, no spread between faces, are taken out first.
        """
        assert self.yaw_bin is not None
        first, second = (self.yaw_bin == group for group in bins)
        weights = len(self.people) * (first / first.sum() - second / second.sum())
        values = {}
        for run, scores in self.values.items():
            level = first * scores[first].mean() + second * scores[second].mean()
            gap = scores[first].mean() - scores[second].mean()
            values[run] = weights[:, None] * (scores - level[:, None]) + gap
        return replace(self, values=values)

    def blocks(self, run: str) -> list[Hashable]:
        """The trunk of each training of a run; one of its own where none is known."""
        known = self.trunks.get(run) or [None] * self.values[run].shape[1]
        return [(run, i) if trunk is None else trunk for i, trunk in enumerate(known)]

    @cached_property
    def by_kind(self) -> dict[str, Kind]:
        """The variances between seeds of each kind of measured runs."""
        found = {}
        for kind in dict.fromkeys(self.kinds[run] for run in self.values if run in self.kinds):
            runs = {run: self.values[run].mean(0) for run in self.values if self.kinds.get(run) == kind}
            several = {run: means for run, means in runs.items() if len(means) > 1}
            found[kind] = Kind(
                seed_variance([(means, self.blocks(run)) for run, means in runs.items()]),
                residual_variance(self._cells(runs)),
                bool(equal_variances(list(several.values()))),
                {run: float(means.std(ddof=1)) for run, means in several.items()},
            )
        return found

    def _cells(self, runs: Mapping[str, np.ndarray]) -> list[tuple[str, Hashable, float]]:
        return [(run, b, m) for run, means in runs.items() for b, m in zip(self.blocks(run), means, strict=True)]

    def of_seeds(self, run: str) -> Variance | None:
        """The variance between the seeds of a run: pooled over its kind where that may be, else its own, if any."""
        if run not in self.kinds:
            return FIXED
        kind = self.by_kind[self.kinds[run]]
        if kind.equal:
            return kind.seeds
        return Variance(kind.runs[run] ** 2, self.values[run].shape[1] - 1) if run in kind.runs else None

    def sides(self, run: str, other: str) -> Sides:
        """What of two measured runs is compared: the seeds that share a pretrained trunk, if any do, else all.

        Returns:
            Scores of both (faces, seeds); the variance between seeds of the difference of their means, and of the same
            with one more training a side, None where not known; whether the seeds are paired by their trunks.
        """
        a, b = self.values[run], self.values[other]
        own = (self.of_seeds(run), self.of_seeds(other))
        if run in self.kinds and self.kinds[run] == self.kinds.get(other):
            there = {block: column for column, block in enumerate(self.blocks(other))}
            both = [(column, there[block]) for column, block in enumerate(self.blocks(run)) if block in there]
            if both and (residual := self._residual(run, other)):
                left, right = map(list, zip(*both, strict=True))
                seeds = _sum((residual,), (2 / len(both),))
                predicted = None if None in own else _sum((residual, *own), (2 / len(both), 1, 1))
                return a[:, left], b[:, right], seeds, predicted, True
        if None in own:
            return a, b, None, None, False
        shares = (1 / a.shape[1], 1 / b.shape[1])
        return a, b, _sum(own, shares), _sum(own, tuple(share + 1 for share in shares)), False

    def _residual(self, run: str, other: str) -> Variance | None:
        """What trunks leave unexplained: in the kind where its runs may be pooled, else between these two runs."""
        kind = self.by_kind[self.kinds[run]]
        if kind.equal:
            return kind.residual
        return residual_variance(self._cells({name: self.values[name].mean(0) for name in (run, other)}))


Load = Callable[[str], Scores]


def loader(results: Results) -> Load:
    """An experiment's scores by measure, from metrics/ or recognition/, each made once."""

    @cache
    def load(measure: str) -> Scores:
        grids = {run: seed_grid(table, measure) for run, table in results.tables(measure).items()}
        faces = results.faces.loc[next(iter(grids.values())).index] if grids else results.faces
        return Scores(
            values={run: grid.to_numpy() for run, grid in grids.items()},
            people=faces["person"].to_numpy(),
            kinds=results.kinds,
            trunks={
                run: [results.trunks.get(run, {}).get(int(seed)) for seed in grid.columns]
                for run, grid in grids.items()
            },
            yaw_bin=faces["yaw_bin"].to_numpy(),
            black=faces["black"].to_numpy(),
        )

    return load


def _sum(variances: Sequence[Variance | None], weights: Sequence[float]) -> Variance:
    """The weighted sum; an estimate that both sides share counts as one part."""
    total: dict[Variance, float] = {}
    for variance, weight in zip(variances, weights, strict=True):
        assert variance is not None
        total[variance] = total.get(variance, 0.0) + weight
    return combined(total.items())
