"""What `pytest benchmark/` holds the results in git to: every check returns the list of what is wrong, by file.

The checks are given what they compare (rows and summaries of metrics/, by run), so that they know no other room.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmark import config
from benchmark.scoring.metrics import COLUMNS, DECIMALS, psnr
from benchmark.scoring.statistics import summarise
from datasets import sr_faces
from datasets.pairs import Pairs

ROUNDING = 0.5 * 10.0 ** -DECIMALS["psnr"] + 1e-9  # between an image's PSNR and its row


def summaries_against_rows(
    experiment: config.Experiment, rows: Mapping[str, pd.DataFrame], summaries: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """metrics/RUN.json must state the rounded means of metrics/RUN.csv."""
    wrong = []
    for run, table in rows.items():
        given = summarise(table)
        for column in COLUMNS:
            stated, mean = summaries[run][column], given[column]
            if stated != mean:
                path = experiment.run(run).metrics
                wrong.append(f"{path}: {column} is {stated}, the rows of {run}.csv give {mean}")
    return wrong


def report_against_metrics(
    experiment: config.Experiment, scratch: Path, write_report: Callable[[Path], object]
) -> list[str]:
    """tables/ and claims must be what `write_report` makes of the metrics and of reference/ in `scratch`, empty."""
    write_report(scratch)
    made = [path for path in sorted(scratch.rglob("*")) if path.is_file()]
    return [problem for path in made if (problem := _differs(path, experiment.results / path.relative_to(scratch)))]


def _differs(made: Path, stored: Path) -> str:
    """The first line in which the stored file is not the one just made; empty where they are equal."""
    if not stored.exists():
        return f"{stored}: missing; run `dvc repro report`"
    new, old = made.read_text().splitlines(), stored.read_text().splitlines()
    for number, (is_now, was) in enumerate(zip(new, old, strict=False), start=1):
        if is_now != was:
            return f"{stored}, line {number}: is\n  {was}\nthe metrics and reference/ give\n  {is_now}"
    return "" if len(new) == len(old) else f"{stored}: {len(old)} lines, the metrics and reference/ give {len(new)}"


def images_against_rows(experiment: config.Experiment, run: str, pairs: Pairs) -> list[str]:
    """Each SR image of the run must have the PSNR that metrics/RUN.csv gives it."""
    path = experiment.run(run).metrics.with_suffix(".csv")
    table = pd.read_csv(path, dtype={"name": str})
    row_of = {name: row for row, name in enumerate(pairs.faces["name"])}
    wrong = []
    for seed, name, recorded in zip(table["seed"], table["name"], table["psnr"], strict=True):
        image = experiment.run(run).images(seed) / f"{name}.png"
        if not image.is_file():
            wrong.append(f"{image}: missing")
            continue
        found = psnr(sr_faces.read(image), pairs.hr[row_of[name]])
        if not math.isclose(found, recorded, rel_tol=0, abs_tol=ROUNDING):
            wrong.append(f"{image}: PSNR {found:.6f}, {path.name} has {recorded}")
    return wrong


def pictures_against_lock(lock: Path) -> list[str]:
    """Each picture that dvc.lock names must be the one that its stage wrote."""
    if not lock.exists():
        return []
    stages = yaml.safe_load(lock.read_text())["stages"]
    outs = {out["path"]: out.get("md5") for stage in stages.values() for out in stage.get("outs", [])}
    wrong = []
    for name, recorded in outs.items():
        path = lock.parent / name
        if path.suffix == ".png" and path.is_file() and hashlib.md5(path.read_bytes()).hexdigest() != recorded:
            wrong.append(f"{name}: not the picture that dvc.lock records; run `dvc repro`")
    return wrong


def metrics_of_known_runs(experiment: config.Experiment, summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """metrics/ must hold finite means, and no run that params.yaml lacks."""
    known = {f"{run}{suffix}" for run in experiment.runs for suffix in (".csv", ".json", ".facts.json")}
    known |= {experiment.run(name).metrics.name for name in experiment.pretrained}
    files = sorted((experiment.results / "metrics").iterdir())
    wrong = [f"{path}: of no run of params.yaml; delete it" for path in files if path.name not in known]
    for run, summary in summaries.items():
        bad = [column for column in COLUMNS if not math.isfinite(summary[column])]
        wrong += [f"{experiment.run(run).metrics}: {column} is {summary[column]}" for column in bad]
    return wrong
