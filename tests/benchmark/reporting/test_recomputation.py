"""Published differences and intervals, computed again from the CSVs by other code: pandas, numpy and scipy alone.

Nothing of benchmark.scoring or benchmark.reporting is used, and the files are read as they lie in results/standin-cpu.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[3] / "results" / "standin-cpu"
# Runs by kind: one method, with L_U or without, under the experiment's own recipe.
KINDS = {"tdae": ["tdae", "tdae_retrained"], "cbn": ["cbn", "cbn_supervised", "cbn_oracle"]}


@pytest.fixture(scope="module")
def published() -> dict[str, dict]:
    judged = json.loads((RESULTS / "claims.json").read_text())["claims"]
    return {claim["id"]: claim for claim in judged}


def grid(run: str, measure: str) -> pd.DataFrame:
    """Scores of a run: a row a face, a column a seed."""
    table = pd.read_csv(RESULTS / "metrics" / f"{run}.csv", dtype={"name": str})
    return table.pivot(index="name", columns="seed", values=measure)


def identities(measured: pd.DataFrame) -> pd.Series:
    table = pd.read_csv(RESULTS / "metrics" / "bicubic.csv", dtype={"name": str, "person": str})
    return table.set_index("name")["person"].loc[measured.index]


def over_identities(gaps: pd.Series) -> tuple[float, float]:
    """Variance of the mean and degrees of freedom: the sandwich of a regression on a constant, clusters by hand."""
    by_person = (gaps - gaps.mean()).groupby(identities(gaps.to_frame())).agg(["sum", "size"])
    groups = len(by_person)
    variance = groups / (groups - 1) * (by_person["sum"] ** 2).sum() / len(gaps) ** 2
    return variance, len(gaps) ** 2 / (by_person["size"] ** 2).sum() - 1


def half_width(parts: list[tuple[float, float]]) -> float:
    """Cochran and Cox: quantiles of Student's t weighted by the parts of the variance."""
    total = sum(variance for variance, _ in parts)
    return sum(variance * stats.t(dof).ppf(0.975) for variance, dof in parts) / total**0.5


def check(claim: dict, than: str, gaps: pd.Series, seeds: tuple[float, float] | None) -> None:
    """The pair's published difference and interval are these, to 1e-6."""
    (test,) = [test for test in claim["tests"] if test["than"] == than]
    mean, reach = gaps.mean(), half_width([over_identities(gaps), *([seeds] if seeds else [])])
    found = [test["effect"], test["low"], test["high"]]
    assert found == pytest.approx([mean, mean - reach, mean + reach], abs=1e-6)


def trunk_of(run: str, seed: int) -> str:
    """The losses of a training's pretraining, as the log has them."""
    log = pd.read_csv(RESULTS / "logs" / run / f"seed{seed}.csv", dtype=str)
    front = log[log["phase"] == "front"]
    return " ".join(front["L_w"])


def within_trunks(kind: list[str], measure: str) -> tuple[float, float]:
    """Variance that runs and trunks leave, by least squares on dummies, and its degrees of freedom."""
    cells = [
        {"run": run, "trunk": trunk_of(run, seed), "score": scores.mean()}
        for run in kind
        for seed, scores in grid(run, measure).items()
    ]
    table = pd.DataFrame(cells)
    design = np.hstack([pd.get_dummies(table[key], dtype=float).to_numpy() for key in ("run", "trunk")])
    u, s, _ = np.linalg.svd(design)
    rank = int((s > 1e-9).sum())
    left = u[:, rank:].T @ table["score"].to_numpy()
    return float(left @ left) / len(left), len(left)


def kind_of(without_adversary: bool) -> list[str]:
    """Measured runs of MTUN under the experiment's own recipe, with L_U or without."""
    found = []
    for path in sorted((RESULTS / "metrics").glob("*.facts.json")):
        facts = json.loads(path.read_text())
        options = facts["training"][0]["options"] if facts["training"] else {}
        if facts["method"] == "mtun" and options["recipe"] == "tuned" and options["adversarial"] != without_adversary:
            found.append(facts["run"])
    return found


def may_pool(kind: list[str], measure: str) -> bool:
    means = [grid(run, measure).mean().to_numpy() for run in kind]
    return stats.bartlett(*[seeds for seeds in means if len(seeds) > 1]).pvalue >= 0.25


def test_what_draws_no_random_numbers(published: dict[str, dict]) -> None:
    gaps = (grid("bicubic", "psnr") - grid("ma", "psnr"))[0]
    check(published["table1_order"], "ma", gaps, None)


@pytest.mark.parametrize(
    ("name", "better", "than"), [("feature_loss", "ours_pf", "ours_p"), ("structure_loss_p", "ours_p", "no_heb_p")]
)
def test_runs_that_share_their_trunks(published: dict[str, dict], name: str, better: str, than: str) -> None:
    kind = kind_of(without_adversary=True)
    variance, dof = within_trunks(kind if may_pool(kind, "psnr") else [better, than], "psnr")
    a, b = grid(better, "psnr"), grid(than, "psnr")
    shared = [seed for seed in a if seed in b and trunk_of(better, seed) == trunk_of(than, seed)]
    gaps = a[shared].mean(axis=1) - b[shared].mean(axis=1)
    check(published[name], than, gaps, (2 * variance / len(shared), dof))


def test_two_runs_of_one_kind_without_trunks(published: dict[str, dict]) -> None:
    a, b = grid("tdae_retrained", "psnr"), grid("tdae", "psnr")
    assert may_pool(KINDS["tdae"], "psnr")
    means = [run.mean() for run in (a, b)]
    squares = sum(((seeds - seeds.mean()) ** 2).sum() for seeds in means)
    dof = sum(len(seeds) - 1 for seeds in means)
    seeds = squares / dof * (1 / a.shape[1] + 1 / b.shape[1])
    check(published["retraining_tdae"], "tdae", a.mean(axis=1) - b.mean(axis=1), (seeds, dof))


def test_runs_of_two_kinds(published: dict[str, dict]) -> None:
    """Ours over TDAE† in SSIM on Y: Welch and Satterthwaite over each one's own variance, or its kind's."""
    parts = []
    for run, kind in (("ours", kind_of(without_adversary=False)), ("tdae_retrained", KINDS["tdae"])):
        means = {name: grid(name, "ssim_y").mean() for name in kind}
        several = {name: seeds for name, seeds in means.items() if len(seeds) > 1}
        chosen = several if may_pool(kind, "ssim_y") else {run: several[run]}
        assert run != "ours" or len(chosen) == 1, "pooled runs that share trunks need their trunks' degrees of freedom"
        dof = sum(len(seeds) - 1 for seeds in chosen.values())
        variance = sum(seeds.var(ddof=1) * (len(seeds) - 1) for seeds in chosen.values()) / dof
        parts.append((variance / len(means[run]), dof))
    total = sum(variance for variance, _ in parts)
    welch = total**2 / sum(variance**2 / dof for variance, dof in parts)
    gaps = grid("ours", "ssim_y").mean(axis=1) - grid("tdae_retrained", "ssim_y").mean(axis=1)
    check(published["retrained_tdae_inferior"], "tdae_retrained", gaps, (total, welch))
