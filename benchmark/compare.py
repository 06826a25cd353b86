"""Compare two runs, or a folder of SR images with a run, face by face: differences with 95 % intervals.

For two runs the test is that of the paper's claims: Student's t over faces, paired by face, over identities and over
seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmark import cli, config
from benchmark.evaluate import score_faces
from benchmark.reporting import claims_page, tables
from benchmark.reporting.findings import ONE_SEED, Pair, estimate, seeds_of, shown
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Scores, loader
from benchmark.reporting.tables import MEASURES, Measure
from benchmark.runs import external
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.statistics import mean_interval, read_rows
from datasets.face import BadInput
from datasets.pairs import Pairs

NOTE = (
    "Difference: the first run minus the second; where less is better (arrow down), negative favours the "
    "first. More measures mean more false positives: name the deciding one before you look."
)
FOLDER_NOTE = (
    "Difference: the folder minus the run, with a bootstrap interval over test identities. It ignores the "
    "variance between seeds. To include it, add a run to params.yaml, with one folder per seed."
)


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    if Path(arguments.first).is_dir() and arguments.first not in experiment.runs:
        shown, note = of_folder(experiment, Path(arguments.first), arguments.second), FOLDER_NOTE
    else:
        shown, note = table(Results(experiment), arguments.first, arguments.second), NOTE
    print(tables.markdown(shown))
    print(f"\n{note}")


def score_images(folder: Path, pairs: Pairs) -> tuple[pd.DataFrame, list[str]]:
    """Score SR images in a folder against the faces of `pairs`, as the stage `evaluate` does.

    Returns:
        A row a face (name, person, psnr, ssim, psnr_y, ssim_y, ...), and likely mistakes in the images, a line each.

    Raises:
        BadInput: names files that are missing, not of the test set, of another size or unreadable.
    """
    images, mistakes = external.read_images(folder, pairs)
    return score_faces(images.__getitem__, pairs, folder.name), mistakes


def of_folder(experiment: config.Experiment, folder: Path, second: str) -> pd.DataFrame:
    """Compare SR images NAME.png in a folder with a scored run, a row a measure as text. Likely mistakes are printed.

    Raises:
        BadInput: if the run has no scores, or images are missing or unfit.
    """
    run = experiment.run(second)
    path = run.metrics.with_suffix(".csv")
    if not path.is_file():
        raise BadInput(f"{path}: missing; name a run that has scores")
    scores, mistakes = score_images(folder, Pairs.load(experiment.data / "test"))
    external.warn(folder, mistakes)
    theirs, ours = (part.groupby("name")[list(COLUMNS)].mean() for part in (scores, read_rows(path)))
    if set(theirs.index) != set(ours.index):
        raise BadInput(f"{path}: of other faces than {experiment.data}/test; evaluate {second} again")
    people, rows = scores.groupby("name")["person"].first().to_numpy(), []
    for name in COLUMNS:
        measure, difference = MEASURES[name], (theirs[name] - ours[name]).to_numpy()
        means = {str(folder): measure.text(theirs[name].mean()), second: measure.text(ours[name].mean())}
        interval = measure.change(*mean_interval(difference, people))
        rows.append({"": f"{measure.title} ↑", **means, "difference [95 %]": interval})
    return pd.DataFrame(rows).replace("inf", "∞", regex=True)


def table(results: Results, first: str, second: str) -> pd.DataFrame:
    """A row a measure as text.

    Raises:
        BadInput: if a run is not in params.yaml or has no scores.
    """
    if first == second:
        raise BadInput(f"{first}, {second}: the same run; name two different runs")
    experiment = results.experiment
    for run in (experiment.run(first), experiment.run(second)):
        if run.name not in results.summaries:
            raise BadInput(
                f"{run.metrics}: missing; "
                f"run `python -m benchmark launch --experiment {experiment.name} --only {run.name}` first"
            )
    known = [measure for measure in MEASURES if {first, second} & results.tables(measure).keys()]
    pair, load = Pair(first, second), loader(results)
    rows = [_row(pair, MEASURES[name], load(name)) for name in known]
    return pd.DataFrame(rows)


def _row(pair: Pair, measure: Measure, scores: Scores) -> dict[str, str]:
    row = {"": f"{measure.title} {'↓' if measure.lower else '↑'}"}
    for run in (pair.better, pair.than):
        known = scores.values.get(run)
        row[run] = tables.DASH if known is None else measure.text(known.mean())
    found = estimate(pair, scores)
    if found is None:
        return row | dict.fromkeys(("difference [95 %]", "p", "faces; seeds"), tables.DASH)
    p = f"– ({ONE_SEED}: over identities alone)" if found.p_none is None else claims_page.chance(found.p_none)
    counts = f"{found.faces}; {seeds_of(found.seeds, found.paired)}"
    return row | {"difference [95 %]": shown(found, measure), "p": p, "faces; seeds": counts}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("first", help="a run that has been scored, or a folder of SR images NAME.png")
    options.add_argument("second", help="the run that it is compared with")
    return options
