"""alignment.md: what alignment is worth: each method with each alignment, compared with Ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import supplement, tables
from benchmark.reporting.findings import Pair, estimate, gain
from benchmark.reporting.measures import MEASURES
from benchmark.reporting.results import OURS, Results
from benchmark.reporting.scores import Load, Scores, loader
from benchmark.scoring.verdicts import CONFIRMED, REFUTED, UNDECIDED, directions

WAYS = {"none": "not aligned", "stn0": "STN_0", "stn0_supervised": "STN_0, supervised", "oracle": "true warps"}
HEAD = (
    "Methods that cannot align a face get the output of STN_0; the paper says only that it is a network. Here it "
    "learns from pixels alone. *Supervised*: the same network, trained with the true warps, as MTUN's own STN is under "
    "a recipe with L_w. *True warps*: alignment without error, which nobody has in practice. An STN_0 that learns from "
    "pixels also learns to zoom, which leaves less of the black corners of an aligned crop; with it, bicubic "
    "interpolation can have more PSNR than with the true warps. Ours aligns faces itself."
)
OF_SCORES = "PSNR in dB and SSIM on Y, means over faces and seeds; below, the errors of each alignment."
OF_OURS = (
    "Ours minus each, with the 95 % interval over identities and, where it is known, over seeds: positive where Ours "
    "is better. The intervals are not corrected for their number; the sentences below are, by Holm, for the "
    "alignments of a method."
)
SAID = {REFUTED: "worse", CONFIRMED: "better", UNDECIDED: "neither shown"}
NONE = "No method has been measured with two alignments."
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
    known = results.summaries
    rows = []
    for label, ways in groups(results).items():
        cells = {title: _scores(known[ways[way]]) if way in ways else tables.DASH for way, title in WAYS.items()}
        rows.append({"Method": label, **cells})
    return pd.DataFrame(rows)


def _scores(known: dict[str, Any]) -> str:
    return " / ".join(f"{known[name]:.{measure.digits}f}" for name, measure in SHOWN.items())


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
    titles = supplement.WARPS.items()
    rows = [
        {"": name} | {title: tables.number(known[key], digits) for key, (title, digits) in titles}
        for name, known in found.items()
    ]
    return pd.DataFrame(rows)


def over(results: Results, load: Load) -> pd.DataFrame:
    """How much better Ours is than each group with each alignment, as text: a row a group and measure of SHOWN."""
    rows = []
    for label, ways in groups(results).items():
        for name, measure in SHOWN.items():
            aligned = {title: ways.get(way, "") for way, title in WAYS.items() if way != "none"}
            cells = {title: gain(OURS, run, load(name), measure) for title, run in aligned.items()}
            rows.append({"Ours over": label, "in": measure.title, **cells})
    return pd.DataFrame(rows)


def conclusion_reversals(results: Results, psnr: Scores) -> list[str]:
    """Sentences on methods that Ours is worse than with one alignment, and better or neither with another.

    At 5 %, corrected by Holm for the alignments of a method, as the pairs of a claim are.
    """
    words = []
    for label, ways in groups(results).items():
        known = [way for way, run in ways.items() if way != "none" and run in psnr.values]
        found = [estimate(Pair(OURS, ways[way]), psnr) for way in known]
        answers = directions([f.effect or 0.0 for f in found], [1.0 if f.p_none is None else f.p_none for f in found])
        if REFUTED in answers and set(answers) != {REFUTED}:
            said = {
                SAID[answer]: " or ".join(
                    f"`{WAYS[way]}`" for way, own in zip(known, answers, strict=True) if own == answer
                )
                for answer in sorted(set(answers), key=[*SAID].index)
            }
            words.append(
                f"In PSNR, Ours over {label}: {'; '.join(f'{how} with {ways}' for how, ways in said.items())}."
            )
    return words


def write(results: Results, target: Path) -> None:
    """Write alignment.md."""
    parts = [f"# What alignment is worth\n\nExperiment {results.experiment.name}: {results.experiment.params.corpus}."]
    if groups(results):
        parts += [HEAD, OF_SCORES, tables.markdown(scores(results)), tables.markdown(errors(results))]
        if OURS in results.summaries:
            load = loader(results)
            parts += [OF_OURS, tables.markdown(over(results, load)), *conclusion_reversals(results, load("psnr"))]
    cli.write_text(target / "alignment.md", "\n\n".join(parts if len(parts) > 1 else [*parts, NONE]) + "\n")
