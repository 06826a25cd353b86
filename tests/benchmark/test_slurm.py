"""The launcher on a real SLURM of this one machine: a whole experiment, and a job that SLURM takes its node from."""

from collections.abc import Iterator
from pathlib import Path

import experiments
import pytest
import slurm_node
import small

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_node.missing()), reason=slurm_node.missing() or "SLURM is there"),
]
LAUNCH = ("launch", "--device", "cpu", "--cluster", "slurm", "--gpus", "0")


@pytest.fixture(scope="module", autouse=True)
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("slurm") / "node"
    with slurm_node.slurm(folder) as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


def test_an_experiment_is_trained_and_scored(tmp_path: Path) -> None:
    folder = small.make_project(tmp_path)
    done = small.command(folder, *LAUNCH, "--jobs", "2", "--only", "vdsr", "bicubic", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"vdsr.json", "bicubic.json"} <= {path.name for path in (folder / "results/small/metrics").iterdir()}


def test_a_job_that_loses_its_node_is_queued_again_and_resumes(node: dict[str, str], tmp_path: Path) -> None:
    folder, unbroken = (small.make_project(tmp_path / name) for name in ("folder", "unbroken"))
    for project in (folder, unbroken):
        experiments.change(project, runs={"long": small.LONG | {"epochs": 60}})
    call = small.start(folder, *LAUNCH, "--only", "long")
    slurm_node.wait_for(lambda: any((folder / "work").glob("small-long-0-*/.lock")), "the training", folder)
    job = slurm_node.command(node, "squeue", "--noheader", "--format=%A").split()[0]
    slurm_node.command(node, "scancel", "--signal=USR2", job)  # as SLURM tells a job that its time is over
    slurm_node.wait_for(lambda: "Restarts=1" in slurm_node.command(node, "scontrol", "show", "job", job), job, folder)
    assert call.wait(300) == 0
    small.run(unbroken, "train", "--run", "long")
    ends = [path / "results/small/weights/long/seed0/weights.safetensors" for path in (folder, unbroken)]
    assert ends[0].read_bytes() == ends[1].read_bytes()
