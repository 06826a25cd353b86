"""Score a folder of SR images NAME.png and write a row for the leaderboard (docs/challenge.md)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from benchmark import cli, config
from benchmark.compare import score_images
from benchmark.reporting.measures import MEASURES
from benchmark.runs import row as rows
from benchmark.runs.provenance import data_hash
from datasets.pairs import Pairs


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    pairs = Pairs.load(experiment.data / "test")
    scores, mistakes = score_images(arguments.folder, pairs)
    for line in mistakes:
        print(f"WARNING: {arguments.folder}: {line}", file=sys.stderr)
    row = rows.Row(
        protocol=rows.PROTOCOL,
        experiment=experiment.name,
        data=str(data_hash(experiment.data, "test")),
        method=arguments.method,
        citation=arguments.citation,
        align=arguments.align,
        faces=rows.faces_of(scores, arguments.folder, pairs),
    ).signed()
    with cli.whole_file(arguments.to) as part:
        part.write_text(row.model_dump_json(indent=1) + "\n")
    for name, (mean, low, high) in rows.means(row, pairs).items():
        digits = MEASURES[name].digits
        print(f"{MEASURES[name].title}: {mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
    print(f"{arguments.to}: {len(row.faces)} faces")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("folder", type=Path, help="of SR images, one for each face that `export` writes")
    options.add_argument("--to", type=Path, required=True, metavar="ROW.json", help="the row to write")
    options.add_argument("--method", required=True, help="its name in the table")
    options.add_argument("--citation", required=True, help="where the method is described: a DOI or an address")
    options.add_argument("--align", required=True, choices=get_args(rows.Alignment), help="which LR faces it was given")
    return options
