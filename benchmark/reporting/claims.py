"""The paper's claims as tests on measured numbers: reference/claims.yaml to claims.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from benchmark import cli, config
from benchmark.reporting import measurements
from benchmark.reporting.findings import UNMEASURED, Pair, Scores, examine
from benchmark.scoring.paired import Spread
from benchmark.scoring.statistics import CONFIDENCE
from benchmark.scoring.verdicts import OPEN, VERDICTS, overall
from datasets.face import BadInput

CLAIMS = Path(__file__).parents[1] / "reference" / "claims.yaml"
KEYS = {"id", "says", "section", "quote", "measure"}
FORMS = ({"order"}, {"better", "than"}, {"better", "than_best_of"})


def read(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims of a YAML file; BadInput for one without what the test needs."""
    claims = yaml.safe_load(path.read_text())["claims"]
    for claim in claims:
        name = claim.get("id", claim)
        if missing := KEYS - set(claim):
            raise BadInput(f"{path}: claim {name} lacks {', '.join(sorted(missing))}")
        if unknown := set(claim) - KEYS - set().union(*FORMS) - {"by", "lower", "beware"}:
            raise BadInput(f"{path}: claim {name} has unknown {', '.join(sorted(unknown))}")
        if set(claim) & set().union(*FORMS) not in FORMS:
            raise BadInput(f"{path}: claim {name} needs either `order` or `better` and `than` or `than_best_of`")
    return claims


def pairs_of(claim: dict[str, Any]) -> list[Pair]:
    """The comparisons of a claim. One `better` stands against every `than`; two lists are taken in step.

    Each of many, of which the best is claimed to be surpassed, is asked for the paper's margin over the best of its
    table, or for the one that the text names.
    """
    measure = claim["measure"]
    if "order" in claim:
        names = list(pairwise(claim["order"]))
    elif "than_best_of" in claim:
        names = [(claim["better"], other) for other in claim["than_best_of"]]
    else:
        better, than = ([v] if isinstance(v, str) else v for v in (claim["better"], claim["than"]))
        names = list(zip(better * len(than) if len(better) == 1 else better, than, strict=True))
    margins = asked = [_paper_margin(measure, *pair) for pair in names]
    if "by" in claim:
        asked = [claim["by"]] * len(names)
    elif "than_best_of" in claim:
        asked = [min((m for m in margins if m is not None), default=None)] * len(names)
    own = [None if margin == wanted else margin for margin, wanted in zip(margins, asked, strict=True)]
    return [Pair(*pair, wanted, margin) for pair, wanted, margin in zip(names, asked, own, strict=True)]


def _paper_margin(measure: str, better: str, than: str) -> float | None:
    paper = measurements.paper()
    known = paper[measure].to_dict() if measure in paper else {}
    return round(known[better] - known[than], 2) if {better, than} <= set(known) else None


def judge_claim(claim: dict[str, Any], scores: Scores) -> dict[str, Any]:
    """A claim with its verdict, the reason that all pairs of this verdict share, if any, and the pairs' findings.

    best_other: of a claim against the best of many, the best as measured; None elsewhere.
    """
    findings = examine(pairs_of(claim), scores, claim.get("lower", False))
    total = overall([finding.verdict for finding in findings])
    reasons = {finding.reason.split(":")[0] for finding in findings if finding.verdict == total}
    head = {key: str(claim[key]) for key in ("id", "says", "section", "quote", "measure")}
    reason = "" if "" in reasons else ", ".join(sorted(reasons))
    effects = {finding.than: finding.effect for finding in findings if finding.effect is not None}
    best = min(effects, key=effects.__getitem__) if effects and "than_best_of" in claim else None
    tests = [asdict(finding) for finding in findings]
    rest = {"beware": claim.get("beware", ""), "best_other": best, "tests": tests}
    return head | {"verdict": total, "reason": reason} | rest


def judge(experiment: config.Experiment, path: Path = CLAIMS) -> list[dict[str, Any]]:
    """Every claim with its verdict and the findings of its pairs, in the order of the file."""
    claims = read(path)
    scores = {measure: Scores.load(experiment, measure) for measure in {claim["measure"] for claim in claims}}
    return [judge_claim(claim, scores[claim["measure"]]) for claim in claims]


def count(judged: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many claims have each verdict; those that are open since a run is missing are counted apart."""
    found = [UNMEASURED if unmeasured(claim) else claim["verdict"] for claim in judged]
    return {verdict: found.count(verdict) for verdict in (*VERDICTS, UNMEASURED)}


def place(claim: dict[str, Any]) -> str:
    """Whose claim it is: the paper's text's, in a section with a number, its tables' alone, or one's own."""
    section = str(claim["section"])
    if section[0].isdigit():
        return "its text"
    return "its tables alone" if section.startswith("Table") else "your own"


def unmeasured(claim: dict[str, Any]) -> bool:
    """Whether all that leaves a claim open is that runs have not been measured."""
    return claim["verdict"] == OPEN and str(claim["reason"]).startswith(UNMEASURED)


@dataclass(frozen=True)
class Between:
    """What seeds change of a measure in one kind of run: pooled, in all and beside a shared front; and by run.

    runs: the standard deviation of each that has several seeds.
    """

    seeds: Spread
    front: Spread | None
    runs: dict[str, float]


def spreads(experiment: config.Experiment, measures: Iterable[str]) -> dict[str, dict[str, Between]]:
    """By measure and kind of run: the spread between seeds that the tests go by; {} where no run has several seeds."""
    found = {measure: Scores.load(experiment, measure) for measure in measures}
    return {
        measure: {
            kind: Between(known, scores.left[kind], {run: scores.deviation(run) for run in scores.several[kind]})
            for kind, known in scores.spreads.items()
            if known
        }
        for measure, scores in found.items()
    }


def write(judged: list[dict[str, Any]], experiment: config.Experiment, folder: Path) -> None:
    """Write claims.json: the judged claims of the experiment, their count by verdict, and what they rest on."""
    rests = spreads(experiment, dict.fromkeys(claim["measure"] for claim in judged))
    between = {measure: {kind: asdict(known) for kind, known in found.items()} for measure, found in rests.items()}
    head = {"experiment": experiment.name, "drawn": measurements.drawn(experiment), "confidence": CONFIDENCE}
    content = head | {"verdicts": count(judged), "seeds": between, "claims": judged}
    with cli.whole_file(folder / "claims.json") as part:
        part.write_text(json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    """Floats to six decimals, so that the file is the same wherever the last bits of a mean differ."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
