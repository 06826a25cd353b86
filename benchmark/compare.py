"""One run against another, face by face: in every measure the difference, its 95 % interval and its p value.

The test is that of the paper's claims: Student's t over faces, paired, with people drawn whole, and over the seeds
that networks are trained from.
"""

from __future__ import annotations

import argparse

import pandas as pd

from benchmark import cli, config
from benchmark.reporting import claims_page, measurements
from benchmark.reporting.findings import ONE_SEED, Finding, Pair, Scores, estimate, seeds_of, shown
from benchmark.reporting.measures import MEASURES, Measure
from datasets.face import BadInput

NOTE = (
    "Difference: the first run minus the second; where less is better (arrow down), a negative one speaks for the "
    "first. Several measures are several chances: name the one that decides before you look."
)


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    print(table(experiment, arguments.first, arguments.second).to_markdown(index=False, disable_numparse=True))
    print(f"\n{NOTE}")


def table(experiment: config.Experiment, first: str, second: str) -> pd.DataFrame:
    """A row a measure as text. BadInput for a run that is not in params.yaml or has no scores."""
    if first == second:
        raise BadInput(f"{first}, {second}: one run; name another to compare it with")
    scored = measurements.measured(experiment)
    for run in (experiment.run(first), experiment.run(second)):
        if run.name not in scored:
            raise BadInput(
                f"{run.metrics}: missing; "
                f"run `python -m benchmark.run_all --experiment {experiment.name} --only {run.name}` first"
            )
    tables = {measure: measurements.of_measure(experiment, measure) for measure in MEASURES}
    # Without VGG-19's weights no run has its distance, without `recognise` none has a landmark error.
    known = [measure for measure, runs in tables.items() if any(part[measure].notna().any() for part in runs.values())]
    pair = Pair(first, second)
    rows = [_row(pair, MEASURES[name], Scores.of(experiment, tables[name], name)) for name in known]
    return pd.DataFrame(rows)


def _row(pair: Pair, measure: Measure, scores: Scores) -> dict[str, str]:
    row = {"": f"{measure.title} {'↓' if measure.lower else '↑'}"}
    for run in (pair.better, pair.than):
        known = scores.values.get(run)
        row[run] = "–" if known is None else f"{measure.factor * known.mean():.{measure.digits}f}"
    return row | _difference(estimate(pair, scores), measure)


def _difference(found: Finding, measure: Measure) -> dict[str, str]:
    keys = ("difference [95 %]", "p", "faces; seeds")
    if found.effect is None:
        return dict.fromkeys(keys, "–")
    p = f"– ({ONE_SEED}: over people alone)" if found.p_none is None else claims_page.chance(found.p_none)
    counts = f"{found.faces}; {seeds_of(found.seeds, found.paired)}"
    return dict(zip(keys, (shown(found, measure), p, counts), strict=True))


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__)
    parser.add_argument("first", help="a run of params.yaml that has been scored")
    parser.add_argument("second", help="the run that it is compared with")
    cli.run(main, parser)
