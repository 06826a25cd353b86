"""Stage `report`: the tables of the experiment from the metrics at hand."""

from __future__ import annotations

import argparse

from benchmark import cli, config, tables


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    with cli.whole_folder(experiment.results / "tables") as folder:
        for table in tables.TITLES:
            tables.write(table, experiment, folder)
    print((experiment.results / "tables" / "table1.md").read_text())


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__))
