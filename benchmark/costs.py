"""What the accepted experiments cost, from their provenance, and what those would whose speeds were measured.

It writes results/costs.md and time.png. No stage of the pipeline: times differ from machine to machine, so that no
output of a stage may hold them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmark import accept, cli, config, estimate
from benchmark.reporting import costs, tables
from benchmark.reporting.figures import save
from benchmark.reporting.plots import DPI

TARGET = Path("results/costs.md")
PLOT = "time.png"
HEAD = (
    "# Costs\n\nSeconds of training are on the clock, pauses of a busy machine included, and of all epochs, phases "
    "that several runs share counted for each; images a second are of the last phase, the median of its epochs. "
    "Inference is timed in batches, with the copies to and from the device; on a CPU it is the processor's time, all "
    "threads together, which other work on the machine does not lengthen."
)


def main(arguments: argparse.Namespace) -> None:
    experiments = [config.load(name) for name in accept.experiments()]
    foreseen = [config.load(path.parent.name) for path in sorted(Path("results").glob("*/speeds"))]
    for experiment in experiments:
        costs.keep(experiment)
    write(experiments, TARGET, [estimate.markdown(experiment) for experiment in foreseen])
    for experiment in experiments:
        save(costs.quality_and_time(experiment), experiment.results / "figures" / PLOT, DPI)
    print(f"{TARGET}: written")


def write(experiments: list[config.Experiment], target: Path, last: Sequence[str] = ()) -> None:
    """Write the tables of all experiments into one Markdown file, and `last` below them."""
    parts = [f"## `{e.name}`: {tables.describe(e)}\n\n{costs.markdown(e)}\n\n{_plot(e)}" for e in experiments]
    with cli.whole_file(target) as part:
        part.write_text("\n\n".join([HEAD, *parts, *last]).rstrip() + "\n")


def _plot(experiment: config.Experiment) -> str:
    return f"![PSNR against time, {experiment.name}]({experiment.name}/figures/{PLOT})"


if __name__ == "__main__":
    cli.run(main, argparse.ArgumentParser(description=__doc__))
