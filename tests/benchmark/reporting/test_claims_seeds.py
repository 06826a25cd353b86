"""What claims know of the variance between seeds: kinds of runs, pooling, shared trunks."""

from pathlib import Path

import experiments
import pandas as pd
import pytest
from judging import EACH, HEAD, judged, of_mtun, run

from benchmark import config
from benchmark.reporting import claims, claims_page, results
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Scores
from benchmark.scoring.verdicts import CONFIRMED, REFUTED, UNDECIDED
from datasets.face import BadInput


def test_one_seed_borrows_the_variance_of_other_runs_of_its_kind_alone() -> None:
    values = {"a": run(20.3, 1), "b": run(20, 1), "c": run(21, 3, 0.02), "d": run(18, 2, 0.02)}
    kinds = {"a": "mtun", "b": "mtun", "c": "mtun", "d": "tdae"}
    scores = Scores(values, EACH, kinds)
    assert judged(scores, better="a", than="b")["direction"] == CONFIRMED
    assert {kind: list(known.runs) for kind, known in scores.by_kind.items()} == {"mtun": ["c"], "tdae": ["d"]}
    found = judged(Scores(values, EACH, kinds | {"c": "mtun without L_U"}), better="a", than="b")
    assert (found["direction"], found["reason"]) == (UNDECIDED, "one seed of a, b")


def test_runs_whose_variances_differ_are_not_pooled() -> None:
    values = {"a": run(20.3, 3, 0.001), "b": run(20, 3, 0.001), "c": run(21, 3, 2.0), "d": run(18, 1)}
    scores = of_mtun(**values)
    assert not scores.by_kind["mtun"].equal
    assert judged(scores, better="a", than="b")["direction"] == CONFIRMED  # by their own seeds
    assert judged(scores, better="c", than="b")["direction"] == UNDECIDED
    assert judged(scores, better="a", than="d")["reason"] == "one seed of d"  # none may be borrowed


def test_runs_that_share_trunks_are_compared_trunk_by_trunk() -> None:
    trunks = {"a": ["x", "y", "z"], "b": ["y", "z"], "c": ["x", "other"], "d": [None, None]}
    of_trunk = {"x": 0.0, "y": 0.5, "z": -0.4, "other": 0.1}
    values = {
        name: run(20 + (name == "a"), len(trunks[name]), 0) + [of_trunk[t] for t in trunks[name]] for name in "abc"
    }
    scores = Scores(values, EACH, dict.fromkeys("abcd", "mtun"), trunks)
    found = judged(scores, better="a", than="b")
    (test,) = found["tests"]
    assert (test["seeds"], test["paired"], test["dof"], found["direction"]) == ((2, 2), True, 1, CONFIRMED)
    assert test["effect"] == pytest.approx(values["a"][:, 1:].mean() - values["b"].mean())
    assert judged(scores, better="a", than="c")["tests"][0]["seeds"] == (1, 1)
    apart = Scores(values, EACH, {"a": "mtun", "b": "mtun without L_U"}, trunks)
    assert not judged(apart, better="a", than="b")["tests"][0]["paired"]
    claim = claims.judge_claim(HEAD | {"better": "a", "than": "b"}, lambda _: scores)
    assert claims_page.cells(claim["tests"][0], "psnr")[5] == "400; 2 paired; 1.0"


def test_trunks_are_known_by_the_trainings_records(known: Results) -> None:
    first, second = known.summaries["ours"]["training"]
    first["trunk"], second["trunk"] = "abc", None
    assert known.trunks["ours"] == {0: ("abc", 0), 1: None}
    assert known.trunks["bicubic"] == {0: None}


def test_one_seed_everywhere_leaves_trained_networks_undecided_and_says_so() -> None:
    values = {"a": run(25, 1), "b": run(20, 1), "bicubic": run(19, 1), "ma": run(21, 1)}
    scores = Scores(values, EACH, {"a": "mtun", "b": "tdae"})
    for better, than, trained in (("a", "b", "a, b"), ("a", "bicubic", "a"), ("bicubic", "b", "b")):
        found = judged(scores, better=better, than=than, by=5.0)
        assert (found["direction"], found["size"]) == (UNDECIDED, UNDECIDED)
        assert found["reason"] == f"one seed of {trained}"
        assert found["tests"][0]["p_none"] is None
    assert judged(scores, better="ma", than="bicubic")["direction"] == CONFIRMED
    assert judged(scores, better="bicubic", than="ma")["direction"] == REFUTED


def test_kinds_are_of_trained_runs_by_method_recipe_and_adversary(toy: config.Experiment) -> None:
    measured = {"tdae_retrained": "tdae", "ours_no_skip": "mtun", "ours": "mtun"}
    assert Results(toy).kinds == measured
    items = {
        "plain": {"method": "mtun", "adversarial": False},
        "as_published": {"method": "mtun", "recipe": "paper"},
        "theirs": {"method": "images"},  # a method of its own
        "enlarged": {"method": "images", "trained": False},
        "elsewhere": {"method": "foreign"},
    }
    experiments.change(Path(), runs=items)
    more = {"plain": "mtun without L_U", "as_published": "mtun, recipe paper", "theirs": "theirs"}
    assert Results(config.load()).kinds == measured | more | {"elsewhere": "foreign"}


def test_trunks_that_many_runs_share_are_seen_once() -> None:
    """Five runs over the same three trunks: against another kind of run they have two degrees of freedom, not ten."""
    values = {f"a{i}": run(20, 3, 0.3) for i in range(5)} | {"b": run(10, 1)}
    shared = Scores(values, EACH, {name: "mtun" for name in values if name != "b"}, {f"a{i}": "xyz" for i in range(5)})
    assert judged(shared, better="a0", than="b")["tests"][0]["dof"] == pytest.approx(2)
    apart = Scores(values, EACH, shared.kinds)
    assert judged(apart, better="a0", than="b")["tests"][0]["dof"] == pytest.approx(10)


def test_a_seed_without_a_measure_is_left_out_and_a_face_without_one_refused(toy: config.Experiment) -> None:
    path = toy.run("ours").metrics.with_suffix(".csv")
    rows = pd.read_csv(path, dtype={"name": str})
    rows["peak_px"] = rows["seed"].map({0: 1.5})  # the other seeds were scored before there was such a column
    rows.to_csv(path, index=False)
    tables = Results(toy).tables("peak_px")
    assert results.by_face({"ours": tables["ours"]}, "peak_px")["ours"].tolist() == [1.5] * 12
    rows.loc[0, "peak_px"] = None
    rows.to_csv(path, index=False)
    with pytest.raises(BadInput, match="not every seed has a peak_px"):
        results.by_face(Results(toy).tables("peak_px"), "peak_px")
