"""Claims: pairs and margins, seeds that are borrowed, the best of the others, and the files of an experiment."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judging import EACH, FACES, HEAD, RNG, judged, of_mtun, run

from benchmark import config
from benchmark.reporting import claims, claims_page, findings, results
from benchmark.reporting.findings import Pair
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Scores, loader
from benchmark.scoring.verdicts import AS_CLAIMED, CONFIRMED, LARGER, NO_MARGIN, REFUTED, SMALLER, UNDECIDED
from datasets.face import BadInput


@pytest.fixture(scope="module")
def of_toy(root: Path) -> list[dict]:
    """The claims as judged on the made-up experiment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        known = Results(config.load())
        return claims.judge(known, loader(known))


def rewrite(experiment: config.Experiment, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Replace the scores of a run by face."""
    path = experiment.run(name).metrics.with_suffix(".csv")
    change(pd.read_csv(path, dtype={"name": str})).to_csv(path, index=False)


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
    scores = replace(of_mtun(a=run(20) + gain, b=run(20)), yaw_bin=bins)
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
    rgb = replace(of_mtun(a=better, b=run(20)), black=black)
    luma = replace(of_mtun(a=run(20), b=run(20)), black=black)
    found = claims.judge_claim(HEAD | {"better": "a", "than": "b"}, {"psnr": rgb, "psnr_y": luma}.__getitem__)
    changed = {variant["short"]: (variant["direction"], variant["changes"]) for variant in found["variants"]}
    assert found["direction"] == CONFIRMED
    assert changed == {"Y": (UNDECIDED, True), "black borders": (REFUTED, True)}
    assert claims_page.described(found)["changes"] == "Y; black borders"
    assert "the 100 faces that are over 20 % black" in found["variants"][1]["title"]


def test_claims_are_counted_by_whose_they_are(known: Results, of_toy: list[dict]) -> None:
    summary = claims_page.summary(of_toy, known)
    for part in ("the paper's text", "its tables alone", "the suite's own measures"):
        counted = re.sub(r" \(\d+ as large as claimed\)", "", summary.split(f"from {part}: ")[1].split(";")[0])
        assert sum(int(n) for n in re.findall(r"\d+", counted)) == sum(claim["place"] == part for claim in of_toy)
    own = of_toy[0] | {"place": claims.place({"section": "ours to show", "measure": "psnr"})}
    of_all = claims_page.summary([*of_toy, own], known)
    assert of_all == f"{summary}; from your own list: 1 {own['direction']}"
    confirmed = [own | {"direction": CONFIRMED, "size": size} for size in ("as claimed", "smaller", "–")]
    assert claims_page.summary(confirmed, known).endswith("from your own list: 3 confirmed (1 as large as claimed)")
    assert claims_page.summary(confirmed[2:], known).endswith("from your own list: 1 confirmed")
    assert claims.place({"section": "5", "measure": "nme"}) == claims.OWN
    assert claims.place({"section": "SPARNet's abstract", "measure": "nme"}) == claims.LATER


def test_faces_of_few_people_tell_less() -> None:
    values = {"a": run(20.3), "b": run(20)}
    widths = []
    for people in (EACH, EACH // 40):
        more = {r: v + people[:, None] % 7 * (r == "a") for r, v in values.items()}
        (test,) = judged(Scores(more, people, {}), better="a", than="b")["tests"]
        widths.append(test["high"] - test["low"])
    assert widths[1] > 3 * widths[0]
    assert findings.estimate(Pair("a", "b", 0.3), Scores(values, np.zeros(FACES), {})) is None  # one identity


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


def test_rows_are_paired_by_name_and_not_by_place(toy: config.Experiment) -> None:
    before = loader(Results(toy))("psnr").values["ours"]
    rewrite(toy, "ours", lambda table: table.sample(frac=1, random_state=0))
    np.testing.assert_array_equal(loader(Results(toy))("psnr").values["ours"], before)


def test_runs_of_different_faces_are_refused(toy: config.Experiment) -> None:
    rewrite(toy, "ours", lambda table: table[table["name"] != table["name"][0]])
    with pytest.raises(BadInput, match=r"bicubic.csv has 12 faces and ours.csv other ones \(11\)"):
        loader(Results(toy))("psnr")


def test_a_missing_run_is_named_and_its_claim_not_measured() -> None:
    claim = claims.judge_claim(HEAD | {"better": "ours", "than": "tdae"}, lambda _: of_mtun(ours=np.ones((3, 1))))
    assert claim["tests"] == []
    assert (claim["direction"], claim["missing"]) == (UNDECIDED, ["tdae"])
    assert claims.count([claim]) == {CONFIRMED: 0, REFUTED: 0, UNDECIDED: 0}


def test_json_of_an_experiment(known: Results, of_toy: list[dict], tmp_path: Path) -> None:
    claims.write(of_toy, known, tmp_path, loader(known))
    stored = json.loads((tmp_path / "claims.json").read_text())
    claim = next(claim for claim in stored["claims"] if claim["id"] == "skip_connection")
    (skip,) = claim["tests"]
    psnr = results.by_face(known.rows, "psnr").mean()
    assert skip["effect"] == pytest.approx(psnr["ours"] - psnr["ours_no_skip"], abs=1e-5)
    assert skip["low"] <= skip["effect"] <= skip["high"]
    assert (skip["faces"], skip["seeds"], skip["direction"], claim["size"]) == (12, [2, 2], CONFIRMED, LARGER)
    assert "depth" in stored["not_measured"]
    assert sum(stored["directions"].values()) + len(stored["not_measured"]) == len(claims.read())
    assert stored["drawn"]


def test_page_of_an_experiment(known: Results, of_toy: list[dict], tmp_path: Path) -> None:
    claims_page.write(of_toy, known, tmp_path, loader(known))
    page = (tmp_path / "claims.md").read_text()
    assert page.startswith(
        "# Claims\n\nThese faces are synthetic: they neither support nor refute the paper. Claims from "
    )
    assert "## depth" not in page
    assert "22.39 dB" not in page  # of the pilots, which had real faces
    assert "- The more stacked hourglasses, the better: no PSNR, dB, of ours_s1, ours_s2, ours_s3." in page
    assert "Not measured: CBN, Ma et al., Ours‡, SRGAN, TDAE, VDSR." in page
    places = [
        page.index(f"\n{part}") for part in ("| Section | Claim |", "Not judged:", "## best_psnr", "## How it is")
    ]
    assert places == sorted(places)
    psnr = [results.seed_grid(known.rows[run], "psnr").mean() for run in ("ours_no_skip", "ours")]
    pooled, own = np.sqrt(np.mean([seeds.var(ddof=1) for seeds in psnr])), [seeds.std(ddof=1) for seeds in psnr]
    line = f"seeds of PSNR, dB: mtun pooled {pooled:.3f}, 2 d.f. (Ours† {own[0]:.3f}, Ours {own[1]:.3f})."
    assert line in page


def test_trainings_of_another_precision_are_a_confound(toy: config.Experiment) -> None:
    toy.run("ours").provenance(1).write_text(json.dumps({"precision": "bfloat16"}))
    by_id = {claim["id"]: claim for claim in claims.judge(Results(toy), loader(Results(toy)))}
    assert by_id["skip_connection"]["confounds"][-1] == "Trained in float32, except bfloat16: ours, seed 1."
    assert by_id["retraining_tdae"]["confounds"][1:] == []


def test_errors_by_face_are_judged_like_scores(toy: config.Experiment) -> None:
    for name, error in (("ours", 1.0), ("ours_no_skip", 3.0)):
        noisy = error + RNG.normal(0, 0.1, 24)
        rewrite(toy, name, lambda table, e=noisy: table.assign(rotation_degrees=e))
    claim = HEAD | {"measure": "rotation_degrees", "better": "ours", "than": "ours_no_skip", "negligible": 0.1}
    found = claims.judge_claim(claim, loader(Results(toy)))
    assert found["tests"][0]["effect"] == pytest.approx(2, abs=0.1)  # less error is better
    assert (found["direction"], found["plan"], found["variants"]) == (CONFIRMED, "yes", [])
    assert claims.judge_claim(claim | {"measure": "peak_px"}, loader(Results(toy)))["tests"] == []
