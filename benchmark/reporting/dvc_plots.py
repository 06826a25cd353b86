"""The numbers that `dvc plots show` draws: learning curves, a file a training, and the mean scores of all runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark import config
from benchmark.reporting import measurements


def curve(log: pd.DataFrame) -> pd.DataFrame:
    """Validation PSNR (`val_psnr`, dB) after each pass over the training faces that was followed by a look at it.

    `pass` counts the passes of all phases, one after another, so that it grows with the number of faces seen.
    """
    log = log.assign(**{"pass": range(1, len(log) + 1)})
    return log.loc[log["val_psnr"].notna(), ["pass", "val_psnr"]]


def write(experiment: config.Experiment, folder: Path) -> None:
    """Write learning/RUN-seedN.csv of every trained seed, and psnr.csv and ssim.csv, a row a run, into `folder`."""
    (folder / "learning").mkdir()
    runs = [experiment.run(name) for name in experiment.runs]
    for path, name in ((run.log(seed), f"{run.name}-seed{seed}") for run in runs for seed in run.seeds):
        log = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if "val_psnr" in log:
            curve(log).to_csv(folder / "learning" / f"{name}.csv", index=False)
    scored = measurements.measured(experiment)
    for measure in ("psnr", "ssim"):
        means = pd.Series({run: summary[measure] for run, summary in scored.items()}, name=measure)
        means.to_csv(folder / f"{measure}.csv", index_label="run")
