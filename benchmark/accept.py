"""Take the measured scores of an experiment as those that `pytest benchmark/` holds it to, and print what that changes.

reference/accepted/EXPERIMENT.json holds PSNR and SSIM of each run; another machine's arithmetic may move them by
TOLERANCE.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli, config
from benchmark.reporting import measurements
from datasets.face import BadInput

ACCEPTED = Path(__file__).parent / "reference" / "accepted"
TOLERANCE = {"psnr": 0.02, "ssim": 0.001}


def experiments(folder: Path = ACCEPTED) -> list[str]:
    """Experiments with accepted scores: those whose results are kept in git."""
    return sorted(path.stem for path in folder.glob("*.json"))


def read(name: str, folder: Path = ACCEPTED) -> dict[str, Any]:
    """The accepted scores of an experiment; none yet where there is no file."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {"runs": {}}


def compare(experiment: config.Experiment, accepted: dict[str, Any]) -> pd.DataFrame:
    """Every score, a row a run and measure: accepted, measured, moved, tolerance, within; NaN where absent."""
    ours = measurements.measured(experiment)
    lines = []
    for run in dict.fromkeys([*experiment.runs, *accepted["runs"]]):
        entry = accepted["runs"].get(run, {})
        for measure, allowed in TOLERANCE.items():
            old, new = entry.get(measure, np.nan), ours.get(run, {}).get(measure, np.nan)
            lines.append((run, measure, old, new, new - old, allowed, abs(new - old) <= allowed))
    table = pd.DataFrame(lines, columns=["run", "measure", "accepted", "measured", "moved", "tolerance", "within"])
    return table[table["accepted"].notna() | table["measured"].notna()]


def moved(experiment: config.Experiment, folder: Path = ACCEPTED) -> str:
    """The scores beyond their tolerance, new or gone, as a table in text; empty where all hold."""
    table = compare(experiment, read(experiment.name, folder))
    return shown(table[~table["within"]])


def shown(table: pd.DataFrame) -> str:
    """Rows of `compare` as text; empty for none."""
    columns = table.drop(columns="within")
    return "" if table.empty else columns.to_string(index=False, na_rep="none", float_format="{:.4f}".format)


def accept(experiment: config.Experiment, folder: Path = ACCEPTED) -> pd.DataFrame:
    """Write the measured scores as accepted; returns the rows of `compare` that it changes."""
    table = compare(experiment, read(experiment.name, folder))
    measured = measurements.measured(experiment)
    runs = {run: {measure: summary[measure] for measure in TOLERANCE} for run, summary in measured.items()}
    if not runs:
        raise BadInput(f"{experiment.results}/metrics: no run has been evaluated; run `dvc repro` or `run_all` first")
    with cli.whole_file(folder / f"{experiment.name}.json") as part:
        part.write_text(json.dumps({"runs": runs}, indent=1) + "\n")
    return table[~(table["moved"].abs() < 1e-6)]


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    changed = accept(experiment)
    print(shown(changed) or "nothing moved")


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__))
