"""The gate: results/ of every accepted experiment against the accepted scores, and against themselves."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmark import accept, config, readme
from benchmark.report import write_text
from benchmark.reporting import measurements
from benchmark.scoring import gate
from datasets.pairs import Pairs

ROOT = Path(__file__).parent.parent
MARGIN = 0.5  # dB; far below what was measured, so that another machine's arithmetic does not decide


@pytest.fixture(params=accept.experiments())
def experiment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """Each accepted experiment, with the project as the working directory."""
    monkeypatch.chdir(ROOT)
    return config.load(request.param)


def test_scores_hold(experiment: config.Experiment) -> None:
    moved = accept.moved(experiment)
    command = f"python -m benchmark.accept --experiment {experiment.name}"
    assert not moved, f"scores moved; if they should have, run `{command}`\n{moved}"


def test_ours_passes_bicubic_in_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    scores = measurements.measured(config.load("demo"))
    if "ours" not in scores:
        pytest.skip("the demo's Ours has not been trained on its 3,000 faces yet")
    assert scores["ours"]["psnr"] >= scores["bicubic"]["psnr"] + MARGIN, "the demo's MTUN has learnt too little"


def test_metrics_are_finite_and_of_known_runs(experiment: config.Experiment) -> None:
    report(gate.metrics_of_known_runs(experiment, measurements.measured(experiment)))


def test_means_follow_from_the_rows(experiment: config.Experiment) -> None:
    rows, summaries = measurements.rows(experiment), measurements.measured(experiment)
    report(gate.summaries_against_rows(experiment, rows, summaries))


def test_tables_and_claims_follow_from_the_metrics(experiment: config.Experiment, tmp_path: Path) -> None:
    report(gate.report_against_metrics(experiment, tmp_path, partial(write_text, experiment)))


def test_images_score_as_recorded(experiment: config.Experiment) -> None:
    runs = [run for run in experiment.runs if experiment.run(run).images(0).is_dir()]
    if not runs or not (experiment.data / "test").is_dir():
        pytest.skip(f"no images of {experiment.name} here: they are not in git")
    pairs = Pairs.load(experiment.data / "test")
    report([problem for run in runs for problem in gate.images_against_rows(experiment, run, pairs)])


def test_pictures_are_those_of_the_pipeline() -> None:
    report(gate.pictures_against_lock(ROOT / "dvc.lock"))


def test_readme_shows_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = readme.README.read_text()
    wanted = readme.filled(page, readme.section([config.load(name) for name in accept.experiments()]))
    assert page == wanted, "README.md is out of date; run `python -m benchmark.readme`"


def report(problems: list[str]) -> None:
    """Fail with a line a problem."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
