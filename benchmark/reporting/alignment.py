"""alignment.md: what turning the faces upright is worth, each method behind each way to do it, and beside Ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli, config
from benchmark.reporting import measurements, supplement, tables
from benchmark.reporting.findings import Pair, Scores, examine, gain
from benchmark.reporting.measures import MEASURES
from benchmark.scoring.verdicts import CONTRADICTED

NAME, OURS = "alignment", "ours"
WAYS = {"none": "not turned", "stn0": "STN_0", "stn0_told": "STN_0, told", "oracle": "true warps"}
HEAD = (
    "The methods that cannot turn a face get it turned upright by STN_0, of which the paper says no more than that it "
    "is a network. Here it learns from pixels alone. *Told*: the same network has learnt from the true warps, as "
    "MTUN's own STNs do where the recipe has L_w. *True warps*: no error of alignment at all, which nobody has in use. "
    "One that learns from pixels learns to zoom as well, by which it shows less of the black corners that a turned "
    "crop has. So it can bring what learns nothing, as bicubic interpolation, more PSNR than the true warps. Ours "
    "turns faces itself, whatever the others stand behind."
)
OF_SCORES = "PSNR in dB and SSIM, means over faces and seeds; below, the errors of what turned the faces."
OF_OURS = (
    "Ours over each, with the 95 % interval over people and, where it is known, over seeds: positive where Ours is "
    "better. A comparison that turns with the alignment is one of alignment. The intervals are not corrected for their "
    "number; what is said below is, by Holm, for the ways of a method."
)
NONE = "No method has been measured behind two ways to turn faces upright."
SHOWN = {name: MEASURES[name] for name in ("psnr", "ssim")}


def groups(experiment: config.Experiment) -> dict[str, dict[str, str]]:
    """Measured runs that differ in their alignment alone, two or more: by the group's label the run of each of WAYS.

    Images from elsewhere are left out, as are those of which no training is recorded: how they came about is not known.
    """
    known, names = measurements.measured(experiment), measurements.labels(experiment)
    found: dict[str, dict[str, str]] = {}
    told = [name for name, facts in known.items() if facts["method"] != "images" and facts["training"]]
    for run in map(experiment.run, told):
        key = json.dumps([run.method, run.options], sort_keys=True)
        found.setdefault(key, {})[known[run.name]["training"][0]["align"]] = run.name
    several = [ways for ways in found.values() if len(ways) > 1]
    return {names[ways.get("stn0", next(iter(ways.values())))]: ways for ways in several}


def scores(experiment: config.Experiment) -> pd.DataFrame:
    """PSNR and SSIM as text: a row a group, a column a way."""
    known = measurements.measured(experiment)
    rows = []
    for label, ways in groups(experiment).items():
        cells = {title: _scores(known[ways[way]]) if way in ways else tables.DASH for way, title in WAYS.items()}
        rows.append({"Method": label, **cells})
    return pd.DataFrame(rows)


def _scores(known: dict[str, Any]) -> str:
    return " / ".join(f"{known[name]:.{measure.digits}f}" for name, measure in SHOWN.items())


def errors(experiment: config.Experiment) -> pd.DataFrame:
    """Mean errors on the test faces of what turns them upright, as text: of nothing, each STN_0, and Ours' own STN."""
    found: dict[str, dict[str, float]] = {}
    for aligner in (aligner for aligner in experiment.aligners if aligner.metrics.is_file()):
        known = json.loads(aligner.metrics.read_text())
        found |= {WAYS["none"]: known["identity"], WAYS[aligner.name]: known["stn0"]}
    if ours := measurements.measured(experiment).get(OURS):
        means = supplement.estimates(ours["estimates"])
        found["Ours' own STN"] = {key: means.get((key, "warp_stn"), np.nan) for key in supplement.WARPS}
    titles = supplement.WARPS.items()
    rows = [
        {"": name} | {title: tables.number(known[key], digits) for key, (title, digits) in titles}
        for name, known in found.items()
    ]
    return pd.DataFrame(rows)


def over(experiment: config.Experiment, loaded: Mapping[str, Scores]) -> pd.DataFrame:
    """How much better Ours is than each group behind each way, as text: a row a group and measure of SHOWN."""
    rows = []
    for label, ways in groups(experiment).items():
        for name, measure in SHOWN.items():
            turned = {title: ways.get(way, "") for way, title in WAYS.items() if way != "none"}
            cells = {title: gain(OURS, run, loaded[name], measure) for title, run in turned.items()}
            rows.append({"Ours over": label, "in": measure.title, **cells})
    return pd.DataFrame(rows)


def turns(experiment: config.Experiment, psnr: Scores) -> list[str]:
    """Sentences on groups that Ours is worse than behind one way to turn faces, and not seen to be behind another.

    At 5 %, corrected by Holm for the ways of a group, as the pairs of a claim are.
    """
    words = []
    for label, ways in groups(experiment).items():
        known = {way: run for way, run in ways.items() if way != "none" and run in psnr.values}
        found = examine([Pair(OURS, run) for run in known.values()], psnr)
        worse = {way: finding.verdict == CONTRADICTED for way, finding in zip(known, found, strict=True)}
        behind = [WAYS[way] for way, so in worse.items() if so]
        if behind and len(behind) < len(worse):
            rest = [WAYS[way] for way, so in worse.items() if not so]
            words.append(
                f"In PSNR Ours, which turns faces itself, is worse than {label} behind {_either(behind)}; behind "
                f"{_either(rest)} that is not seen."
            )
    return words


def _either(ways: list[str]) -> str:
    return " or ".join(f"`{way}`" for way in ways)


def write(experiment: config.Experiment, target: Path) -> None:
    """Write alignment.md."""
    parts = [f"# What alignment is worth\n\nExperiment {experiment.name}: {tables.describe(experiment)}."]
    if groups(experiment):
        parts += [HEAD, OF_SCORES, _markdown(scores(experiment)), _markdown(errors(experiment))]
        if OURS in measurements.measured(experiment):
            loaded = {name: Scores.load(experiment, name) for name in SHOWN}
            parts += [OF_OURS, _markdown(over(experiment, loaded)), *turns(experiment, loaded["psnr"])]
    with cli.whole_file(target / f"{NAME}.md") as part:
        part.write_text("\n\n".join(parts if len(parts) > 1 else [*parts, NONE]) + "\n")


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)
