"""Stage `corpus`: get the experiment's corpora, verified, into data/raw/EXPERIMENT."""

from __future__ import annotations

import argparse

from benchmark import cli, config
from datasets import corpus


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    with cli.whole_folder(experiment.raw) as raw:
        for name, options in experiment.corpora.items():
            corpus(name).get(options or {}, raw / name)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.stage_parser(__doc__)
