"""claims.md: both answers to every claim in one table, then each claim's numbers, then how it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import claims, template
from benchmark.reporting.findings import seeds_of
from benchmark.reporting.measures import MEASURES
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Kind, Load

HEAD = ("Paper", "Difference [95 %]", "p", "One training a side [95 %]", "Faces; seeds; d.f.", "Direction", "Size")
NO_SEEDS = "No trained run has several seeds, so that the variance between seeds is not known."
TABLE = (
    "| Section | Claim | Measure | Direction | Size | Difference [95 %] | Changes with |",
    "|:--|:--|:--|:--|:--|--:|:--|",
)


def summary(judged: Sequence[Mapping[str, Any]], results: Results) -> str:
    """The counts of directions in words, by whose claims they are."""
    parts: dict[str, list[Mapping[str, Any]]] = {claims.TEXT: [], claims.TABLES: [], claims.OWN: []}
    for claim in judged:
        parts.setdefault(claim["place"], []).append(claim)
    text = "; ".join(f"from {where}: {_counted(part)}" for where, part in parts.items() if part)
    if results.synthetic:
        return f"On synthetic faces, which neither support nor refute the paper, claims {text}"
    return f"Claims {text}"


def _counted(part: Sequence[Mapping[str, Any]]) -> str:
    counts = claims.count(part) | {"not measured": sum(not claim["tests"] for claim in part)}
    return ", ".join(f"{number} {answer}" for answer, number in counts.items() if number)


def write(judged: Sequence[Mapping[str, Any]], results: Results, folder: Path, load: Load) -> None:
    """Write claims.md of the judged claims."""
    measured = [described(claim) for claim in judged if claim["tests"]]
    own = [claim for claim in measured if claim["place"] == claims.OWN]
    of_paper = [claim for claim in measured if claim not in own]
    where = f"Experiment {results.experiment.name}: {results.experiment.params.corpus}."
    lines = ["# Claims", "", f"{summary(judged, results)}.", "", where, "", *TABLE, *map(_row, of_paper)]
    lines += ["", 'By the suite\'s own measures of "visually pleasing":', "", *TABLE, *map(_row, own)] if own else []
    lines += ["", *_left_out(judged)]
    for claim in measured:
        lines += ["", *_entry(claim)]
    lines += ["", template("claims_method.md").render(), ""]
    lines += seeds(load, dict.fromkeys(claim["measure"] for claim in measured))
    lines += [] if results.synthetic else ["", template("claims_pilots.md").render()]
    cli.write_text(folder / "claims.md", "\n".join(lines) + "\n")


def described(claim: Mapping[str, Any]) -> dict[str, Any]:
    """A judged claim with the texts that pages show of it.

    margin: what its size is compared with; "" where pairs have none, or several. changes: what its answers change with.
    """
    measure, margins = claim["measure"], set(claim["margins"] or [])
    return dict(claim) | {
        "title": MEASURES[measure].title,
        "said": verdict_text(claim),
        "margin": _margin(margins.pop(), measure) if len(margins) == 1 else "",
        "changes": "; ".join(variant["short"] for variant in claim["variants"] if variant["changes"]),
        "rows": [cells(test, measure) for test in claim["tests"]],
    }


def _row(claim: Mapping[str, Any]) -> str:
    """A claim's line of the first table: the difference of its one pair, or how many pairs are measured."""
    tests, single = claim["tests"], len(claim["tests"]) == 1 and not claim["missing"]
    found = effect(tests[0], claim["measure"]) if single else f"pairs: {len(tests)}"
    name, answers = f"[{claim['says']}](#{claim['id']})", f"**{claim['said']}** | {claim['size']}"
    return f"| {claim['section']} | {name} | {claim['title']} | {answers} | {found} | {claim['changes']} |"


