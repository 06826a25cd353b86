"""Claims: pairs and margins, seeds that are borrowed, the best of the others, and the files of an experiment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import experiments
import numpy as np
import pandas as pd
import pytest

from benchmark import config
from benchmark.reporting import claims, claims_page, findings, results
from benchmark.reporting.findings import Pair
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Scores, loader
from benchmark.scoring.verdicts import AS_CLAIMED, CONFIRMED, LARGER, NO_MARGIN, REFUTED, SMALLER, UNDECIDED
from datasets.face import BadInput

RNG = np.random.default_rng(3)
FACES = 400
EACH = np.arange(FACES)  # whose face each is: somebody else's
HEAD = {"id": "x", "says": "s", "section": "4", "quote": "q", "measure": "psnr"}


def run(mean: float, seeds: int = 3, between: float = 0.05) -> np.ndarray:
    """Scores (FACES, seeds) about `mean`: seeds an even `between` apart, faces alike in all runs but for noise."""
    face = np.random.default_rng(0).normal(0, 3, (FACES, 1))
    return mean + face + between * (np.arange(seeds) - (seeds - 1) / 2) + RNG.normal(0, 0.3, (FACES, seeds))


def of_mtun(**values: np.ndarray) -> Scores:
    """Scores of runs that are all trained by one method."""
    return Scores(values, EACH, dict.fromkeys(values, "mtun"))


def always(scores: Scores) -> Callable[[str], Scores]:
    return lambda _: scores


def judged(scores: Scores, **claim: object) -> dict:
    return claims.answer(HEAD | claim, scores)


@pytest.fixture
def of_toy(toy: config.Experiment) -> list[dict]:
    return claims.judge(Results(toy), loader(Results(toy)))


def test_both_answers_of_one_pair() -> None:
    scores = of_mtun(a=run(20.5), b=run(20))
    for margin, size in ((0.5, AS_CLAIMED), (1.75, SMALLER), (0.1, LARGER)):
        found = judged(scores, better="a", than="b", by=margin)
        assert (found["direction"], found["size"], found["reason"]) == (CONFIRMED, size, "")
    (test,) = found["tests"]
    assert (test["faces"], test["seeds"]) == (FACES, (3, 3))
    found = judged(scores, better="b", than="a")
    assert (found["direction"], found["size"]) == (REFUTED, NO_MARGIN)
    assert judged(scores, better="b", than="a", measure="nme")["direction"] == CONFIRMED  # less is better


def test_nothing_seen_where_much_was_claimed_is_smaller() -> None:
    found = judged(of_mtun(a=run(20.01), b=run(20)), better="a", than="b", by=1.8)
    assert found["tests"][0]["low"] < 0 < found["tests"][0]["high"] < 0.3
    assert (found["direction"], found["size"]) == (UNDECIDED, SMALLER)


def test_a_margin_is_known_to_the_papers_decimals() -> None:
    # 0.69 - 0.66 may be 0.02: an effect of 0.0205 does not fall short of it.
    ssim = RNG.normal(0.66, 0.05, (FACES, 1))
    scores = Scores({"a": ssim + RNG.normal(0.0205, 0.001, (FACES, 1)), "b": ssim}, EACH, {})
    assert judged(scores, better="a", than="b", by=0.03)["size"] == AS_CLAIMED
    assert judged(scores, better="a", than="b", by=0.04)["size"] == SMALLER


def test_size_allows_for_one_training_a_side() -> None:
    """Of many seeds the mean is known to 0.15 dB; the paper's one training may lie 0.5 dB from its own mean."""
    scores = of_mtun(a=run(21, 12, 0.05), b=run(20, 12, 0.05))
    (test,) = judged(scores, better="a", than="b", by=1.4)["tests"]
    spread = np.sqrt(2 * scores.by_kind["mtun"].seeds.value)
    assert test["predicted"][1] - test["effect"] == pytest.approx(2.07 * spread * (1 + 1 / 12) ** 0.5, rel=0.05)
    assert judged(scores, better="a", than="b", by=1.4)["size"] == AS_CLAIMED
    assert judged(scores, better="a", than="b", by=1.8)["size"] == SMALLER
    assert test["high"] < 1.3


def test_a_gain_at_large_yaw_is_asked_against_every_other_bin() -> None:
    bins = np.repeat(["0-15", "15-45", "45-90"], [200, 100, 100])
    gain = np.where(bins == "45-90", 0.5, 0.1)[:, None]
    scores = Scores({"a": run(20) + gain, "b": run(20)}, EACH, dict.fromkeys("ab", "mtun"), yaw_bin=bins)
    found = judged(scores, better="a", than="b", yaw="45-90")
    assert [test["bins"] for test in found["tests"]] == [("45-90", "0-15"), ("45-90", "15-45")]
    difference = scores.values["a"].mean(1) - scores.values["b"].mean(1)
    first, second = difference[bins == "45-90"], difference[bins == "0-15"]
    assert found["tests"][0]["effect"] == pytest.approx(first.mean() - second.mean())
    # The error over identities is that of two independent samples.
    of_bins = findings.estimate(Pair("a", "b", None, ("45-90", "0-15")), scores)
    assert of_bins.predicted.people.value == pytest.approx(first.var() / 100 + second.var() / 200, rel=0.02)
    assert (found["direction"], found["size"]) == (CONFIRMED, NO_MARGIN)
    assert judged(scores, better="b", than="a", yaw="45-90")["direction"] == REFUTED
    assert judged(scores, better="a", than="b", yaw="60-90")["tests"] == []


