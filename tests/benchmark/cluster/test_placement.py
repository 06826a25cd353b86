"""What the processes of one training are told of each other."""

from __future__ import annotations

import pytest

from benchmark.cluster.placement import ALONE, Placement, environment
from datasets.face import BadInput

SLURM = {
    "SLURM_JOB_ID": "1000",
    "SLURM_STEP_ID": "1",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
}


def test_a_process_learns_what_torchrun_would_tell_it() -> None:
    told = environment(SLURM, "node7")
    assert (told["RANK"], told["LOCAL_RANK"], told["WORLD_SIZE"], told["MASTER_ADDR"]) == ("5", "1", "8", "node7")
    assert environment(SLURM | {"SLURM_STEP_NUM_NODES": "1"}, "node7")["MASTER_ADDR"] == "127.0.0.1"


def test_steps_and_jobs_side_by_side_have_ports_of_their_own() -> None:
    ports = {
        environment(SLURM | {"SLURM_JOB_ID": str(job), "SLURM_STEP_ID": str(step)}, "")["MASTER_PORT"]
        for job in range(1000, 1100)
        for step in range(4)
    }
    assert len(ports) == 400
    assert all(1024 < int(port) < 65536 for port in ports)


def test_one_process_needs_no_srun() -> None:
    command = ["python", "-m", "benchmark.train", "--run", "ours"]
    assert ALONE.command(command) == command
    many = Placement(nodes=2, processes=4, cpus=3).command(command)
    assert {"--nodes=2", "--ntasks=8", "--ntasks-per-node=4", "--cpus-per-task=3", "--kill-on-bad-exit=1"} <= set(many)
    assert many[-4:] == ["benchmark.cluster.placement", "benchmark.train", "--run", "ours"]


def test_several_processes_outside_slurm_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    ALONE.require_slurm()
    with pytest.raises(BadInput, match="--cluster slurm"):
        Placement(nodes=2).require_slurm()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    Placement(nodes=2).require_slurm()