def _left_out(judged: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not measured, and what the suite cannot judge."""
    absent = [(c["says"], MEASURES[c["measure"]].title, c["missing"]) for c in judged if not c["tests"]]
    missing = [f"- {says}: no {title}, of {', '.join(runs) or 'such faces'}." for says, title, runs in absent]
    lines = ["Not measured:", "", *missing, ""] if missing else []
    others = [f"- {c['says']} ({_where(c['section'])}): {c['reason']}." for c in claims.not_judged()]
    return [*lines, "Not judged:", "", *others]


def _entry(claim: Mapping[str, Any]) -> list[str]:
    """A claim's section: its answers, its pairs, how the answers change, its confounds."""
    asked = f", against a margin of {claim['margin']}" if claim["margin"] else ""
    lines = [f"## {claim['id']}", "", f"> {claim['quote']} ({_where(claim['section'])})", ""]
    lines += [f"{claim['says']}. Direction: **{claim['said']}**. Size: **{claim['size']}**{asked}."]
    lines += (
        [f"The best of the others as measured is {label_of(claim['best_other']).removesuffix('.')}."]
        if claim["best_other"]
        else []
    )
    lines += [f"By the analysis plan, whose *no* is a negligible gain: {claim['plan']}."] if claim["plan"] else []
    lines += [f"Not measured: {', '.join(map(label_of, claim['missing']))}."] if claim["missing"] else []
    lines += ["", f"| {claim['title']} | {' | '.join(HEAD)} |", "|:--|--:|--:|--:|--:|--:|:--|:--|"]
    lines += ["| " + " | ".join(row) + " |" for row in claim["rows"]]
    lines += ["", *map(_variant, claim["variants"])] if claim["variants"] else []
    return [*lines, "", *(f"- Confound: {text}" for text in claim["confounds"])] if claim["confounds"] else lines


def _variant(variant: Mapping[str, Any]) -> str:
    """The answers on the other channel or without black faces, with the difference of a claim of one pair."""
    single = f", {effect(variant['tests'][0], variant['measure'])}" if len(variant["tests"]) == 1 else ""
    name = variant["title"][0].upper() + variant["title"][1:]
    changed = "the answers **change**" if variant["changes"] else "no change"
    return f"- {name}: {changed}: {variant['direction']}, size {variant['size']}{single}."


def seeds(load: Load, measures: Iterable[str]) -> list[str]:
    """The standard deviation between seeds, a line a measure, with that of each run."""
    lines = []
    for measure in measures:
        kinds = load(measure).by_kind
        known = "; ".join(f"{name} {_deviations(kind, measure)}" for name, kind in kinds.items() if kind.seeds)
        lines += [f"- Standard deviation between seeds of {MEASURES[measure].title}: {known}."] if known else []
    return lines or [NO_SEEDS]


def _deviations(kind: Kind, measure: str) -> str:
    digits, factor = MEASURES[measure].digits + 1, MEASURES[measure].factor
    own = ", ".join(f"{label_of(run)} {factor * deviation:.{digits}f}" for run, deviation in kind.runs.items())
    if not kind.equal:
        return f"not pooled ({own})"
    named = (("pooled", kind.seeds), ("within trunks", kind.residual))
    pooled = [f"{name} {factor * v.value**0.5:.{digits}f}, {v.dof} d.f." for name, v in named if v]
    return f"{', '.join(pooled)} ({own})"


def verdict_text(claim: Mapping[str, Any]) -> str:
    """The direction of a claim or a pair, with the reason in brackets where it is undecided for want of seeds."""
    return f"{claim['direction']} ({claim['reason']})" if claim["reason"] else str(claim["direction"])


def _where(section: str) -> str:
    return f"section {section}" if section[0].isdigit() else section


def cells(test: Mapping[str, Any], measure: str) -> list[str]:
    """A finding as the texts of a table's row: the pair, then HEAD."""
    name = f"{label_of(test['better'])} over {label_of(test['than'])}"
    name += f", at {test['bins'][0]}° less at {test['bins'][1]}°" if test["bins"] else ""
    signed, (low, high) = MEASURES[measure].signed, test["predicted"]
    predicted = "–" if low is None else f"[{signed(low)}, {signed(high)}]"
    dof = "–" if test["dof"] is None else f"{test['dof']:.1f}"
    counts = f"{test['faces']}; {seeds_of(test['seeds'], test['paired'])}; {dof}"
    answers = [verdict_text(test), test["size"]]
    paper = "–" if test["paper"] is None else _margin(test["paper"], measure)
    return [name, paper, effect(test, measure), chance(test["p_none"]), predicted, counts, *answers]


def effect(test: Mapping[str, Any], measure: str) -> str:
    """The difference of a finding with its interval."""
    return MEASURES[measure].change(test["effect"], test["low"], test["high"], MEASURES[measure].unit)


def _margin(value: float, measure: str) -> str:
    """A margin with the digits that the paper prints."""
    return f"{MEASURES[measure].signed(value, 2)}{MEASURES[measure].unit}"


def chance(p: float | None) -> str:
    """A p value, or a dash."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
