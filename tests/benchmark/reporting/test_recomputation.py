"""Published differences and intervals, computed again from the CSVs by other code: pandas, numpy and scipy alone.

Nothing of benchmark.scoring or benchmark.reporting is used, and the files are read as they lie in results/standin-cpu.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[3] / "results" / "standin-cpu"
TDAE = ["tdae", "tdae_retrained"]  # a kind: runs of one method, under the experiment's own recipe


@pytest.fixture(scope="module")
def published() -> dict[str, dict]:
    judged = json.loads((RESULTS / "claims.json").read_text())["claims"]
    return {claim["id"]: claim for claim in judged}


@cache
def rows(run: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / "metrics" / f"{run}.csv", dtype={"name": str, "person": str})


def grid(run: str, measure: str) -> pd.DataFrame:
    """Scores of a run: a row a face, a column a seed."""
    return rows(run).pivot(index="name", columns="seed", values=measure)


def over_identities(gaps: pd.Series) -> tuple[float, float]:
    """Variance of the mean and degrees of freedom: the sandwich of a regression on a constant, clusters by hand."""
    people = rows("bicubic").set_index("name")["person"].loc[gaps.index]
    by_person = (gaps - gaps.mean()).groupby(people).agg(["sum", "size"])
    groups = len(by_person)
    variance = groups / (groups - 1) * (by_person["sum"] ** 2).sum() / len(gaps) ** 2
    return variance, len(gaps) ** 2 / (by_person["size"] ** 2).sum() - 1


def half_width(parts: list[tuple[float, float]]) -> float:
    """Cochran and Cox: quantiles of Student's t weighted by the parts of the variance."""
    total = sum(variance for variance, _ in parts)
    return sum(variance * stats.t(dof).ppf(0.975) for variance, dof in parts) / total**0.5


def check(claim: dict, than: str, gaps: pd.Series, *seeds: tuple[float, float]) -> None:
    """The pair's published difference and interval are these, to 1e-6."""
    (test,) = [test for test in claim["tests"] if test["than"] == than]
    mean, reach = gaps.mean(), half_width([over_identities(gaps), *seeds])
    found = [test["effect"], test["low"], test["high"]]
    assert found == pytest.approx([mean, mean - reach, mean + reach], abs=1e-6)


@cache
def trunk_of(run: str, seed: int) -> str:
    """The losses of a training's pretraining, as the log has them."""
    log = pd.read_csv(RESULTS / "logs" / run / f"seed{seed}.csv", dtype=str)
    return " ".join(log.loc[log["phase"] == "front", "L_w"])


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
    facts = [json.loads(path.read_text()) for path in sorted((RESULTS / "metrics").glob("*.facts.json"))]
    options = {
        one["run"]: one["training"][0]["options"] for one in facts if one["method"] == "mtun" and one["training"]
    }
    tuned = {run: known["adversarial"] for run, known in options.items() if known["recipe"] == "tuned"}
    return [run for run, adversarial in tuned.items() if adversarial != without_adversary]


def may_pool(kind: list[str], measure: str) -> bool:
    means = [grid(run, measure).mean().to_numpy() for run in kind]
    return stats.bartlett(*[seeds for seeds in means if len(seeds) > 1]).pvalue >= 0.25


def between_seeds(runs: list[str], measure: str) -> tuple[float, float]:
    """The variance that runs of several seeds have in common, and its degrees of freedom."""
    several = [seeds for run in runs if len(seeds := grid(run, measure).mean()) > 1]
    dof = sum(len(seeds) - 1 for seeds in several)
    return sum(((seeds - seeds.mean()) ** 2).sum() for seeds in several) / dof, dof


def test_what_draws_no_random_numbers(published: dict[str, dict]) -> None:
    gaps = (grid("bicubic", "psnr") - grid("ma", "psnr"))[0]
    check(published["table1_order"], "ma", gaps)


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
    a, b = (grid(run, "psnr") for run in TDAE[::-1])
    assert may_pool(TDAE, "psnr")
    variance, dof = between_seeds(TDAE, "psnr")
    seeds = (variance * (1 / a.shape[1] + 1 / b.shape[1]), dof)
    check(published["retraining_tdae"], "tdae", a.mean(axis=1) - b.mean(axis=1), seeds)


def test_runs_of_two_kinds(published: dict[str, dict]) -> None:
    """Ours over TDAE† in SSIM on Y: Welch and Satterthwaite over each one's own variance, or its kind's."""
    kinds = {"ours": kind_of(without_adversary=False), "tdae_retrained": TDAE}
    chosen = {run: kind if may_pool(kind, "ssim_y") else [run] for run, kind in kinds.items()}
    assert chosen["ours"] == ["ours"], "pooled runs that share trunks need their trunks' degrees of freedom"
    ours, tdae = (grid(run, "ssim_y") for run in kinds)
    of_runs = [between_seeds(runs, "ssim_y") for runs in chosen.values()]
    parts = [(value / run.shape[1], dof) for (value, dof), run in zip(of_runs, (ours, tdae), strict=True)]
    total = sum(variance for variance, _ in parts)
    welch = total**2 / sum(variance**2 / dof for variance, dof in parts)
    gaps = ours.mean(axis=1) - tdae.mean(axis=1)
    check(published["retrained_tdae_inferior"], "tdae_retrained", gaps, (total, welch))