def test_a_claim_that_changes_with_the_channel_or_black_borders_says_so() -> None:
    black = np.where(EACH < 100, 50.0, 0.0)
    better = run(20) + np.where(black > 20, 4.0, -0.5)[:, None]
    kinds = dict.fromkeys("ab", "mtun")
    rgb = Scores({"a": better, "b": run(20)}, EACH, kinds, black=black)
    luma = Scores({"a": run(20), "b": run(20)}, EACH, kinds, black=black)
    found = claims.judge_claim(HEAD | {"better": "a", "than": "b"}, {"psnr": rgb, "psnr_y": luma}.__getitem__)
    answers = {variant["short"]: (variant["direction"], variant["changes"]) for variant in found["variants"]}
    assert found["direction"] == CONFIRMED
    assert answers == {"Y": (UNDECIDED, True), "black borders": (REFUTED, True)}
    assert claims_page.changes(found) == "Y; black borders"
    assert "the 100 faces that are over 20 % black" in found["variants"][1]["title"]


def test_claims_are_counted_by_whose_they_are(toy: config.Experiment, of_toy: list[dict]) -> None:
    summary = claims_page.summary(of_toy, Results(toy))
    for part in ("the paper's text", "its tables alone", "the suite's own measures"):
        counted = summary.split(f"from {part}: ")[1].split(";")[0]
        assert sum(int(n) for n in re.findall(r"\d+", counted)) == sum(claim["place"] == part for claim in of_toy)
    own = {**of_toy[0], "id": "own", "place": claims.place({"section": "ours to show", "measure": "psnr"})}
    assert (
        claims_page.summary([*of_toy, own], Results(toy))
        == f"{summary}; from your own list: 1 {of_toy[0]['direction']}"
    )
    assert claims.place({"section": "5", "measure": "nme"}) == claims.OWN


