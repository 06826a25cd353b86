"""The paper's claims as tests on measured numbers: reference/claims.yaml to claims.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import yaml

from benchmark import cli
from benchmark.reference import label_of, paper
from benchmark.reporting.findings import ONE_SEED, Finding, Pair, estimate
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Load, Scores
from benchmark.reporting.tables import MEASURES
from benchmark.runs.provenance import read_json
from benchmark.scoring import verdicts
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.statistics import CONFIDENCE
from benchmark.scoring.verdicts import DIRECTIONS, NO_MARGIN, SIZES, UNDECIDED
from datasets.face import BadInput

CLAIMS = Path(__file__).parents[1] / "reference" / "claims.yaml"
KEYS = {"id", "says", "section", "quote", "measure"}
FORMS = ({"order"}, {"better", "than"}, {"better", "than_best_of"})
OPTIONAL = {"by", "yaw", "recipe", "negligible", "confounds"}
BLACK = 20  # % of a face: such faces are left out for comparison
OWN_MEASURES = {"distance", "nme", "vgg"}  # the suite's own, of "visually pleasing"
TEXT, TABLES, OWN, YOURS = "the paper's text", "its tables alone", "the suite's own measures", "your own list"
LATER = "later papers' abstracts"


def read(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims of a YAML file, their confounds as text.

    Raises:
        BadInput: if a claim lacks what its test needs, or has a key, form or measure that is not known.
    """
    content = yaml.safe_load(path.read_text())
    for claim in content["claims"]:
        name = claim.get("id", claim)
        if missing := KEYS - set(claim):
            raise BadInput(f"{path}: claim {name} lacks {', '.join(sorted(missing))}")
        if unknown := set(claim) - KEYS - set().union(*FORMS) - OPTIONAL:
            raise BadInput(f"{path}: claim {name} has unknown {', '.join(sorted(unknown))}")
        if set(claim) & set().union(*FORMS) not in FORMS:
            raise BadInput(f"{path}: claim {name} needs either `order` or `better` and `than` or `than_best_of`")
        if claim["measure"] not in MEASURES:
            raise BadInput(f"{path}: claim {name} has measure {claim['measure']}; known are {', '.join(MEASURES)}")
        texts = content.get("confounds", {})
        claim["confounds"] = [texts.get(name, name).strip() for name in claim.get("confounds", [])]
    return content["claims"]


def not_judged(path: Path = CLAIMS) -> list[dict[str, str]]:
    """What the paper says and the suite cannot judge, each with its section and the reason."""
    return yaml.safe_load(path.read_text()).get("not_judged", [])


def pairs_of(claim: Mapping[str, Any], bins: Iterable[str] = (), usual: str = "") -> list[Pair]:
    """The comparisons of a claim. bins: all of |yaw|. usual: the experiment's own recipe."""
    if "order" in claim:
        tiers = [[tier] if isinstance(tier, str) else tier for tier in claim["order"]]
        names = [pair for above, below in pairwise(tiers) for pair in product(above, below)]
    elif "than_best_of" in claim:
        names = [(claim["better"], other) for other in claim["than_best_of"]]
    else:
        better, than = ([v] if isinstance(v, str) else v for v in (claim["better"], claim["than"]))
        names = list(zip(better, than, strict=True))
    if largest := claim.get("yaw"):
        others = set(bins) - {largest} if largest in bins else set()
        return [Pair(*pair, None, (largest, other)) for pair in names for other in sorted(others)]
    prefix = f"{claim['recipe']}_" if claim.get("recipe", usual) != usual else ""
    return [Pair(prefix + a, prefix + b, _paper_margin(claim["measure"], a, b)) for a, b in names]


def _paper_margin(measure: str, better: str, than: str) -> float | None:
    """The paper's margin; it does not say which SSIM is its own, so that SSIM on Y is compared with it too."""
    scores, column = paper(), measure.removesuffix("_y")
    known = scores[column].to_dict() if column in scores else {}
    return round(known[better] - known[than], 2) if {better, than} <= set(known) else None


