"""The results in README.md, written from results/ between two markers; with --check, only compared.

Shown are the experiments whose scores have been accepted (reference/accepted), since their results are kept in git.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmark import accept, cli, config
from benchmark.reporting import alignment, claims_page, heatmaps, measurements, tables
from benchmark.reporting.findings import Scores
from datasets.face import BadInput

README = Path("README.md")
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
CHART, FACES = "paper.png", "fig5.png"


def section(experiments: list[config.Experiment]) -> str:
    """The generated Markdown: of each experiment the answer and its chart, one figure of faces, and the tables, folded.

    Experiments on real faces come first, since drawn faces say nothing of the paper.
    """
    if not experiments:
        return (
            "## The answer\n\nNo experiment's results have been accepted yet: run `make repro`, look in `results/demo`."
        )
    ordered = sorted(experiments, key=measurements.drawn)
    answers = [part for experiment in ordered for part in _answer(experiment)]
    folded = [part for experiment in ordered for part in _tables(experiment)]
    return "\n\n".join(["## The answer", *_verdicts(ordered), *answers, *_faces(ordered), *folded])


def _verdicts(experiments: list[config.Experiment]) -> list[str]:
    """Every claim's verdict, a column an experiment."""
    judged = {experiment.name: _claims(experiment)["claims"] for experiment in experiments}
    return [
        "What holds of the paper. Where a claim is of one pair of networks, the difference follows, positive where the "
        "claim's direction is right, with its 95 % interval over people and seeds, and the seeds of either, *paired* "
        "where both went on from the same fronts. *Not reproduced*: the paper's margin is excluded, and no difference "
        "is seen; *contradicted*: it is the other way round. *Open*: no difference and the paper's are both possible, "
        "or no run has the seeds to tell, and the interval is over people alone. A dash: the paper gives no margin, or "
        "runs that the claim needs have not been measured.",
        claims_page.compared(judged),
    ]


def _answer(experiment: config.Experiment) -> list[str]:
    """The count of verdicts, where to read on, what turns with training and alignment, and the chart of all scores."""
    judged = _claims(experiment)["claims"]
    folder = experiment.results.as_posix()
    chart = experiment.results / "figures" / CHART
    text = (
        f"**{claims_page.summary(judged, experiment)}** ([each with its interval]({folder}/claims.md)). "
        f"{tables.conditions(experiment)} Further: [by yaw, by source, on Y, identity, landmarks, size]"
        f"({folder}/tables/supplement.md), [what the heatmaps bring]({folder}/heatmaps.md), "
        f"[what alignment is worth]({folder}/alignment.md), "
        f"[deviations]({folder}/tables/deviations.md), [costs](results/costs.md)."
    )
    shown = [f"![Paper and measured, {experiment.name}]({chart.as_posix()})"] if chart.exists() else []
    words = [*_courses(experiment), *alignment.turns(experiment, Scores.load(experiment, "psnr"))]
    return [f"### `{experiment.name}`", text, *words, *shown]


def _courses(experiment: config.Experiment) -> list[str]:
    """How the heatmaps' gain goes from pass to pass, on real faces, where runs were trained for several."""
    found = [] if measurements.drawn(experiment) else heatmaps.courses(experiment)
    return [" ".join(["The gain of heatmaps changes as networks are trained.", *found])] if found else []


def _tables(experiment: config.Experiment) -> list[str]:
    """Tables 1 to 3, folded."""
    numbered = [(title, tables.compare(number, experiment)) for number, title in tables.TITLES.items()]
    shown = [f"{title}:\n\n{tables.markdown(numbers)}" for title, numbers in numbered]
    return [f"<details><summary>Tables 1 to 3 on `{experiment.name}`</summary>", *shown, "</details>"]


def _claims(experiment: config.Experiment) -> dict[str, Any]:
    return json.loads(_text(experiment.results / "claims.json"))


def _text(path: Path) -> str:
    if not path.exists():
        raise BadInput(f"{path}: missing; run `python -m benchmark.report --experiment {path.parts[1]}` first")
    return path.read_text()


def _faces(experiments: list[config.Experiment]) -> list[str]:
    """Figure 5 of the first experiment on drawn faces: only their pictures are kept in git."""
    for experiment in experiments:
        path = experiment.results / "figures" / FACES
        if measurements.drawn(experiment) and path.exists():
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
