"""One training over two nodes of a real SLURM, which takes this machine for both."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_node
from small import ENVIRONMENT, change_params, make_project
from watch import idle, jobs_of, restarts, slurm, steps, training, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_node.missing()), reason=slurm_node.missing() or "SLURM is there"),
]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm_node.slurm(tmp_path_factory.mktemp("slurm") / "nodes", nodes=2) as environment:
        yield environment


def test_a_training_over_two_nodes_survives_the_loss_of_one(
    nodes: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENVIRONMENT, **nodes}.items():
        monkeypatch.setenv(name, value)
    weights = Path("results/small/weights/long/seed0/weights.safetensors")
    for name in ("torchrun", "jobs"):
        monkeypatch.chdir(make_project(tmp_path / name))
        change_params(runs={"long": {"epochs": 100}}, training={"seeds": 1})
    call = [sys.executable, "-m", "benchmark.run_all", "--only", "long", "--device", "cpu", "--cluster", "slurm"]
    asked = ["--gpus", "0", "--nodes", "2", "--processes", "1", "--minutes", "30"]
    number = jobs_of(subprocess.run([*call, *asked], capture_output=True, text=True, check=True).stdout)["long seed 0"]
    until(lambda: any(Path("work").glob("small-long-*/progress.json")))
    assert len(until(lambda: len(training()) > 1 and training())) == 2
    second = f"{platform.node()}-2"
    assert second in slurm("scontrol", "show", "hostnames", nodes_of(number))
    slurm("scontrol", "update", f"nodename={second}", "state=down", "reason=test")
    until(lambda: not steps())
    assert not weights.exists()
    slurm("scontrol", "update", f"nodename={second}", "state=resume")
    until(idle)
    assert restarts(number) == 1
    assert json.loads(Path("results/small/provenance/long/seed0.json").read_text())["processes"] == 2

    monkeypatch.chdir(tmp_path / "torchrun")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    subprocess.run([*torchrun, "--", "benchmark.train", "--run", "long", "--device", "cpu"], check=True)
    assert weights.read_bytes() == (tmp_path / "jobs" / weights).read_bytes()


def nodes_of(job: str) -> str:
    """SLURM's list of the nodes that a job has."""
    return slurm("squeue", "--noheader", "--format=%N", "--jobs", job).strip()
