"""Outputs depend on inputs alone: every stage of a tiny experiment, run twice, gives the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline import Stage, run, stages

MTUN = {"width": 2, "front_epochs": 1, "front_batch_size": 8, "epochs": 1, "batch_size": 4, "random_vgg_width": 4}
PARAMS: dict[str, Any] = {
    "experiment": "tiny",
    "experiments": {
        "tiny": {
            "corpus": "a few synthetic faces",
            "corpora": {"synthetic": {"faces": 40, "seed": 0}},
            "prepare": {
                "annotator": "dlib",
                "test_fraction": 0.3,
                "validation_fraction": 0.2,
                "seed": 0,
                "sigma": 1.5,
            },
            "recognise": {"count": 4, "seed": 0},
            "training": {"recipe": "tuned", "seeds": 2, "vgg": None, "threads": 1},
            "stn0": {"epochs": 1, "batch_size": 8},
            "methods": {"nearest": {}, "bicubic": {}, "position_patch": {}, "mtun": MTUN},
        }
    },
    "runs": {
        "nearest": {"method": "nearest", "align": "oracle"},
        "bicubic": {"method": "bicubic"},
        "ma": {"method": "position_patch"},
        "ours": {"method": "mtun", "stacks": 1, "seeds": 2},
        "no_heb_p": {"method": "mtun", "stacks": 0, "feature": False, "adversarial": False},
    },
}
STAGES = stages(PARAMS, "tiny")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pipeline's results twice, each time from nothing, with another order of sets."""
    folders = []
    for seed in "12":
        folder = tmp_path_factory.mktemp("project")
        (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
        run(folder, "benchmark.corpus", PYTHONHASHSEED=seed)
        run(folder, *(stage.command for stage in STAGES[1:]), PYTHONHASHSEED=seed)
        folders.append(folder)
    return folders


def files(path: Path) -> dict[str, bytes]:
    """The content of a file, or of all files below a folder."""
    found = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path.parent)): p.read_bytes() for p in found}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.command)
def test_outputs_are_equal_byte_for_byte(projects: list[Path], stage: Stage) -> None:
    for out in stage.outs:
        one, other = (files(project / out) for project in projects)
        assert one, out
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.slow
def test_outputs_hold_nothing_that_provenance_holds(projects: list[Path]) -> None:
    """What is known of the machine and the moment is kept, beside the outputs."""
    results = projects[0] / "results/tiny"
    for run_ in ("bicubic", "ours"):
        known = json.loads((results / f"provenance/{run_}/seed0.json").read_text())
        assert known["date"].endswith("+00:00")
        assert {"seconds", "device", "threads", "torch", "commit"} <= known.keys()
        config = json.loads((results / f"weights/{run_}/seed0/config.json").read_text())
        assert not {"seconds", "device", "processes", "torch", "commit", "images_per_second"} & config.keys()
    shared = json.loads((results / "provenance/no_heb_p/seed0.json").read_text())
    assert shared["phase front"].startswith("taken over")


@pytest.mark.slow
def test_a_run_by_itself_puts_out_what_it_does_among_others(projects: list[Path], tmp_path: Path) -> None:
    """Its first phase trained here, taken over there."""
    project = tmp_path / "project"
    shutil.copytree(projects[0], project, ignore=shutil.ignore_patterns("work", "weights", "logs"))
    shutil.copytree(projects[0] / "results/tiny/weights/stn0", project / "results/tiny/weights/stn0")
    run(project, "benchmark.train --run no_heb_p")
    assert "phase front" not in json.loads((project / "results/tiny/provenance/no_heb_p/seed0.json").read_text())
    for out in ("weights/no_heb_p", "logs/no_heb_p"):
        assert files(project / "results/tiny" / out) == files(projects[0] / "results/tiny" / out)
