"""The accepted scores of an experiment, those that the regression checks hold it to, and what has moved against them.

reference/accepted/EXPERIMENT.json holds PSNR and SSIM of each run; another machine's arithmetic may move them by
TOLERANCE.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli
from benchmark.reporting.results import Results
from datasets.face import BadInput

ACCEPTED = Path(__file__).parents[1] / "reference" / "accepted"
TOLERANCE = {"psnr": 0.02, "ssim": 0.001}
EXACT = 1e-6  # what a number moves by if only its last bits do


def experiments() -> list[str]:
    """Experiments with accepted scores: those whose results are in git."""
    return sorted(path.stem for path in ACCEPTED.glob("*.json"))


def read(name: str) -> dict[str, Any]:
    """The accepted scores of an experiment; none yet if there is no file."""
    path = ACCEPTED / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {"runs": {}}


def moved(results: Results, *, exact: bool = False) -> str:
    """The scores beyond their tolerance (or beyond EXACT), new or gone, as a table in text; empty if all hold."""
    accepted, lines = read(results.experiment.name)["runs"], []
    for run in dict.fromkeys([*results.summaries, *accepted]):
        for measure, allowed in TOLERANCE.items():
            old, new = (scores.get(run, {}).get(measure, np.nan) for scores in (accepted, results.summaries))
            if not abs(new - old) <= (EXACT if exact else allowed):  # NaN, of an absent one, included
                lines.append((run, measure, old, new, new - old, allowed))
    table = pd.DataFrame(lines, columns=["run", "measure", "accepted", "measured", "moved", "tolerance"])
    return "" if table.empty else table.to_string(index=False, na_rep="none", float_format="{:.4f}".format)


def accept(results: Results) -> str:
    """Write the measured scores as the accepted ones; returns those that this changes, as a table in text."""
    before = moved(results, exact=True)
    runs = {run: {measure: summary[measure] for measure in TOLERANCE} for run, summary in results.summaries.items()}
    if not runs:
        name = results.experiment.results
        raise BadInput(f"{name}/metrics: no run has been evaluated; run `dvc repro` or `launch` first")
    cli.write_json(ACCEPTED / f"{results.experiment.name}.json", {"runs": runs})
    return before
