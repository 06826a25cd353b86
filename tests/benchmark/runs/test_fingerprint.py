"""A training's fingerprint changes with what decides its outcome, and with nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import experiments
import pytest
import small

from benchmark import config
from benchmark.runs import fingerprint as identity
from benchmark.runs.fingerprint import fingerprint
from methods.vdsr import METHOD


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return small.make_project(tmp_path)


def of(name: str, seed: int = 0) -> str:
    return fingerprint(config.load().run(name), seed)


def set_manifest(side: str, digest: str) -> None:
    path = Path("data/small/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["files"][f"{side}/hr.npy"] = digest
    path.write_text(json.dumps(manifest))


def test_seed_options_and_method_count(project: Path) -> None:
    found = {of("vdsr", 0), of("vdsr", 1), of("long"), of("bicubic"), of("stn0")}
    assert len(found) == 5
    before = of("vdsr")
    experiments.put(project, "small", "methods", "vdsr", "width", value=7)
    assert of("vdsr") != before


def test_what_a_run_builds_on_counts_for_it_alone(project: Path) -> None:
    before = {name: of(name) for name in ("vdsr", "long", "bicubic")}
    experiments.put(project, "small", "methods", "stn0", "epochs", value=2)
    after = {name: of(name) for name in before}
    assert [name for name in before if before[name] != after[name]] == ["vdsr"]


def test_version_of_its_own_method_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: of(name) for name in ("vdsr", "bicubic", "stn0")}
    monkeypatch.setattr(METHOD, "VERSION", METHOD.VERSION + 1)
    after = {name: of(name) for name in before}
    assert [name for name in before if before[name] != after[name]] == ["vdsr"]


def test_version_of_the_loop_counts_for_what_it_trains(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: of(name) for name in ("vdsr", "bicubic")}
    monkeypatch.setattr(identity, "LOOP_VERSION", 1000)
    assert of("vdsr") != before["vdsr"]
    assert of("bicubic") == before["bicubic"]


def test_training_faces_count_and_test_faces_do_not(project: Path) -> None:
    before = of("vdsr")
    set_manifest("test", "another")
    assert of("vdsr") == before
    set_manifest("train", "another")
    assert of("vdsr") != before


def test_seeds_and_threads_of_the_experiment_do_not_count(project: Path) -> None:
    before = of("vdsr")
    experiments.put(project, "small", "training", "threads", value=2)
    experiments.put(project, "small", "training", "seeds", value=1)
    experiments.put(project, "small", "predict", value={"precision": "float64"})
    assert of("vdsr") == before


def test_weights_are_up_to_date_if_their_record_has_the_fingerprint(project: Path) -> None:
    run = config.load().run("vdsr")
    record = run.weights(0) / identity.RECORD
    assert not identity.is_trained(run, 0)
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(identity.record_of(run, 0)))
    assert identity.is_trained(run, 0)
    record.write_text(record.read_text()[:-10])
    assert not identity.is_trained(run, 0), "a damaged record counts as none"


def test_scores_are_up_to_date_for_the_same_training_and_test_faces(project: Path) -> None:
    run = config.load().run("vdsr")
    run.metrics.parent.mkdir(parents=True)
    run.metrics.write_text("{}")
    run.facts.write_text(json.dumps({"data": "abc", "training": [identity.record_of(run, 1)]}))
    assert [identity.is_scored(run, seed) for seed in (0, 1)] == [False, True]
    run.facts.write_text(json.dumps({"data": "other faces", "training": [identity.record_of(run, 1)]}))
    assert not identity.is_scored(run, 1)


def test_images_are_up_to_date_for_the_same_training_faces_and_precision(project: Path) -> None:
    run = config.load().run("vdsr")
    run.images(0).mkdir(parents=True)
    assert not identity.images_up_to_date(run, 0)
    identity.mark_images(run.images(0), run, 0)
    assert identity.images_up_to_date(run, 0)
    set_manifest("test", "another")
    assert not identity.images_up_to_date(run, 0)
    set_manifest("test", "2")
    experiments.put(project, "small", "predict", value={"precision": "float64"})
    assert not identity.images_up_to_date(config.load().run("vdsr"), 0)
