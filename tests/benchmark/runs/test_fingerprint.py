"""A training's fingerprint changes with what decides its outcome, and with nothing else."""

import json
from collections.abc import Callable
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


def set_manifest(side: str, digest: str) -> None:
    path = Path("data/small/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["files"][f"{side}/hr.npy"] = digest
    path.write_text(json.dumps(manifest))


def other_seeds_threads_and_precision(_: pytest.MonkeyPatch) -> None:
    experiments.change(Path(), training={"threads": 2, "seeds": 1}, predict={"precision": "float64"})


def change_method(name: str, **options: int) -> None:
    experiments.change(Path(), methods={name: small.BLOCK["methods"][name] | options})


# vdsr builds on stn0; bicubic is fitted without the loop.
RUNS = {"vdsr", "long", "bicubic", "stn0"}
CHANGES = {
    "an option": (lambda _: change_method("vdsr", width=7), {"vdsr", "long"}),
    "what a run builds on": (lambda _: change_method("stn0", epochs=2), {"vdsr", "stn0"}),
    "the method": (lambda patch: patch.setattr(METHOD, "VERSION", METHOD.VERSION + 1), {"vdsr", "long"}),
    "the loop": (lambda patch: patch.setattr(identity, "LOOP_VERSION", 1000), {"vdsr", "long", "stn0"}),
    "the training faces": (lambda _: set_manifest("train", "another"), RUNS),
    "the test faces": (lambda _: set_manifest("test", "another"), set()),
    "seeds, threads, precision": (other_seeds_threads_and_precision, set()),
}


@pytest.mark.parametrize(("change", "moved"), CHANGES.values(), ids=CHANGES)
def test_a_change_counts_for_whom_it_concerns(
    change: Callable[[pytest.MonkeyPatch], None], moved: set[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fingerprints() -> dict[str, str]:
        return {name: fingerprint(config.load().run(name), 0) for name in RUNS}

    before = fingerprints()
    assert len({*before.values(), fingerprint(config.load().run("vdsr"), 1)}) == len(RUNS) + 1
    change(monkeypatch)
    assert {name for name, found in fingerprints().items() if found != before[name]} == moved


def test_weights_are_up_to_date_if_their_record_has_the_fingerprint(project: Path) -> None:
    run = config.load().run("vdsr")
    record = run.weights(0) / identity.RECORD
    assert not identity.is_trained(run, 0)
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(identity.record_of(run, 0)))
    assert identity.is_trained(run, 0)
    record.write_text(record.read_text()[:-10])
    assert not identity.is_trained(run, 0), "a damaged record counts as none"


def test_scores_and_images_are_up_to_date_for_the_same_training_faces_and_precision(project: Path) -> None:
    run = config.load().run("vdsr")
    run.metrics.parent.mkdir(parents=True)
    run.metrics.write_text("{}")
    run.facts.write_text(json.dumps({"data": "abc", "training": [identity.record_of(run, 1)]}))
    assert [identity.is_scored(run, seed) for seed in (0, 1)] == [False, True]
    run.facts.write_text(json.dumps({"data": "other faces", "training": [identity.record_of(run, 1)]}))
    assert not identity.is_scored(run, 1)

    run.images(0).mkdir(parents=True)
    assert not identity.images_up_to_date(run, 0)
    identity.mark_images(run.images(0), run, 0)
    assert identity.images_up_to_date(run, 0)
    set_manifest("test", "another")
    assert not identity.images_up_to_date(run, 0)
    set_manifest("test", "2")
    experiments.change(Path(), predict={"precision": "float64"})
    assert not identity.images_up_to_date(config.load().run("vdsr"), 0)
