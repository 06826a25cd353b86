"""The paper's claims as tests on measured numbers: reference/claims.yaml to claims.json and claims.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmark import cli, config
from benchmark.reporting import measurements
from benchmark.reporting.tables import describe
from benchmark.scoring.paired import difference
from benchmark.scoring.statistics import CONFIDENCE, RESAMPLES
from datasets.face import BadInput

CLAIMS = Path(__file__).parents[1] / "reference" / "claims.yaml"
REPRODUCED, NOT_REPRODUCED, OPEN = "reproduced", "not reproduced", "open"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, OPEN)
UNITS = {"psnr": " dB", "psnr_y": " dB"}


@dataclass(frozen=True)
class Pair:
    """One comparison of a claim: `better` against `than`, and the paper's margin (None where it gives no number)."""

    better: str
    than: str
    paper: float | None


@dataclass(frozen=True)
class Finding:
    """What was measured of a pair. effect > 0 where `better` is better; None where untested, with the reason."""

    better: str
    than: str
    paper: float | None
    verdict: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    faces: int = 0
    seeds: tuple[int, int] = (0, 0)
    magnitude: str = ""
    reason: str = ""


def read(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims of a YAML file; BadInput for one without what the test needs."""
    claims = yaml.safe_load(path.read_text())["claims"]
    for claim in claims:
        name = claim.get("id", claim)
        if missing := {"id", "section", "quote", "measure"} - set(claim):
            raise BadInput(f"{path}: claim {name} lacks {', '.join(sorted(missing))}")
        if unknown := set(claim) - {"id", "section", "quote", "measure", "better", "than", "order", "by", "lower"}:
            raise BadInput(f"{path}: claim {name} has unknown {', '.join(sorted(unknown))}")
        if ("order" in claim) == ("better" in claim and "than" in claim):
            raise BadInput(f"{path}: claim {name} needs either `order` or `better` and `than`")
    return claims


def pairs_of(claim: dict[str, Any]) -> list[Pair]:
    """The comparisons of a claim. One `better` stands against every `than`; two lists are taken in step."""
    if "order" in claim:
        names = list(pairwise(claim["order"]))
    else:
        better, than = ([v] if isinstance(v, str) else v for v in (claim["better"], claim["than"]))
        names = list(zip(better * len(than) if len(better) == 1 else better, than, strict=True))
    return [Pair(a, b, claim.get("by", _paper_margin(claim["measure"], a, b))) for a, b in names]


def _paper_margin(measure: str, better: str, than: str) -> float | None:
    paper = measurements.paper()
    known = paper[measure].to_dict() if measure in paper else {}
    return round(known[better] - known[than], 2) if {better, than} <= set(known) else None


def examine(pair: Pair, measure: str, tables: dict[str, pd.DataFrame], lower: bool = False) -> Finding:
    """Test one pair on the rows of metrics/. lower: a lower `measure` is better."""
    names = (pair.better, pair.than, pair.paper)
    absent = [run for run in (pair.better, pair.than) if run not in tables]
    if absent:
        return Finding(*names, OPEN, reason=f"not measured: {', '.join(absent)}")
    a, b = (measurements.scores(tables[run], measure).to_numpy() for run in (pair.better, pair.than))
    faces, seeds = len(a), (a.shape[1], b.shape[1])
    if faces < 2:
        return Finding(*names, OPEN, faces=faces, seeds=seeds, reason="one face has no interval")
    effect = difference(b, a) if lower else difference(a, b)
    low, high = effect.low, effect.high
    return Finding(*names, verdict(low, high), effect.mean, low, high, faces, seeds, magnitude(pair.paper, low, high))


def verdict(low: float, high: float) -> str:
    """What the interval of "better minus than" says of the direction."""
    if low > 0:
        return REPRODUCED
    return NOT_REPRODUCED if high < 0 else OPEN


def magnitude(paper: float | None, low: float, high: float) -> str:
    """Where the paper's margin lies, seen from the interval."""
    if paper is None:
        return ""
    if paper > high:
        return "above the interval"
    return "below the interval" if paper < low else "within the interval"


def overall(verdicts: list[str]) -> str:
    """The verdict of a claim from those of its pairs."""
    if NOT_REPRODUCED in verdicts:
        return NOT_REPRODUCED
    return OPEN if OPEN in verdicts else REPRODUCED


def judge(experiment: config.Experiment, path: Path = CLAIMS) -> list[dict[str, Any]]:
    """Every claim with its verdict and the findings of its pairs, in the order of the file."""
    tables = measurements.rows(experiment)
    judged = []
    for claim in read(path):
        pairs, measure = pairs_of(claim), claim["measure"]
        findings = [examine(pair, measure, tables, claim.get("lower", False)) for pair in pairs]
        head = {key: str(claim[key]) for key in ("id", "section", "quote", "measure")}
        total = overall([finding.verdict for finding in findings])
        judged.append(head | {"verdict": total, "tests": [asdict(finding) for finding in findings]})
    return judged


def write(judged: list[dict[str, Any]], experiment: config.Experiment, folder: Path) -> None:
    """Write claims.json (the judged claims of the experiment, and their count by verdict) and claims.md."""
    counts = {v: sum(claim["verdict"] == v for claim in judged) for v in VERDICTS}
    head = {"experiment": experiment.name, "confidence": CONFIDENCE, "resamples": RESAMPLES, "verdicts": counts}
    with cli.whole_file(folder / "claims.json") as part:
        part.write_text(json.dumps(_rounded(head | {"claims": judged}), indent=1, ensure_ascii=False) + "\n")
    with cli.whole_file(folder / "claims.md") as part:
        part.write_text(markdown(judged, f"{experiment.name} ({describe(experiment)})"))


def _rounded(value: Any) -> Any:
    """Floats to six decimals, so that the file is the same wherever the last bits of a mean differ."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def markdown(judged: list[dict[str, Any]], experiment: str) -> str:
    """The claims as a page: a count, a table of verdicts, and below it every pair's numbers."""
    count = ", ".join(f"{sum(c['verdict'] == v for c in judged)} {v}" for v in VERDICTS)
    lines = [f"Claims of the paper on experiment {experiment}: {count}.", ""]
    lines += ["| Section | Claim | Measure | Verdict |", "|:--|:--|:--|:--|"]
    lines += [f"| {c['section']} | {c['quote']} | {c['measure'].upper()} | **{c['verdict']}** |" for c in judged]
    for claim in judged:
        lines += ["", f"## {claim['id']}", "", f"> {claim['quote']} ({_where(claim['section'])})", ""]
        lines += [
            f"| {claim['measure'].upper()} | Paper | Measured [95 %] | Faces, seeds | Paper's figure | Verdict |",
            "|:--|--:|--:|--:|:--|:--|",
        ]
        lines += ["| " + " | ".join(cells(test, claim["measure"])) + " |" for test in claim["tests"]]
    return "\n".join(lines) + "\n"


def _where(section: str) -> str:
    return f"section {section}" if section[0].isdigit() else section


def cells(test: dict[str, Any], measure: str) -> list[str]:
    """A finding as the texts of a table's row: test, paper, measured, faces and seeds, magnitude, verdict."""
    names = measurements.paper_labels()
    unit, digits = UNITS.get(measure, ""), 2 if measure in UNITS else 3
    paper = "–" if test["paper"] is None else f"{test['paper']:+.2f}{unit}"
    title = f"{names.get(test['better'], test['better'])} over {names.get(test['than'], test['than'])}"
    if test["effect"] is None:
        return [title, paper, test["reason"], "–", "–", test["verdict"]]
    effect, low, high = (f"{test[key]:+.{digits}f}" for key in ("effect", "low", "high"))
    seeds = " and ".join(str(n) for n in test["seeds"])
    faces = f"{test['faces']}, {seeds}"
    return [title, paper, f"{effect}{unit} [{low}, {high}]", faces, test["magnitude"] or "–", test["verdict"]]
