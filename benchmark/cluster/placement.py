"""One training over several GPUs and nodes: srun starts its processes, which learn of each other from SLURM.

torchrun does so too, but its own exit status hides the training's, by which a training says that its time is up.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from datasets.face import BadInput

PORTS = range(20_000, 60_000)  # one of them for each step of each job: several may share a node


@dataclass(frozen=True)
class Placement:
    """How many nodes a training takes, how many processes on each, and how many cores each of these."""

    nodes: int = 1
    processes: int = 1
    cpus: int = 1

    @property
    def several(self) -> bool:
        return self.nodes * self.processes > 1

    def require_slurm(self) -> None:
        """BadInput where several processes are to be started outside a job of SLURM."""
        if self.several and "SLURM_JOB_ID" not in os.environ:
            raise BadInput(
                "--nodes, --processes: SLURM starts several processes, and this is no job of it: add --cluster slurm, "
                "or train a run by `torchrun --nproc-per-node N -m benchmark.train --run RUN`"
            )

    def command(self, command: list[str]) -> list[str]:
        """The command `python -m MODULE ...` as one that starts all processes and ends with the worst status."""
        if not self.several:
            return command
        python, _, *module = command
        tasks = [f"--nodes={self.nodes}", f"--ntasks={self.nodes * self.processes}"]
        tasks += [f"--ntasks-per-node={self.processes}", f"--cpus-per-task={self.cpus}"]
        srun = ["srun", "--overlap", "--kill-on-bad-exit=1", *tasks]
        return [*srun, python, "-m", "benchmark.cluster.placement", *module]


ALONE = Placement()


def environment(slurm: Mapping[str, str], first_host: str) -> dict[str, str]:
    """What torchrun would tell a process, from what srun does; first_host: where process 0 is."""
    step = int(slurm["SLURM_JOB_ID"]) * 64 + int(slurm["SLURM_STEP_ID"])
    return {
        "RANK": slurm["SLURM_PROCID"],
        "LOCAL_RANK": slurm["SLURM_LOCALID"],
        "WORLD_SIZE": slurm["SLURM_STEP_NUM_TASKS"],
        "MASTER_ADDR": first_host if int(slurm["SLURM_STEP_NUM_NODES"]) > 1 else "127.0.0.1",
        "MASTER_PORT": str(PORTS[step % len(PORTS)]),
    }


def first_host() -> str:
    """The first node of this step."""
    words = ["scontrol", "show", "hostnames", os.environ["SLURM_STEP_NODELIST"]]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]


if __name__ == "__main__":
    os.environ.update(environment(os.environ, first_host()))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
