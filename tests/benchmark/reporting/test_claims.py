"""Claims: pairs and margins, seeds that are borrowed, the best of the others, and the files of an experiment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import config
from benchmark.reporting import claims, claims_page, findings, measurements, tables
from benchmark.reporting.findings import Pair, Scores
from benchmark.scoring.verdicts import CONTRADICTED, NOT_REPRODUCED, OPEN, REPRODUCED, SMALLER
from datasets.face import BadInput

RNG = np.random.default_rng(3)
FACES = 400
EACH = np.arange(FACES)  # whose face each is: somebody else's


def run(mean: float, seeds: int = 3, between: float = 0.05) -> np.ndarray:
    """Scores (FACES, seeds) about `mean`: seeds an even `between` apart, faces alike in all runs but for noise."""
    face = np.random.default_rng(0).normal(0, 3, (FACES, 1))
    return mean + face + between * (np.arange(seeds) - (seeds - 1) / 2) + RNG.normal(0, 0.3, (FACES, seeds))


def examine(pair: Pair, scores: Scores, lower: bool = False) -> findings.Finding:
    (found,) = findings.examine([pair], scores, lower)
    return found


def of_mtun(**values: np.ndarray) -> Scores:
    """Scores of runs that are all trained by one method."""
    return Scores(values, EACH, dict.fromkeys(values, "mtun"))


def test_direction_and_size_are_both_asked() -> None:
    scores = of_mtun(a=run(20.5), b=run(20))
    found = [examine(Pair("a", "b", paper), scores) for paper in (0.5, 1.75, 0.1, None)]
    assert [(f.verdict, f.reason) for f in found] == [
        (REPRODUCED, ""),
        (SMALLER, ""),
        (REPRODUCED, "larger than claimed"),
        (REPRODUCED, ""),
    ]
    assert (found[0].faces, found[0].seeds) == (FACES, (3, 3))
    assert examine(Pair("b", "a", 0.5), scores).verdict == CONTRADICTED
    assert examine(Pair("b", "a", 0.5), scores, lower=True).verdict == REPRODUCED


def test_nothing_seen_where_much_was_claimed_is_not_reproduced() -> None:
    found = examine(Pair("a", "b", 1.80), of_mtun(a=run(20.01), b=run(20)))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high < 0.3
    assert found.verdict == NOT_REPRODUCED


def test_a_margin_is_known_to_the_papers_decimals() -> None:
    # 0.69 - 0.66 may be 0.02: an effect of 0.0205 does not fall short of it.
    ssim = RNG.normal(0.66, 0.05, (FACES, 1))
    scores = Scores({"a": ssim + RNG.normal(0.0205, 0.001, (FACES, 1)), "b": ssim}, EACH, {})
    assert examine(Pair("a", "b", 0.03), scores).verdict == REPRODUCED
    assert examine(Pair("a", "b", 0.04), scores).verdict == SMALLER


def test_one_seed_borrows_the_spread_of_other_runs_of_its_kind_alone() -> None:
    values = {"a": run(20.3, 1), "b": run(20, 1), "c": run(21, 3, 0.02), "d": run(18, 2, 0.02)}
    kinds = {"a": "mtun", "b": "mtun", "c": "mtun", "d": "tdae"}
    scores = Scores(values, EACH, kinds)
    assert examine(Pair("a", "b", 0.3), scores).verdict == REPRODUCED
    assert scores.several == {"mtun": ["c"], "tdae": ["d"]}
    found = examine(Pair("a", "b", 0.3), Scores(values, EACH, kinds | {"c": "mtun without L_U"}))
    assert (found.verdict, found.reason) == (OPEN, "one seed")


def test_runs_that_share_fronts_are_compared_front_by_front() -> None:
    fronts = {"a": ["x", "y", "z"], "b": ["y", "z"], "c": ["x", "other"], "d": [None, None]}
    of_front = {"x": 0.0, "y": 0.5, "z": -0.4, "other": 0.1, None: 0.0}
    values = {
        name: run(20 + (name == "a"), len(seeds), 0) + [of_front[seed] for seed in seeds]
        for name, seeds in fronts.items()
    }
    scores = Scores(values, EACH, dict.fromkeys("abcd", "mtun"), fronts)
    found = examine(Pair("a", "b", None), scores)
    assert (found.seeds, found.paired, found.dof, found.verdict) == ((2, 2), True, 1, REPRODUCED)
    assert found.effect == pytest.approx(values["a"][:, 1:].mean() - values["b"].mean())
    assert examine(Pair("a", "c", None), scores).seeds == (1, 1)
    claim = {"id": "x", "says": "s", "section": "4", "quote": "q", "measure": "psnr", "better": "a", "than": "b"}
    assert claims_page.compared({"small": [claims.judge_claim(claim, scores)]}).endswith("], 2 paired seeds, 1 d.f. |")
    alone = examine(Pair("a", "d", None), scores)
    assert (alone.seeds, alone.paired, alone.verdict) == ((3, 2), False, OPEN)
    apart = Scores(values, EACH, {"a": "mtun", "b": "mtun without L_U"}, fronts)
    assert not examine(Pair("a", "b", None), apart).paired


def test_fronts_are_told_by_their_losses(toy: config.Experiment) -> None:
    def write(run: str, seed: int, *rows: str) -> None:
        path = toy.run(run).log(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(rows) + "\n")

    front = ["front,1,,0.25,", "front,2,,0.125,"]
    write("ours", 0, "phase,epoch,val_psnr,L_w,L_h", *front, "mtun,1,20.5,,0.3")
    write("ours", 1, "phase,epoch,val_psnr,L_w,L_h", front[0], "front,2,,0.124,", "mtun,1,20.5,,0.3")
    write("ours_no_skip", 0, "phase,epoch,val_psnr,L_w", *(row[:-1] for row in front), "mtun,1,20.1,")  # no L_h
    first, second, third = measurements.fronts(toy.run("ours"), [0, 1, 2])
    assert first
    assert second
    assert first != second
    assert third is None
    assert measurements.fronts(toy.run("ours_no_skip"), [0]) == [first]


def test_a_claim_that_an_older_report_lacks_is_a_dash(toy: config.Experiment) -> None:
    judged = claims.judge(toy)
    table = claims_page.compared({"old": judged[1:], "new": judged}).splitlines()
    assert len(table) == 2 + len(judged)
    (first,) = [line for line in table if line.startswith(f"| {judged[0]['says']} |")]
    assert first.split("|")[3].strip() == "–"
    assert f"**{judged[0]['verdict']}" in first.split("|")[4]


def test_a_claim_of_ones_own_is_counted_apart(toy: config.Experiment) -> None:
    judged = claims.judge(toy)
    own = {**judged[0], "id": "own", "section": "ours to show"}
    before, after = claims_page.summary(judged, toy), claims_page.summary([*judged, own], toy)
    assert after == f"{before}; of your own 1 {judged[0]['verdict']}"


def test_words_of_the_paper_are_counted_apart_from_its_tables(toy: config.Experiment) -> None:
    judged = claims.judge(toy)
    summary = claims_page.summary(judged, toy)
    words, tables_alone = summary.split("of its text ")[1].split("; of its tables alone ")
    assert sum(int(n) for n in re.findall(r"\d+", words)) == sum(c["section"][0].isdigit() for c in judged)
    assert sum(int(n) for n in re.findall(r"\d+", tables_alone)) == sum(c["section"][0] == "T" for c in judged)


def test_what_trains_with_an_adversary_is_of_another_kind(toy: config.Experiment) -> None:
    toy.runs["plain"] = {"method": "mtun", "adversarial": False}
    kinds = measurements.trained(toy)
    assert (kinds["ours"], kinds["plain"]) == ("mtun", "mtun without L_U")


def test_faces_of_few_people_tell_less() -> None:
    values = {"a": run(20.3), "b": run(20)}
    widths = []
    for people in (EACH, EACH // 40):
        found = examine(
            Pair("a", "b", 0.3),
            Scores({r: v + people[:, None] % 7 * (r == "a") for r, v in values.items()}, people, {}),
        )
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 3 * widths[0]
    alone = Scores(values, np.zeros(FACES), {})
    assert examine(Pair("a", "b", 0.3), alone).reason == "one person's faces have no interval"


def test_one_seed_everywhere_leaves_trained_networks_open_and_says_so() -> None:
    values = {"a": run(25, 1), "b": run(20, 1), "bicubic": run(19, 1), "ma": run(21, 1)}
    scores = Scores(values, EACH, {"a": "mtun", "b": "tdae"})
    for pair in (Pair("a", "b", 5.0), Pair("a", "bicubic", 6.0), Pair("bicubic", "b", None)):
        found = examine(pair, scores)
        assert (found.verdict, found.reason, found.p_none) == (OPEN, "one seed", None)
        assert found.effect is not None
    assert examine(Pair("ma", "bicubic", 2.0), scores).verdict == REPRODUCED
    assert examine(Pair("bicubic", "ma", 0.17), scores).verdict == CONTRADICTED


def test_the_second_best_is_the_one_that_is_measured() -> None:
    # As the paper has it, TDAE† comes second; here Ma's method does, and is first.
    claim = next(claim for claim in claims.read() if claim["id"] == "second_best")
    means = {"bicubic": 19, "vdsr": 19, "srgan": 20.7, "cbn": 21, "tdae": 18, "tdae_retrained": 16.6, "ours": 21.2}
    values = {name: run(mean, 3, 0.005) for name, mean in means.items()}
    kinds = {name: name for name in means if name != "bicubic"}
    judged = claims.judge_claim(claim, Scores(values | {"ma": run(21.9, 1)}, EACH, kinds))
    assert (judged["best_other"], judged["verdict"]) == ("ma", CONTRADICTED)
    over = {test["than"]: test["verdict"] for test in judged["tests"]}
    assert (over["tdae_retrained"], over["ma"]) == (REPRODUCED, CONTRADICTED)
    judged = claims.judge_claim(claim, Scores(values | {"ma": run(19.3, 1)}, EACH, kinds))
    assert (judged["best_other"], judged["verdict"]) == ("cbn", SMALLER)


def test_without_one_of_the_others_nothing_is_best() -> None:
    claim = {
        "id": "x",
        "says": "s",
        "section": "4",
        "quote": "q",
        "measure": "psnr",
        "better": "a",
        "than_best_of": ["b", "c"],
    }
    assert claims.judge_claim(claim, of_mtun(a=run(21), b=run(20)))["verdict"] == OPEN
    assert claims.judge_claim(claim, of_mtun(a=run(19), b=run(20)))["verdict"] == CONTRADICTED


def test_pairs_of_one_claim_are_corrected_for_their_number() -> None:
    names = [f"r{i}" for i in range(10)]
    scores = of_mtun(**{name: run(20 - 0.12 * i, 3, 0.04) for i, name in enumerate(names)})
    order = {"id": "x", "says": "s", "section": "4", "quote": "q", "measure": "psnr", "order": names}
    alone = [examine(pair, scores) for pair in claims.pairs_of(order)]
    together = claims.judge_claim(order, scores)["tests"]
    for one, many in zip(alone, together, strict=True):
        assert one.p_none is not None
        assert many["p_none"] >= one.p_none
        assert (one.low, one.high) == (many["low"], many["high"])
    smallest = min(range(9), key=lambda i: alone[i].p_none)
    assert together[smallest]["p_none"] == pytest.approx(9 * alone[smallest].p_none)


def test_rows_are_paired_by_name_and_not_by_place(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    before = Scores.load(toy, "psnr").values["ours"]
    pd.read_csv(path, dtype={"name": str}).sample(frac=1, random_state=0).to_csv(path, index=False)
    np.testing.assert_array_equal(Scores.load(toy, "psnr").values["ours"], before)


def test_trained_runs_are_known_by_their_method(toy: config.Experiment) -> None:
    assert measurements.trained(toy) == {"tdae_retrained": "tdae", "ours_no_skip": "mtun", "ours": "mtun"}
    toy.params["methods"]["images"] = {}
    toy.runs.update({"theirs": {"method": "images"}, "enlarged": {"method": "images", "trained": False}})
    assert set(measurements.trained(toy)) == {"tdae_retrained", "ours_no_skip", "ours", "theirs"}
    assert measurements.trained(toy)["theirs"] == "theirs"  # a method of its own
    toy.params["methods"]["foreign"] = {}
    toy.runs["elsewhere"] = {"method": "foreign"}
    assert measurements.trained(toy)["elsewhere"] == "foreign"


def test_a_missing_run_leaves_the_claim_open_and_is_named() -> None:
    found = examine(Pair("ours", "tdae", 4.27), of_mtun(ours=np.ones((3, 1))))
    assert (found.verdict, found.effect, found.reason) == (OPEN, None, "not measured: tdae")


def test_orders_become_adjacent_pairs() -> None:
    claim = {"measure": "psnr", "order": ["ours", "ours_s3", "ours_s2"]}
    assert claims.pairs_of(claim) == [Pair("ours", "ours_s3", 0.21), Pair("ours_s3", "ours_s2", 0.02)]


def test_one_against_many_and_lists_in_step() -> None:
    many = claims.pairs_of({"measure": "psnr", "better": "ours", "than": ["vdsr", "nearest"]})
    assert many == [Pair("ours", "vdsr", 4.49), Pair("ours", "nearest", None)]
    step = claims.pairs_of({"measure": "ssim", "better": ["ours_p", "ours"], "than": ["no_heb_p", "no_heb_pfu"]})
    assert step == [Pair("ours_p", "no_heb_p", 0.03), Pair("ours", "no_heb_pfu", 0.03)]


def test_stated_margins_follow_from_the_papers_tables() -> None:
    stated = [c for c in claims.read() if "by" in c]
    assert {c["by"] for c in stated} == {1.75, 0.45, 0.31}
    for claim in stated:
        without = {k: v for k, v in claim.items() if k != "by"}
        assert {p.paper for p in claims.pairs_of(without)} == {claim["by"]}


def test_every_claim_holds_in_the_papers_own_tables() -> None:
    for claim in (c for c in claims.read() if c["measure"] in tables.MEASURES):
        for pair in claims.pairs_of(claim):
            assert pair.paper is not None
            assert pair.paper > 0, (claim["id"], pair)


def test_every_run_of_the_tables_is_in_a_claim() -> None:
    used = {run for claim in claims.read() for pair in claims.pairs_of(claim) for run in (pair.better, pair.than)}
    assert used == set(measurements.paper().index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{id: a, says: s, section: '4', quote: q, measure: psnr}", "needs either `order` or"),
        ("{id: a, says: s, section: '4', quote: q, order: [ours, tdae]}", "lacks measure"),
        ("{id: a, says: s, section: '4', quote: q, measure: psnr, order: [a, b], margin: 2}", "unknown margin"),
    ],
)
def test_a_claim_that_tests_nothing_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text(f"claims:\n  - {text}\n")
    with pytest.raises(BadInput, match=message):
        claims.read(tmp_path / "claims.yaml")


def test_files_of_an_experiment(toy: config.Experiment) -> None:
    judged = claims.judge(toy)
    claims.write(judged, toy, toy.results)
    claims_page.write(judged, toy, toy.results)
    stored = json.loads((toy.results / "claims.json").read_text())
    by_id = {c["id"]: c for c in stored["claims"]}
    skip = by_id["skip_connection"]["tests"][0]
    psnr = measurements.by_face(measurements.rows(toy), "psnr").mean()
    assert skip["effect"] == pytest.approx(psnr["ours"] - psnr["ours_no_skip"], abs=1e-5)
    assert skip["low"] <= skip["effect"] <= skip["high"]
    assert (skip["faces"], skip["seeds"], skip["verdict"]) == (12, [2, 2], REPRODUCED)
    assert skip["reason"] == "larger than claimed"
    assert by_id["depth"]["verdict"] == OPEN
    assert sum(stored["verdicts"].values()) == len(stored["claims"]) == len(claims.read())
    page = (toy.results / "claims.md").read_text()
    assert "Ours over Ours†" in page
    assert "not measured: tdae" in page
    psnr = [measurements.scores(table, "psnr").mean() for run, table in measurements.rows(toy).items() if "ours" in run]
    pooled, own = np.sqrt(np.mean([seeds.var(ddof=1) for seeds in psnr])), [seeds.std(ddof=1) for seeds in psnr]
    line = f"between seeds of PSNR, pooled: mtun {pooled:.3f} dB, 1 d.f. (Ours† {own[0]:.3f}, Ours {own[1]:.3f})."
    assert line in page
    assert "pooled: ." not in page  # of the measures whose spread is not known
    assert page.startswith("On drawn faces, which neither support nor refute the paper: ")
    assert stored["drawn"]


def test_faces_that_are_no_drawings_speak_of_the_paper(toy: config.Experiment) -> None:
    toy.params["corpora"] = {"celeba": {}}
    assert claims_page.markdown(claims.judge(toy), toy).startswith("Claims of the paper: ")


def test_runs_of_different_faces_are_refused(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    table = pd.read_csv(path, dtype={"name": str})
    table[table["name"] != table["name"][0]].to_csv(path, index=False)
    with pytest.raises(BadInput, match=r"bicubic.csv has 12 faces and ours.csv other ones \(11\)"):
        claims.judge(toy)
