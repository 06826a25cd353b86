"""One run against another, face by face: in every measure the difference, its 95 % interval and its p value.

The test is that of the paper's claims: Student's t over faces, paired, and over the seeds that networks are trained
from.
"""

from __future__ import annotations

import argparse

import pandas as pd

from benchmark import cli, config
from benchmark.reporting import measurements
from benchmark.reporting.findings import ONE_SEED, Finding, Pair, Scores, estimate
from datasets.face import BadInput

# Measure: title, factor, digits, and whether less of it is better.
MEASURES = {
    "psnr": ("PSNR, dB", 1, 2, False),
    "ssim": ("SSIM", 1, 4, False),
    "psnr_y": ("PSNR on Y, dB", 1, 2, False),
    "ssim_y": ("SSIM on Y", 1, 4, False),
    "distance": ("identity distance", 1, 3, True),
    "nme": ("landmark error, %", 100, 2, True),
    "vgg": ("VGG-19 distance", 1, 3, True),
}
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
    known = measurements.measured(experiment)
    for name in (first, second):
        if experiment.run(name).name not in known:
            raise BadInput(
                f"{experiment.run(name).metrics}: missing; "
                f"run `python -m benchmark.run_all --experiment {experiment.name} --only {name}` first"
            )
    pair = Pair(first, second, None)
    return pd.DataFrame([_row(experiment, pair, measure) for measure in MEASURES if _known(experiment, measure)])


def _known(experiment: config.Experiment, measure: str) -> bool:
    """Whether any run has it: without VGG-19's weights none has its distance, without `recognise` no landmark error."""
    return any(part[measure].notna().any() for part in measurements.of_measure(experiment, measure).values())


def _row(experiment: config.Experiment, pair: Pair, measure: str) -> dict[str, str]:
    title, factor, digits, lower = MEASURES[measure]
    scores = Scores.load(experiment, measure)
    row = {"": f"{title} {'↓' if lower else '↑'}"}
    for run in (pair.better, pair.than):
        row[run] = f"{factor * scores.values[run].mean():.{digits}f}" if run in scores.values else "–"
    return row | _difference(estimate(pair, scores), factor, digits)


def _difference(found: Finding, factor: int, digits: int) -> dict[str, str]:
    keys = ("difference [95 %]", "p", "faces; seeds")
    if found.effect is None or found.low is None or found.high is None:
        return dict.fromkeys(keys, "–")
    effect, low, high = (f"{factor * value:+.{digits}f}" for value in (found.effect, found.low, found.high))
    p = f"{found.p_none:.3f}" if found.p_none is not None else f"– ({ONE_SEED}: over faces alone)"
    return dict(zip(keys, (f"{effect} [{low}, {high}]", p, f"{found.faces}; {_seeds(found)}"), strict=True))


def _seeds(found: Finding) -> str:
    return " and ".join(map(str, found.seeds))


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__)
    parser.add_argument("first", help="a run of params.yaml that has been scored")
    parser.add_argument("second", help="the run that it is compared with")
    cli.run(main, parser)
