"""Score a folder of SR images NAME.png and write a row for the leaderboard (docs/challenge.md)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from benchmark import cli, config
from benchmark.evaluate import score_faces
from benchmark.reporting import tables
from benchmark.runs import external
from benchmark.runs import row as rows
from benchmark.runs.provenance import data_hash
from datasets.pairs import Pairs


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    pairs = Pairs.load(experiment.data / "test")
    row = rows.Row(
        protocol=rows.PROTOCOL,
        experiment=experiment.name,
        data=str(data_hash(experiment.data, "test")),
        method=arguments.method,
        citation=arguments.citation,
        align=arguments.align,
        faces=scored(arguments.folder, pairs),
    ).signed()
    cli.write_text(arguments.to, row.model_dump_json(indent=1) + "\n")
    for name, bounds in rows.means(row, pairs).items():
        print(f"{tables.MEASURES[name].title}: {tables.interval(*bounds, digits=tables.MEASURES[name].digits)}")
    print(f"{arguments.to}: {len(row.faces)} faces")


def scored(folder: Path, pairs: Pairs) -> list[rows.Face]:
    """Score the images of a folder; likely mistakes in them are printed."""
    images, mistakes = external.read_images(folder, pairs)
    external.warn(folder, mistakes)
    return rows.faces_of(score_faces(images.__getitem__, pairs, folder.name), images, pairs)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("folder", type=Path, help="of SR images, one for each face that `export` writes")
    options.add_argument("--to", type=Path, required=True, metavar="ROW.json", help="the row to write")
    options.add_argument("--method", required=True, help="its name in the table")
    options.add_argument("--citation", required=True, help="where the method is described: a DOI or an address")
    options.add_argument("--align", required=True, choices=get_args(rows.Alignment), help="which LR faces it was given")
    return options
