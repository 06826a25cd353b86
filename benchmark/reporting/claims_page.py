"""claims.md: the count of verdicts, a table of them, and every pair's numbers below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark import cli, config
from benchmark.reporting import claims, measurements, tables
from benchmark.reporting.claims import Between
from benchmark.reporting.findings import seeds_of

UNITS = {"psnr": " dB", "psnr_y": " dB"}
HEAD = (
    "Paper",
    "Measured [95 %]",
    "p, no difference",
    "p, paper's margin",
    "Faces; seeds; d.f.",
    "Verdict on what is asked",
)
METHOD = (
    "Each pair is asked whether it is better and whether the paper's margin agrees: Student's t over faces, paired, "
    "with people drawn whole, and over seeds, with the least degrees of freedom (d.f.) of these parts. Intervals are "
    "those of one pair alone; the p values are corrected by Holm for the pairs of their claim, and decide at 5 %. "
    "Between claims nothing is corrected: of twenty true ones, one may be lost by chance, and several rest on the same "
    "runs. Nor is it that they were looked at before all seeds were trained. *Not reproduced*: the paper's margin is "
    "excluded, and no difference is seen; *contradicted*: it is the other way round. *Open (one seed)*: the interval "
    "is over people alone. A difference is positive where the claim's direction is right, whichever way the measure "
    "runs; a margin of the paper's, the difference of two rounded numbers, is known to 0.01. The rules stand in "
    "`benchmark/reference/claims.yaml`. STN_0, which turns faces upright for many runs, is trained once: what another "
    "of its trainings would change is in none of these."
)
NAMES = (
    "*DISTANCE*: between a recogniser's descriptors of the SR and of the HR face. *NME*: how far the inner landmarks "
    "that a detector finds on the SR face are from the true ones, in distances of the outer eye corners; the true ones "
    "of faces that came with five points are its own, found on the HR face, where `annotator` is dlib. Both are of a "
    "sample of the faces, and less is better. *L_h*: the loss on heatmaps, and with it the branch that estimates "
    "them; *L_p*, *L_f*, *L_U*: the losses on pixels, on VGG-19's features and of the adversary. *Ours†* lacks the "
    "skip around the heatmaps, *Ours‡* the autoencoder; *TDAE†* is TDAE trained anew on all faces."
)
NO_SEEDS = "No trained run has several seeds: what training from another seed would change is not known."
SEEDS = (
    "Every trained run is given the spread of its kind, which is taken to be equal; a kind without one stays open. All "
    "runs have the same seeds, which decide on the order of the faces too, so that d.f. are those of the run with the "
    "most of them. Two runs of one kind whose trainings went on from the same fronts are compared front by front, over "
    "the seeds that both have (*paired* in the tables), by what the front does not explain."
)


def summary(judged: list[dict[str, Any]], experiment: config.Experiment) -> str:
    """The counts of verdicts in words, of the paper's text and of its tables; on drawn faces, that they are not its."""
    parts: dict[str, list[dict[str, Any]]] = {"its text": [], "its tables alone": []}
    for claim in judged:
        parts.setdefault(claims.place(claim), []).append(claim)
    said = "; ".join(f"of {where} {_counted(claims.count(part))}" for where, part in parts.items())
    if measurements.drawn(experiment):
        return f"On drawn faces, which neither support nor refute the paper: {said}"
    return f"Claims of the paper: {said}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number) or "none"


def write(judged: list[dict[str, Any]], experiment: config.Experiment, folder: Path) -> None:
    """Write claims.md of the judged claims."""
    with cli.whole_file(folder / "claims.md") as part:
        part.write_text(markdown(judged, experiment))


def markdown(judged: list[dict[str, Any]], experiment: config.Experiment) -> str:
    """The page as text."""
    where = f"experiment {experiment.name}: {tables.describe(experiment)}"
    between = claims.spreads(experiment, dict.fromkeys(claim["measure"] for claim in judged))
    lines = [f"{summary(judged, experiment)} ({where}).", "", METHOD, "", NAMES, "", *seeds(between), ""]
    lines += ["| Section | Claim | Measure | Verdict |", "|:--|:--|:--|:--|"]
    lines += [
        f"| {c['section']} | [{c['says']}](#{c['id']}) | {c['measure'].upper()} | **{said(c)}** |" for c in judged
    ]
    for claim in judged:
        lines += ["", f"## {claim['id']}", "", f"> {claim['quote']} ({_where(claim['section'])})", ""]
        if claim["best_other"]:
            lines += [
                f"Best of the others that have been measured: {label(claim['best_other'])}. Every one is asked for the "
                "margin that the paper claims over its own best.",
                "",
            ]
        lines += [f"Beware: {claim['beware']}.", ""] if claim["beware"] else []
        lines += [f"| {claim['measure'].upper()} | {' | '.join(HEAD)} |", "|:--|--:|--:|--:|--:|--:|:--|"]
        lines += ["| " + " | ".join(cells(test, claim["measure"])) + " |" for test in claim["tests"]]
    return "\n".join(lines) + "\n"


