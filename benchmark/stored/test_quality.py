"""Results in git: every accepted experiment against the accepted scores, and tables against the metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmark import config
from benchmark.report import write_text
from benchmark.reporting import accepted, readme
from benchmark.reporting.results import OURS, Results
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.statistics import summarise
from datasets.images import decode

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=accepted.experiments())
def results(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Each accepted experiment, with the project as the working directory."""
    monkeypatch.chdir(ROOT)
    return Results(config.load(request.param))


def test_scores_hold(results: Results) -> None:
    moved = accepted.moved(results)
    command = f"python -m benchmark publish accept --experiment {results.experiment.name}"
    assert not moved, f"scores moved; if they should have, run `{command}`\n{moved}"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """The demo's scores by run."""
    monkeypatch.chdir(ROOT)
    return Results(config.load("demo")).summaries


def scores_of(demo: dict[str, dict[str, Any]], run: str) -> dict[str, Any]:
    if run not in demo:
        pytest.skip(f"the demo's {run} has not been trained yet")
    return demo[run]


def test_ours_passes_bicubic_in_the_demo(demo: dict[str, dict[str, Any]]) -> None:
    assert scores_of(demo, "ours")["psnr"] >= demo["bicubic"]["psnr"] + 2.0


def test_ours_finds_components_and_turns_faces_in_the_demo(demo: dict[str, dict[str, Any]]) -> None:
    for found in scores_of(demo, "ours")["estimates"].values():
        assert found["peak_px"] <= 6.0
        assert found["visibility_accuracy"] >= 0.9
        assert found["warp_stn"]["rotation_degrees"] <= 2.5


# VDSR undoes bicubic interpolation, but aligned LR faces err by having been turned: the paper's own is 0.18 dB below
# its bicubic. SRGAN's losses pay for sharpness.
@pytest.mark.parametrize(("run", "below"), [("cbn", 0.0), ("tdae_retrained", 0.0), ("vdsr", 0.18), ("srgan", 0.7)])
def test_baselines_have_learnt_in_the_demo(demo: dict[str, dict[str, Any]], run: str, below: float) -> None:
    assert scores_of(demo, run)["psnr"] >= demo["bicubic"]["psnr"] - below


def test_srgan_is_sharper_than_bicubic_in_the_demo(demo: dict[str, dict[str, Any]]) -> None:
    folders = [config.load("demo").run(run).images(0) for run in ("srgan", "bicubic")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no images of demo here: they are not in git")
    srgan, bicubic = (np.mean([detail(path) for path in sorted(folder.glob("*.png"))]) for folder in folders)
    assert srgan >= 2 * bicubic


def detail(path: Path) -> float:
    """Variance of an image's Laplacian, over pixels and channels."""
    image = decode(path.read_bytes(), str(path)).astype(np.float64)
    return float(cv2.Laplacian(image, cv2.CV_64F).var())


def test_metrics_are_finite_and_of_known_runs(results: Results) -> None:
    experiment = results.experiment
    known = {experiment.run(name).metrics.stem for name in [*experiment.runs, *experiment.pretrained]}
    assert {path.name.split(".")[0] for path in experiment.run(OURS).metrics.parent.iterdir()} <= known
    for run, summary in results.summaries.items():
        assert np.isfinite([summary[column] for column in COLUMNS]).all(), run


def test_means_follow_from_the_rows(results: Results) -> None:
    for run, table in results.rows.items():
        given = summarise(table)
        assert {column: results.summaries[run][column] for column in COLUMNS} == {c: given[c] for c in COLUMNS}, run


def test_tables_and_claims_follow_from_the_metrics(results: Results, tmp_path: Path) -> None:
    write_text(results, tmp_path)
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        stored = results.experiment.results / path.relative_to(tmp_path)
        assert path.read_text() == stored.read_text(), f"{stored}: run `python -m benchmark report` again"


def test_readme_and_docs_show_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readme.update({key: Results(config.load(name)) for key, name in readme.EXPERIMENTS.items()}, check=True)