def margins_of(claim: Mapping[str, Any], pairs: list[Pair]) -> list[float] | None:
    """The margin that the claim's size is compared with, by pair; None where it claims none.

    An order claims no size. The best of many is claimed to be passed by the least margin of the table.
    """
    if "by" in claim:
        return [float(claim["by"])] * len(pairs)
    numbers = [pair.paper for pair in pairs if pair.paper is not None]
    if "order" in claim or not numbers or len(numbers) < len(pairs):
        return None
    return [min(numbers)] * len(pairs) if "than_best_of" in claim else numbers


def answer(claim: Mapping[str, Any], scores: Scores, usual: str = "") -> dict[str, Any]:
    """Both answers to a claim, its margin, and the findings of its pairs, from the scores in one measure."""
    pairs = pairs_of(claim, () if scores.yaw_bin is None else set(scores.yaw_bin), usual)
    found = [estimate(pair, scores, MEASURES[claim["measure"]].lower) for pair in pairs]
    tested, margins = [finding for finding in found if finding], margins_of(claim, pairs)
    wanted = [margin for margin, finding in zip(margins or [], found, strict=bool(margins)) if finding]
    sides = verdicts.directions([f.effect for f in tested], [f.p_none for f in tested])
    direction = verdicts.direction(sides, complete=len(tested) == len(pairs))
    trained = {
        run: None  # in the order of the pairs; of one seed, and none borrowed
        for f in tested
        for run, seeds in zip((f.pair.better, f.pair.than), f.seeds, strict=True)
        if f.reason and seeds == 1 and run in scores.kinds
    }
    best = min(tested, key=lambda f: f.effect).pair.than if tested and "than_best_of" in claim else None
    return {
        "direction": direction,
        "size": NO_MARGIN if margins is None else _size(tested, wanted, complete=len(tested) == len(pairs)),
        "margins": margins,
        "reason": f"{ONE_SEED} of {', '.join(map(label_of, trained))}" if trained and direction == UNDECIDED else "",
        "missing": sorted({run for pair in pairs for run in (pair.better, pair.than)} - set(scores.values)),
        "best_other": best,
        "tests": [_test(finding, side) for finding, side in zip(tested, sides, strict=True)],
    }


def _size(tested: list[Finding], margins: list[float], complete: bool = True) -> str:
    p = [finding.p_of(margin) for finding, margin in zip(tested, margins, strict=True)]
    return verdicts.size([f.effect for f in tested], margins, p, [f.p_of(0, rounding=0) for f in tested], complete)


def _test(finding: Finding, direction: str) -> dict[str, Any]:
    """A finding as claims.json has it, with both answers on this pair."""
    pair, margin = finding.pair, finding.pair.paper
    size = NO_MARGIN if margin is None else _size([finding], [margin])
    keys = ("effect", "low", "high", "p_none", "dof", "faces", "seeds", "paired", "reason")
    head = {"better": pair.better, "than": pair.than, "bins": pair.bins, "paper": margin}
    predicted = (None, None) if finding.predicted is None else finding.predicted.interval
    answers = {"direction": direction, "size": size}
    return head | answers | {key: getattr(finding, key) for key in keys} | {"predicted": predicted}


def judge_claim(claim: Mapping[str, Any], load: Load, usual: str = "") -> dict[str, Any]:
    """A claim with both answers, and how they change on the other channel and without faces that are largely black."""
    found, variants, plan = answer(claim, load(claim["measure"]), usual), [], None
    head = {key: str(claim[key]) for key in ("id", "says", "section", "quote", "measure")}
    head |= {"place": place(claim), "confounds": claim.get("confounds", [])}
    for names, scores in _variants(claim["measure"], load) if found["tests"] else []:
        other = answer(claim, scores, usual)
        changes = any(other[key] != found[key] for key in ("direction", "size"))
        variants.append(names | {"changes": changes} | {key: other[key] for key in ("direction", "size", "tests")})
    if "negligible" in claim and found["tests"] and not found["reason"]:
        (test,) = found["tests"]
        plan = verdicts.plan_answer(test["low"], test["high"], claim["negligible"])
    return head | found | {"variants": variants, "plan": plan}