def test_faces_of_few_people_tell_less() -> None:
    values = {"a": run(20.3), "b": run(20)}
    widths = []
    for people in (EACH, EACH // 40):
        more = {r: v + people[:, None] % 7 * (r == "a") for r, v in values.items()}
        (test,) = judged(Scores(more, people, {}), better="a", than="b")["tests"]
        widths.append(test["high"] - test["low"])
    assert widths[1] > 3 * widths[0]
    alone = findings.estimate(Pair("a", "b", 0.3), Scores(values, np.zeros(FACES), {}))
    assert alone.reason == "faces of one identity have no interval"


def test_the_second_best_is_the_one_that_is_measured() -> None:
    # As the paper has it, TDAE† comes second; here Ma's method does, and is first.
    claim = next(claim for claim in claims.read() if claim["id"] == "second_best")
    means = {"bicubic": 19, "vdsr": 19, "srgan": 20.7, "cbn": 21, "tdae": 18, "tdae_retrained": 16.6, "ours": 21.2}
    values = {name: run(mean, 3, 0.005) for name, mean in means.items()}
    kinds = {name: name for name in means if name != "bicubic"}
    found = claims.answer(claim, Scores(values | {"ma": run(21.9, 1)}, EACH, kinds))
    assert (found["best_other"], found["direction"], found["size"]) == ("ma", REFUTED, SMALLER)
    over = {test["than"]: test["direction"] for test in found["tests"]}
    assert (over["tdae_retrained"], over["ma"]) == (CONFIRMED, REFUTED)
    found = claims.answer(claim, Scores(values | {"ma": run(19.3, 1)}, EACH, kinds))
    assert (found["best_other"], found["direction"], found["size"]) == ("cbn", CONFIRMED, SMALLER)


def test_without_one_of_the_others_nothing_is_best() -> None:
    claim = {"better": "a", "than_best_of": ["b", "c"]}
    found = judged(of_mtun(a=run(21), b=run(20)), **claim)
    assert (found["direction"], found["missing"], len(found["tests"])) == (UNDECIDED, ["c"], 1)
    assert judged(of_mtun(a=run(19), b=run(20)), **claim)["direction"] == REFUTED


def test_an_order_needs_every_adjacent_pair() -> None:
    means = {"a": 21.0, "b": 20.5, "c": 20.0}
    scores = of_mtun(**{name: run(mean, 3, 0.02) for name, mean in means.items()})
    assert judged(scores, order=["a", "b", "c"])["direction"] == CONFIRMED
    assert judged(scores, order=["a", "c", "b"])["direction"] == REFUTED
    assert judged(scores, order=["a", "b", "c"])["size"] == NO_MARGIN


def test_rows_are_paired_by_name_and_not_by_place(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    before = loader(Results(toy))("psnr").values["ours"]
    pd.read_csv(path, dtype={"name": str}).sample(frac=1, random_state=0).to_csv(path, index=False)
    np.testing.assert_array_equal(loader(Results(toy))("psnr").values["ours"], before)


def test_a_missing_run_is_named_and_its_claim_not_measured() -> None:
    claim = claims.judge_claim(HEAD | {"better": "ours", "than": "tdae"}, always(of_mtun(ours=np.ones((3, 1)))))
    assert claims.unmeasured(claim)
    assert (claim["direction"], claim["missing"]) == (UNDECIDED, ["tdae"])
    assert claims.count([claim]) == {CONFIRMED: 0, REFUTED: 0, UNDECIDED: 0}


def test_files_of_an_experiment(toy: config.Experiment, of_toy: list[dict]) -> None:
    load = loader(Results(toy))
    claims.write(of_toy, Results(toy), toy.results, load)
    claims_page.write(of_toy, Results(toy), toy.results, load)
    stored = json.loads((toy.results / "claims.json").read_text())
    by_id = {c["id"]: c for c in stored["claims"]}
    skip = by_id["skip_connection"]["tests"][0]
    psnr = results.by_face(Results(toy).rows, "psnr").mean()
    assert skip["effect"] == pytest.approx(psnr["ours"] - psnr["ours_no_skip"], abs=1e-5)
    assert skip["low"] <= skip["effect"] <= skip["high"]
    assert (skip["faces"], skip["seeds"], skip["direction"]) == (12, [2, 2], CONFIRMED)
    assert by_id["skip_connection"]["size"] == LARGER
    assert "depth" in stored["not_measured"]
    assert sum(stored["directions"].values()) + len(stored["not_measured"]) == len(claims.read())
    assert stored["drawn"]
    page = (toy.results / "claims.md").read_text()
    assert page.startswith("# Claims\n\nOn synthetic faces, which neither support nor refute the paper, claims from ")
    assert "## depth" not in page
    assert "- The more stacked hourglasses, the better: no PSNR, dB, of ours_s1, ours_s2, ours_s3." in page
    assert "Not measured: CBN, Ma et al., Ours‡, SRGAN, TDAE, VDSR." in page
    assert page.index("| Section | Claim |") < page.index("Not judged:") < page.index("## best_psnr")
    assert page.index("## best_psnr") < page.index("## How it is judged")
    psnr = [results.seed_grid(table, "psnr").mean() for run, table in Results(toy).rows.items() if "ours" in run]
    pooled, own = np.sqrt(np.mean([seeds.var(ddof=1) for seeds in psnr])), [seeds.std(ddof=1) for seeds in psnr]
    line = f"seeds of PSNR, dB: mtun pooled {pooled:.3f}, 2 d.f. (Ours† {own[0]:.3f}, Ours {own[1]:.3f})."
    assert line in page


def test_trainings_of_another_precision_are_a_confound(toy: config.Experiment) -> None:
    path = toy.run("ours").provenance(1)
    path.write_text(json.dumps({"precision": "bfloat16"}))
    by_id = {claim["id"]: claim for claim in claims.judge(Results(toy), loader(Results(toy)))}
    assert by_id["skip_connection"]["confounds"][-1] == "Trained in float32, except bfloat16: ours, seed 1."
    assert by_id["retraining_tdae"]["confounds"][1:] == []


def test_errors_by_face_are_judged_like_scores(toy: config.Experiment) -> None:
    for run, error in (("ours", 1.0), ("ours_no_skip", 3.0)):
        path = toy.run(run).metrics.with_suffix(".csv")
        table = pd.read_csv(path, dtype={"name": str}).drop(columns="peak_px", errors="ignore")
        noise = RNG.normal(0, 0.1, len(table))
        table.assign(rotation_degrees=error + noise).to_csv(path, index=False)
    claim = HEAD | {"measure": "rotation_degrees", "better": "ours", "than": "ours_no_skip", "negligible": 0.1}
    found = claims.judge_claim(claim, loader(Results(toy)))
    assert found["tests"][0]["effect"] == pytest.approx(2, abs=0.1)  # less error is better
    assert (found["direction"], found["plan"], found["variants"]) == (CONFIRMED, "yes", [])
    assert claims.unmeasured(claims.judge_claim(claim | {"measure": "peak_px"}, loader(Results(toy))))


def test_pilots_are_disclosed_on_real_faces_alone(toy: config.Experiment, of_toy: list[dict]) -> None:
    assert "22.39 dB" not in claims_page.markdown(of_toy, Results(toy), loader(Results(toy)))
    experiments.change(Path(), corpora={"celeba": {}})
    real = Results(config.load())
    page = claims_page.markdown(of_toy, real, loader(real))
    assert page.startswith("# Claims\n\nClaims from the paper's text: ")
    assert "22.39 dB" in page


def test_runs_of_different_faces_are_refused(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    table = pd.read_csv(path, dtype={"name": str})
    table[table["name"] != table["name"][0]].to_csv(path, index=False)
    with pytest.raises(BadInput, match=r"bicubic.csv has 12 faces and ours.csv other ones \(11\)"):
        loader(Results(toy))("psnr")
