"""The results in README.md, written from results/ between two markers; with --check, only compared.

Shown are the experiments whose scores have been accepted (reference/accepted), since their results are kept in git.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmark import accept, cli, config
from benchmark.reporting import claims_page, measurements, tables
from datasets.face import BadInput

README = Path("README.md")
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
FIGURE = "fig5.png"


def section(experiments: list[config.Experiment]) -> str:
    """The generated Markdown: for each experiment its tables and the count of verdicts, then one figure."""
    parts = ["## Results"]
    if not experiments:
        parts.append("No experiment's results have been accepted yet: run `make repro` and look in `results/demo`.")
    for experiment in experiments:
        parts += [
            f"### `{experiment.name}`: {tables.describe(experiment)}",
            *_tables(experiment),
            _verdicts(experiment),
        ]
    return "\n\n".join([*parts, *_figure(experiments)])


def _tables(experiment: config.Experiment) -> list[str]:
    return [_text(experiment.results / "tables" / f"table{number}.md").strip() for number in tables.TITLES]


def _verdicts(experiment: config.Experiment) -> str:
    counts = json.loads(_text(experiment.results / "claims.json"))["verdicts"]
    folder = experiment.results.as_posix()
    return (
        f"{claims_page.summary(counts, experiment)} ([all with their intervals]({folder}/claims.md)). Further: "
        f"[by yaw, by source, on Y, errors of the estimates, size]({folder}/tables/supplement.md), "
        f"[deviations]({folder}/tables/deviations.md), [costs](results/costs.md)."
    )


def _text(path: Path) -> str:
    if not path.exists():
        raise BadInput(f"{path}: missing; run `python -m benchmark.report --experiment {path.parts[1]}` first")
    return path.read_text()


def _figure(experiments: list[config.Experiment]) -> list[str]:
    for experiment in experiments:
        path = experiment.results / "figures" / FIGURE
        if measurements.drawn(experiment) and path.exists():  # the only pictures of faces that are kept in git
            return [f"Figure 5 of the paper on `{experiment.name}`:\n\n![Methods side by side]({path.as_posix()})"]
    return []


def filled(page: str, text: str) -> str:
    """`page` with `text` between the markers; BadInput where they are not there once each, in order."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise BadInput(f"{README}: needs one {BEGIN} and, after it, one {END}")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"


def main(arguments: argparse.Namespace) -> None:
    page = README.read_text()
    wanted = filled(page, section([config.load(name) for name in accept.experiments()]))
    if arguments.check and page != wanted:
        raise BadInput(f"{README}: its results are not those of results/; run `python -m benchmark.readme`")
    if not arguments.check:
        with cli.whole_file(README) as part:
            part.write_text(wanted)
    print(f"{README}: up to date")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 2 where README.md is out of date")
    cli.run(main, parser)