def _variants(measure: str, load: Load) -> list[tuple[dict[str, str], Scores]]:
    """The same measure on the other channel, and without faces that are black over more than BLACK %, with names."""
    if measure not in COLUMNS:
        return []
    on_y = measure.endswith("_y")
    other = measure.removesuffix("_y") if on_y else f"{measure}_y"
    channel = "RGB" if on_y else "Y"
    found = [({"title": f"on {channel}", "short": channel, "measure": other}, load(other))]
    scores = load(measure)
    if scores.black is not None and (dark := scores.black > BLACK).any() and not dark.all():
        title = f"without the {dark.sum()} faces that are over {BLACK} % black"
        found.append(({"title": title, "short": "black borders", "measure": measure}, scores.of_faces(~dark)))
    return found


def judge(results: Results, load: Load, path: Path = CLAIMS) -> list[dict[str, Any]]:
    """Every claim with both answers, in the order of the file; unmeasured ones have no tests."""
    usual = results.experiment.training.recipe
    judged = [judge_claim(claim, load, usual) for claim in read(path)]
    for claim in judged:
        claim["confounds"] = claim["confounds"] + _precisions(results, claim)
    return judged


def _precisions(results: Results, claim: dict[str, Any]) -> list[str]:
    """A sentence where the claim's trainings differ in precision, from their provenance."""
    found: dict[str, set[str]] = {}
    runs = {run for test in claim["tests"] for run in (test["better"], test["than"]) if run in results.experiment.runs}
    for run in map(results.experiment.run, sorted(runs)):
        for seed in run.seeds:
            if precision := read_json(run.provenance(seed)).get("precision"):
                found.setdefault(precision, set()).add(f"{run.name}, seed {seed}")
    if len(found) < 2:
        return []
    usual = max(found, key=lambda precision: len(found[precision]))
    rest = "; ".join(f"{p}: {', '.join(sorted(names))}" for p, names in found.items() if p != usual)
    return [f"Trained in {usual}, except {rest}."]


def place(claim: Mapping[str, Any]) -> str:
    """Whose claim it is: the paper's text's, its tables', the suite's own measures', a later paper's, or the user's."""
    section = str(claim["section"])
    if section.endswith("abstract"):
        return LATER
    if claim["measure"] in OWN_MEASURES:
        return OWN
    if section[0].isdigit():
        return TEXT
    return TABLES if section.startswith("Table") else YOURS


def count(judged: Iterable[Mapping[str, Any]], key: str = "direction") -> dict[str, int]:
    """How many measured claims have each answer; `key` is direction or size."""
    found = [claim[key] for claim in judged if claim["tests"]]
    return {answer: found.count(answer) for answer in (DIRECTIONS if key == "direction" else SIZES)}


def write(judged: list[dict[str, Any]], results: Results, folder: Path, load: Load) -> None:
    """Write claims.json: the judged claims, their counts, and the variances between seeds that they rest on."""
    between = {
        measure: {kind: asdict(known) for kind, known in load(measure).by_kind.items() if known.seeds}
        for measure in dict.fromkeys(claim["measure"] for claim in judged)
    }
    head = {"experiment": results.experiment.name, "drawn": results.synthetic, "confidence": CONFIDENCE}
    counts = {"directions": count(judged), "sizes": count(judged, "size")}
    missing = [claim["id"] for claim in judged if not claim["tests"]]
    content = head | counts | {"not_measured": missing, "seeds": between, "claims": judged}
    # To six decimals, so that the file is the same wherever the last bits of a mean differ.
    rounded = json.loads(json.dumps(content), parse_float=lambda text: round(float(text), 6))
    cli.write_text(folder / "claims.json", json.dumps(rounded, indent=1, ensure_ascii=False) + "\n")
