"""claims.md: both answers to every claim in one table, then each claim's numbers, then how it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import claims, render
from benchmark.reporting.findings import seeds_of
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Load
from benchmark.reporting.tables import MEASURES
from benchmark.scoring.verdicts import AS_CLAIMED, CONFIRMED, NO_MARGIN

HEAD = ("Paper", "Difference [95 %]", "p", "One training a side [95 %]", "Faces; seeds; d.f.", "Direction", "Size")


def summary(judged: Sequence[Mapping[str, Any]], results: Results) -> str:
    """The counts of directions in words, by whose claims they are."""
    parts: dict[str, list[Mapping[str, Any]]] = {claims.TEXT: [], claims.TABLES: [], claims.OWN: []}
    for claim in judged:
        parts.setdefault(claim["place"], []).append(claim)
    text = "; ".join(f"from {where}: {_counted(part)}" for where, part in parts.items() if part)
    if results.synthetic:
        return f"These faces are synthetic: they neither support nor refute the paper. Claims {text}"
    return f"Claims {text}"


def _counted(part: Sequence[Mapping[str, Any]]) -> str:
    """Directions by number, and how many of the confirmed claims have the claimed size, where they claim one."""
    counts = claims.count(part) | {"not measured": sum(not claim["tests"] for claim in part)}
    sizes = [claim["size"] for claim in part if claim["direction"] == CONFIRMED and claim["size"] != NO_MARGIN]
    notes = {CONFIRMED: f" ({sizes.count(AS_CLAIMED)} as large as claimed)" if sizes else ""}
    return ", ".join(f"{number} {answer}{notes.get(answer, '')}" for answer, number in counts.items() if number)


def write(judged: Sequence[Mapping[str, Any]], results: Results, folder: Path, load: Load) -> None:
    """Write claims.md of the judged claims."""
    text = render(
        "claims.md.j2",
        claims=[described(claim) for claim in judged],
        summary=summary(judged, results),
        experiment=results.experiment,
        own=claims.OWN,
        later=claims.LATER,
        not_judged=claims.not_judged(),
        where=where,
        head=HEAD,
        effect=effect,
        kinds={claim["measure"]: load(claim["measure"]).by_kind for claim in judged if claim["tests"]},
        measures=MEASURES,
        drawn=results.synthetic,
    )
    cli.write_text(folder / "claims.md", text + "\n")


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


def verdict_text(claim: Mapping[str, Any]) -> str:
    """The direction of a claim or a pair, with the reason in brackets where it is undecided for want of seeds."""
    return f"{claim['direction']} ({claim['reason']})" if claim["reason"] else str(claim["direction"])


def where(section: str) -> str:
    """Where in the paper: a section or a table."""
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
