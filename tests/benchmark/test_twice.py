"""Stages are deterministic: a tiny experiment run twice gives the same bytes, and nothing of machine or moment."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import experiments
import pytest
import yaml
from small import ROOT

SMALL = {"width": 2, "epochs": 1, "batch_size": 4}
BLOCK = experiments.block(
    "tiny",
    methods={
        "stn0": {"epochs": 1, "batch_size": 8},
        "mtun_trunk": {"width": 2, "epochs": 1, "batch_size": 8},
        "nearest": {},
        "bicubic": {},
        "position_patch": {},
        "mtun": {**SMALL, "trunk": "trunk", "random_vgg_width": 4},
    },
    pretrained={"stn0": {"method": "stn0"}, "trunk": {"method": "mtun_trunk", "seeds": 2}},
    runs={
        "nearest": {"method": "nearest", "align": "oracle"},
        "bicubic": {"method": "bicubic"},
        "ma": {"method": "position_patch"},
        "ours": {"method": "mtun", "stacks": 1, "seeds": 2},
        "no_heb_p": {"method": "mtun", "stacks": 0, "feature": False, "adversarial": False},
    },
)
# Every stage in one process: importing PyTorch takes seconds.
STAGES = """
import sys
from benchmark import __main__ as entry
runs = sys.argv[1].split(",")
scored = [f"{stage} --run {run}" for stage in ("predict", "evaluate") for run in runs[2:]]
trained = [f"train --run {run}" for run in runs]
for command in ["corpus", "prepare --workers 1", *trained, *scored, "recognise", "report"]:
    try:
        entry.main([*command.split()])
    except SystemExit as end:
        assert not end.code, command
"""
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("twice")]  # one pair of projects for all


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pipeline's results twice, each time from nothing, with another order of sets."""
    folders = []
    for seed in "12":
        folder = tmp_path_factory.mktemp("project")
        experiments.write(folder, BLOCK)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": seed}
        call = [sys.executable, "-c", STAGES, ",".join([*BLOCK["pretrained"], *BLOCK["runs"]])]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        folders.append(folder)
    return folders


def outputs(project: Path) -> dict[str, bytes]:
    """All files that stages put out; provenance is of no stage."""
    found = [path for top in ("data", "results") for path in (project / top).rglob("*") if path.is_file()]
    return {str(p.relative_to(project)): p.read_bytes() for p in found if "provenance" not in p.parts}


def test_outputs_are_equal_byte_for_byte(projects: list[Path]) -> None:
    one, other = map(outputs, projects)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_every_output_of_dvc_yaml_is_there(projects: list[Path]) -> None:
    text = (ROOT / "dvc.yaml").read_text().replace("${experiment.name}", "tiny")
    for name, stage in yaml.safe_load(text)["stages"].items():
        keys = {"pretrain": BLOCK["pretrained"], "corpus": [""], "prepare": [""], "recognise": [""], "report": [""]}
        body = stage.get("do", stage)
        for key in keys.get(name, BLOCK["runs"]):
            for out in [*body.get("outs", []), *body.get("metrics", [])]:
                path = (out if isinstance(out, str) else next(iter(out))).replace("${key}", key)
                assert (projects[0] / path).exists(), path


def read(project: Path, path: str) -> dict[str, Any]:
    return json.loads((project / "results/tiny" / path).read_text())


def test_outputs_hold_nothing_that_provenance_holds(projects: list[Path]) -> None:
    for run in ("bicubic", "ours"):
        known = read(projects[0], f"provenance/{run}/seed0.json")
        assert known["date"].endswith("+00:00")
        assert {"seconds", "device", "threads", "torch", "commit"} <= known.keys()
        record = read(projects[0], f"weights/{run}/seed0/config.json")
        assert not {"seconds", "device", "torch", "commit", "images_per_second"} & record.keys()


def test_runs_of_a_seed_start_from_the_same_trunk(projects: list[Path]) -> None:
    folders = ("ours/seed0", "no_heb_p/seed0", "ours/seed1")
    ours, other, next_seed = (read(projects[0], f"weights/{folder}/config.json")["trunk"] for folder in folders)
    assert ours == other is not None
    assert next_seed != ours
    for run in ("ours", "no_heb_p"):
        _, first, *_ = (projects[0] / f"results/tiny/logs/{run}/seed0.csv").read_text().splitlines()
        assert first.startswith("trunk,")