def compared(judged: dict[str, list[dict[str, Any]]]) -> str:
    """One table of every claim's verdict in several experiments, by name; of a claim of one pair with the margin."""
    lines = [f"| Claim | Paper | {' | '.join(f'`{name}`' for name in judged)} |", "|:--|--:|" + ":--|" * len(judged)]
    by_id = [{claim["id"]: claim for claim in of_one} for of_one in judged.values()]
    for key in dict.fromkeys(key for found in by_id for key in found):
        same = [found.get(key) for found in by_id]
        known = next(claim for claim in same if claim)
        paper = margin(known["tests"][0], known["measure"]) if len(known["tests"]) == 1 else ""
        lines.append(f"| {known['says']} | {paper} | {' | '.join(map(_verdict, same))} |")
    return "\n".join(lines)


def _verdict(claim: dict[str, Any] | None) -> str:
    """A claim's verdict, and margin and seeds where it rests on one pair; a dash where it has not been asked.

    That is so where runs have not been measured, or where the experiment's report is older than the claim.
    """
    if claim is None or claims.unmeasured(claim):
        return "–"
    if len(claim["tests"]) > 1:
        return f"**{said(claim)}**"
    test = claim["tests"][0]
    return f"**{said(claim)}**, {effect(test, claim['measure'])}, {_seeds(test)}"


def _seeds(test: dict[str, Any]) -> str:
    """The seeds of a pair in words, and its degrees of freedom where it was tested."""
    text = seeds_of(test["seeds"], test["paired"])
    seeds = f"{text} seed{'s' if test['seeds'][0] > 1 else ''}" if test["paired"] else f"seeds {text}"
    return seeds if test["p_none"] is None else f"{seeds}, {test['dof']:.0f} d.f."


def _where(section: str) -> str:
    return f"section {section}" if section[0].isdigit() else section


def seeds(between: dict[str, dict[str, Between]]) -> list[str]:
    """What is known of the spread between seeds, a line a measure."""
    if not any(between.values()):
        return [NO_SEEDS]
    lines = []
    for measure, found in between.items():
        known = "; ".join(f"{kind} {_spread(b, measure)}" for kind, b in found.items())
        lines += [f"- Standard deviation between seeds of {measure.upper()}, pooled: {known}."] if found else []
    return [*lines, "", SEEDS]


def _spread(between: Between, measure: str) -> str:
    """Standard deviations with their degrees of freedom, and each run's own, as text."""
    unit, digits = _format(measure)
    pooled = [f"{s.variance**0.5:.{digits + 1}f}{unit}, {s.dof} d.f." for s in (between.seeds, between.front) if s]
    own = ", ".join(f"{label(run)} {deviation:.{digits + 1}f}" for run, deviation in between.runs.items())
    return f"{', beside the front '.join(pooled)} ({own})"


def _format(measure: str) -> tuple[str, int]:
    """Unit and digits of a measure."""
    return UNITS.get(measure, ""), 2 if measure in UNITS else 3


def said(judged: dict[str, Any]) -> str:
    """The verdict on a claim or a pair with what is said besides, in brackets."""
    reason = judged["reason"].split(":")[0]
    return f"{judged['verdict']} ({reason})" if reason else judged["verdict"]


def label(run: str) -> str:
    """The paper's name of a run."""
    return measurements.paper_labels().get(run, run)


def cells(test: dict[str, Any], measure: str) -> list[str]:
    """A finding as the texts of a table's row: the pair, then HEAD."""
    title = f"{label(test['better'])} over {label(test['than'])}"
    measured = [effect(test, measure), chance(test["p_none"]), chance(test["p_paper"])]
    counts = (
        "–"
        if test["effect"] is None
        else f"{test['faces']}; {seeds_of(test['seeds'], test['paired'])}; {test['dof']:.0f}"
    )
    return [title, margin(test, measure), *measured, counts, said(test)]


def margin(test: dict[str, Any], measure: str) -> str:
    """The paper's margin of a finding, and the one that it is asked for where that is another's; or a dash."""
    if test["paper"] is None:
        return "–"
    unit = _format(measure)[0]
    asked = f"{test['paper']:+.2f}{unit}"
    return asked if test["own"] is None else f"{test['own']:+.2f}{unit}, asked for {asked}"


def effect(test: dict[str, Any], measure: str) -> str:
    """The difference of a finding with its interval, or the reason why there is none."""
    if test["effect"] is None:
        return str(test["reason"])
    unit, digits = _format(measure)
    mean, low, high = (f"{test[key]:+z.{digits}f}" for key in ("effect", "low", "high"))
    return f"{mean}{unit} [{low}, {high}]"


def chance(p: float | None) -> str:
    """A p value, or a dash."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
