"""alignment.md: what alignment is worth: each method with each alignment, compared with Ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import render, supplement, tables
from benchmark.reporting.findings import Pair, estimate, gain
from benchmark.reporting.results import OURS, Results
from benchmark.reporting.scores import Load, Scores
from benchmark.reporting.tables import MEASURES
from benchmark.scoring.verdicts import CONFIRMED, REFUTED, UNDECIDED, directions

WAYS = {"none": "not aligned", "stn0": "STN_0", "stn0_supervised": "STN_0, supervised", "oracle": "true warps"}
SAID = {REFUTED: "worse than", CONFIRMED: "better than", UNDECIDED: "not shown to differ from"}
SHOWN = {name: MEASURES[name] for name in ("psnr", "ssim_y")}


def groups(results: Results) -> dict[str, dict[str, str]]:
    """Measured runs that differ in their alignment alone, two or more: by the group's label the run of each of WAYS.

    Images from elsewhere are left out, as are those of which no training is recorded: how they came about is not known.
    """
    known = results.summaries
    found: dict[str, dict[str, str]] = {}
    trained = [name for name, facts in known.items() if facts["method"] != "images" and facts["training"]]
    for run in map(results.experiment.run, trained):
        key = json.dumps([run.method, run.options], sort_keys=True)
        found.setdefault(key, {})[known[run.name]["training"][0]["align"]] = run.name
    several = [ways for ways in found.values() if len(ways) > 1]
    return {label_of(ways.get("stn0", next(iter(ways.values())))): ways for ways in several}


def scores(results: Results) -> pd.DataFrame:
    """PSNR and SSIM on Y as text: a row a group, a column a way."""
    texts = {
        run: " / ".join(measure.text(known[name]) for name, measure in SHOWN.items())
        for run, known in results.summaries.items()
    }
    rows = {
        label: {WAYS[way]: texts[run] for way, run in ways.items() if way in WAYS}
        for label, ways in groups(results).items()
    }
    return pd.DataFrame(rows, index=[*WAYS.values()]).T.fillna(tables.DASH).rename_axis("Method").reset_index()


def errors(results: Results) -> pd.DataFrame:
    """Mean errors of each alignment on the test faces, as text: of none, each STN_0, and Ours' own STN."""
    found: dict[str, dict[str, float]] = {}
    aligners = [results.experiment.run(name) for name in WAYS if name in results.experiment.pretrained]
    for aligner in (aligner for aligner in aligners if aligner.metrics.is_file()):
        known = json.loads(aligner.metrics.read_text())
        found |= {WAYS["none"]: known["identity"], WAYS[aligner.name]: known["estimated"]}
    if ours := results.summaries.get(OURS):
        means = supplement.estimates(ours["estimates"])
        found["Ours' own STN"] = {key: means.get((key, "warp_stn"), np.nan) for key in supplement.WARPS}
    numbers = pd.DataFrame(found, index=[*supplement.WARPS]).T.rename_axis("").reset_index()
    titles = {key: title for key, (title, _) in supplement.WARPS.items()}
    return tables.formatted(numbers.rename(columns=titles), dict(supplement.WARPS.values()))


def over(results: Results, load: Load) -> pd.DataFrame:
    """How much better Ours is than each group with each alignment, as text: a row a group and measure of SHOWN."""
    aligned = {way: title for way, title in WAYS.items() if way != "none"}
    rows = [
        {"Ours over": label, "in": measure.title}
        | {title: gain(OURS, ways.get(way, ""), load(name), measure) for way, title in aligned.items()}
        for label, ways in groups(results).items()
        for name, measure in SHOWN.items()
    ]
    return pd.DataFrame(rows)


def conclusion_reversals(results: Results, psnr: Scores) -> list[str]:
    """Sentences on methods that Ours is worse than with one alignment, and better or neither with another.

    At 5 %, corrected by Holm for the alignments of a method, as the pairs of a claim are.
    """
    words = []
    for label, ways in groups(results).items():
        found = {WAYS.get(way, way): estimate(Pair(OURS, run), psnr) for way, run in ways.items() if way != "none"}
        tested = {f"`{title}`": finding for title, finding in found.items() if finding}
        answers = directions([f.effect for f in tested.values()], [f.p_none for f in tested.values()])
        if REFUTED in answers and set(answers) != {REFUTED}:
            by_answer = {
                said: [way for way, given in zip(tested, answers, strict=True) if given == answer]
                for answer, said in SAID.items()
            }
            said = [f"{how} {label} aligned by {' or '.join(given)}" for how, given in by_answer.items() if given]
            words.append(f"In PSNR, Ours is {'; '.join(said)}.")
    return words


def write(results: Results, target: Path, load: Load) -> None:
    """Write alignment.md."""
    compared = OURS in results.summaries
    text = render(
        "alignment.md.j2",
        experiment=results.experiment,
        scores=tables.markdown(scores(results)) if groups(results) else "",
        errors=tables.markdown(errors(results)),
        over=tables.markdown(over(results, load)) if compared else "",
        reversals=conclusion_reversals(results, load("psnr")),
    )
    cli.write_text(target / "alignment.md", text + "\n")
