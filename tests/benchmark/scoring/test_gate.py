"""The gate on a made-up experiment: silent as it is, and naming whatever was tampered with."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from benchmark import config, reference, report
from benchmark.reporting import accepted
from benchmark.reporting.results import Results
from benchmark.scoring import gate
from datasets.pairs import Pairs


@pytest.fixture
def held(toy: config.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """The made-up experiment, reported and accepted (in tmp_path/accepted)."""
    report.write_text(Results(toy), toy.results)
    monkeypatch.setattr(accepted, "ACCEPTED", tmp_path / "accepted")
    accepted.accept(Results(toy))
    return toy


def problems(experiment: config.Experiment, tmp_path: Path) -> list[str]:
    """Everything that the gate finds, images included."""
    (tmp_path / "scratch").mkdir()
    pairs = Pairs.load(experiment.data / "test")
    return [
        *gate.metrics_of_known_runs(experiment, Results(experiment).summaries),
        *summaries(experiment),
        *gate.report_against_metrics(experiment, tmp_path / "scratch", partial(report.write_text, Results(experiment))),
        *(p for run in experiment.runs for p in gate.images_against_rows(experiment, run, pairs)),
    ]


def summaries(experiment: config.Experiment) -> list[str]:
    return gate.summaries_against_rows(experiment, Results(experiment).rows, Results(experiment).summaries)


def change(experiment: config.Experiment, run: str, key: str, by: float) -> None:
    """Add to a number of metrics/RUN.json."""
    path = experiment.run(run).metrics
    summary = json.loads(path.read_text())
    path.write_text(json.dumps(summary | {key: summary[key] + by}))


def test_untouched_results_pass(held: config.Experiment, tmp_path: Path) -> None:
    assert problems(held, tmp_path) == []
    assert accepted.moved(Results(held)) == ""


def test_a_number_of_a_summary_is_named(held: config.Experiment, tmp_path: Path) -> None:
    change(held, "ours", "psnr", 0.02)
    assert any("metrics/ours.json: psnr is" in p for p in summaries(held))


def test_a_number_of_a_row_is_named(held: config.Experiment, tmp_path: Path) -> None:
    path = held.run("bicubic").metrics.with_suffix(".csv")
    table = pd.read_csv(path, dtype={"name": str})
    table.loc[3, "psnr"] += 0.01
    table.to_csv(path, index=False)
    found = "\n".join(problems(held, tmp_path))
    assert "metrics/bicubic.json: psnr" in found
    assert f"{table['name'][3]}.png: PSNR" in found
    assert "tables/supplement.csv" in found


def test_a_number_of_a_table_is_named(held: config.Experiment, tmp_path: Path) -> None:
    path = held.results / "tables" / "table1.md"
    path.write_text(path.read_text().replace("23.14", "23.41"))
    (found,) = problems(held, tmp_path)
    assert "tables/table1.md, line" in found


def test_a_pixel_is_named(held: config.Experiment, tmp_path: Path) -> None:
    path = held.run("ours").images(1) / "0004.png"
    image = np.array(Image.open(path))
    image[5, 5, 0] ^= 16
    Image.fromarray(image).save(path)
    (found,) = problems(held, tmp_path)
    assert found.startswith("results/toy/sr/ours/seed1/0004.png: PSNR")


def test_a_missing_image_is_named(held: config.Experiment, tmp_path: Path) -> None:
    (held.run("ours").images(1) / "0004.png").unlink()
    assert problems(held, tmp_path) == ["results/toy/sr/ours/seed1/0004.png: missing"]


def test_a_reference_value_is_named(held: config.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "paper.csv"
    other.write_text(reference.REFERENCE.read_text().replace("21.39", "20.39"))
    monkeypatch.setattr("benchmark.reference.REFERENCE", other)
    found = "\n".join(problems(held, tmp_path))
    assert "tables/table1.csv" in found
    assert "results/toy/claims.json" in found


def test_metrics_of_a_run_that_is_gone_are_named(held: config.Experiment, tmp_path: Path) -> None:
    (held.results / "metrics" / "dropped.json").write_text("{}")
    assert "metrics/dropped.json: of no run" in problems(held, tmp_path)[0]


def test_a_picture_other_than_the_locks_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"as written")
    outs = [{"path": "a.png", "md5": hashlib.md5(b"as written").hexdigest()}, {"path": "absent.png", "md5": "0"}]
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"report": {"outs": outs}}}))
    assert gate.pictures_against_lock(tmp_path / "dvc.lock") == []
    (tmp_path / "a.png").write_bytes(b"tampered")
    assert "a.png: not the picture" in gate.pictures_against_lock(tmp_path / "dvc.lock")[0]


@pytest.mark.parametrize(
    ("measure", "by", "fails"),
    [("psnr", 0.019, False), ("psnr", -0.021, True), ("ssim", 0.0009, False), ("ssim", 0.0011, True)],
)
def test_tolerances(held: config.Experiment, tmp_path: Path, measure: str, by: float, fails: bool) -> None:
    change(held, "ours", measure, by)
    moved = accepted.moved(Results(held))
    assert bool(moved) == fails
    if fails:
        head, line = moved.splitlines()
        assert head.split() == ["run", "measure", "accepted", "measured", "moved", "tolerance"]
        assert line.split()[:2] == ["ours", measure]
        assert float(line.split()[4]) == pytest.approx(by, abs=1e-4)


def test_accepting_names_what_it_changes_and_allows_no_run_more(held: config.Experiment, tmp_path: Path) -> None:
    path = tmp_path / "accepted" / "toy.json"
    stored = json.loads(path.read_text())
    stored["runs"]["ours"] |= {"tolerance": {"psnr": 1.0}}
    path.write_text(json.dumps(stored))
    change(held, "ours", "psnr", 0.5)
    assert accepted.moved(Results(held)) != ""
    changed = accepted.accept(Results(held)).splitlines()[1:]
    assert [line.split()[:2] for line in changed] == [["ours", "psnr"]]
    entry = json.loads(path.read_text())["runs"]["ours"]
    assert entry.keys() == {"psnr", "ssim"}
    assert entry["psnr"] == pytest.approx(stored["runs"]["ours"]["psnr"] + 0.5, abs=1e-5)
    assert accepted.moved(Results(held)) == ""


@pytest.mark.parametrize("gone", ["results", "accepted"])
def test_a_run_on_one_side_alone_fails(held: config.Experiment, tmp_path: Path, gone: str) -> None:
    if gone == "results":
        held.run("nearest").metrics.unlink()
    else:
        path = tmp_path / "accepted" / "toy.json"
        stored = json.loads(path.read_text())
        del stored["runs"]["nearest"]
        path.write_text(json.dumps(stored))
    lines = accepted.moved(Results(held)).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["nearest", "psnr"], ["nearest", "ssim"]]
    assert all("none" in line for line in lines)
