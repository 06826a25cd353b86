"""The leaderboard: every row of a folder, checked, beside this suite's own runs (docs/challenge.md)."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmark import cli, config, submit
from benchmark.reporting import paper_tables, tables
from benchmark.reporting.results import Results
from benchmark.reporting.tables import MEASURES
from benchmark.runs.make import alignment_of
from datasets.face import BadInput
from datasets.pairs import Pairs

SHOWN = ("psnr", "ssim", "ssim_y")


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    print(tables.markdown(table(experiment, arguments.folder)))


def table(experiment: config.Experiment, folder: Path) -> pd.DataFrame:
    """The leaderboard as text, by PSNR. What was given the true warps stands last and has no rank.

    Raises:
        BadInput: if there is no row, or names the first one that is not as it should be, in one line.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise BadInput(f"{folder}: no row; `python -m benchmark score` writes one")
    pairs = Pairs.load(experiment.data / "test")
    entries = pd.DataFrame([*(submitted(path, experiment, pairs) for path in paths), *own(Results(experiment))])
    entries["oracle"] = entries["LR faces"] == config.ORACLE
    entries = entries.sort_values(["oracle", "psnr"], ascending=[True, False], kind="stable")
    ranks = [tables.DASH if oracle else str(rank) for rank, oracle in enumerate(entries["oracle"], 1)]
    entries.insert(0, "#", ranks)
    return entries.drop(columns=["oracle", "psnr"])


def submitted(path: Path, experiment: config.Experiment, pairs: Pairs) -> dict[str, object]:
    """A row's line. Where its images lie beside it (ROW/ for ROW.json) they are scored again."""
    row = submit.read(path, experiment, pairs)
    images = path.with_suffix("")
    if images.is_dir():
        submit.require_images(row, path, submit.scored(images, pairs))
    words = f"{row.citation} ({'images scored again' if images.is_dir() else 'scores as submitted'})"
    return line(row.method, row.align, submit.means(row, pairs), words)


def own(results: Results) -> list[dict[str, object]]:
    """The lines of the measured runs of Table 1 and of later methods, without those that see true landmarks."""
    labels, lines = {**paper_tables.rows_of(paper_tables.LATER)["label"], **paper_tables.rows_of(1)["label"]}, []
    for run in (results.experiment.run(name) for name in labels if name in results.summaries):
        if run.align != config.ORACLE and paper_tables.given_truth(run):
            continue
        summary = results.summaries[run.name]
        means = {measure: (summary[measure], *summary[f"{measure}_interval"]) for measure in SHOWN}
        lines.append(line(labels[run.name], alignment_of(run), means, "this suite"))
    return lines


def line(method: str, align: str, means: dict[str, tuple[float, float, float]], origin: str) -> dict[str, object]:
    """A line of the table, with PSNR to sort by."""
    shown = {f"{MEASURES[name].title} ↑": tables.interval(*means[name], digits=MEASURES[name].digits) for name in SHOWN}
    return {"Method": method, "LR faces": align, **shown, "From": origin, "psnr": means["psnr"][0]}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("folder", type=Path, help="of rows ROW.json that `score` wrote")
    return options
