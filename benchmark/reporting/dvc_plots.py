"""The numbers that `dvc plots show` draws: learning curves of all trainings, and the mean scores of all runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark import config
from benchmark.reporting import measurements

COLUMNS = ["training", "pass", "val_psnr"]


def curves(experiment: config.Experiment) -> pd.DataFrame:
    """Validation PSNR (`val_psnr`, dB) of each trained run and seed after each pass that was followed by a look at it.

    `pass` counts the passes over the training faces in all phases, one after another: it grows as the faces seen.
    """
    found = []
    for run, tables in measurements.logs(experiment).items():
        for seed, table in tables.items():
            log = table.rename_axis("pass").reset_index()
            log["pass"] += 1
            if "val_psnr" in log:
                found.append(log.dropna(subset="val_psnr").assign(training=f"{run}, seed {seed}")[COLUMNS])
    return pd.concat(found) if found else pd.DataFrame(columns=COLUMNS)


def write(experiment: config.Experiment, folder: Path) -> None:
    """Write learning.csv (COLUMNS), and psnr.csv and ssim.csv, a row a measured run, into `folder`."""
    curves(experiment).to_csv(folder / "learning.csv", index=False)
    scored = measurements.measured(experiment)
    for measure in ("psnr", "ssim"):
        means = pd.Series({run: summary[measure] for run, summary in scored.items()}, name=measure)
        means.to_csv(folder / f"{measure}.csv", index_label="run")
