"""Jobs through a real SLURM of this one machine: order, time limits, lost nodes, and an experiment from end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_node
from small import ENVIRONMENT, change_params, make_project
from watch import idle, jobs_of, restarts, slurm, steps, training, until

from benchmark.cluster import submit
from benchmark.cluster.job import Job
from benchmark.cluster.placement import Placement
from datasets.face import BadInput

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_node.missing()), reason=slurm_node.missing() or "SLURM is there"),
]
ONE = submit.Request(minutes=1, array=2)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm_node.slurm(tmp_path_factory.mktemp("slurm") / "node") as environment:
        yield environment


@pytest.fixture(autouse=True)
def in_a_folder(node: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {**ENVIRONMENT, **node}.items():
        monkeypatch.setenv(name, value)


def shell(name: str, script: str, *needs: str, always: bool = False) -> Job:
    return Job(name, ("sh", "-c", script), needs, always)


def test_needs_failures_and_time_limits() -> None:
    jobs = [
        shell("first", "sleep 1; touch first"),
        shell("broken", "exit 2"),
        shell("saves in time", "test -e saved || { touch saved; exit 75; }"),
        shell("runs into its limit", "test -e ran || { touch ran; sleep 600; }; touch through"),
        shell("follows", "test -e first && touch follows", "first"),
        shell("held up", "touch never", "broken"),
    ]
    names = tuple(job.name for job in jobs)
    last = shell("report", "test -e follows && test -e through && touch report", *names, always=True)
    ids = submit.slurm([*jobs, last], ONE, Path("logs"))
    assert len({number.split("_")[0] for number in ids.values()}) == 4  # those that wait for the same are one array
    until(idle)
    assert Path("report").exists()
    assert not Path("never").exists()
    assert [restarts(ids[name]) for name in ("first", "saves in time", "runs into its limit")] == [0, 1, 1]


def test_what_slurm_refuses_leaves_nothing_in_the_queue() -> None:
    impossible = [shell("first", "sleep 600"), shell("second", "true", "first")]
    monkey = submit.parameters

    def second_is_refused(request: submit.Request) -> dict:
        return {**monkey(request), "partition": None if idle() else "no-such"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submit, "parameters", second_is_refused)
        with pytest.raises(BadInput, match=r"sbatch refused, and nothing is left in the queue: .*partition"):
            submit.slurm(impossible, ONE, Path("logs"))
    until(idle)


def test_a_lost_node_and_a_drained_one() -> None:
    script = "echo >> begun; test -e go || sleep 600; touch {0}"
    ids = submit.slurm([shell(name, script.format(name)) for name in "ab"], ONE, Path("logs"))
    until(lambda: Path("begun").exists() and len(Path("begun").read_text()) == 2)
    Path("go").touch()
    name = slurm("sinfo", "--noheader", "--format=%n").strip()
    slurm("scontrol", "update", f"nodename={name}", "state=down", "reason=test")
    until(lambda: not steps())  # a node that comes back while it still clears a job away holds that job for good
    slurm("scontrol", "update", f"nodename={name}", "state=resume")
    until(lambda: Path("a").exists() and Path("b").exists())
    assert restarts(ids["a"]) == restarts(ids["b"]) == 1
    slurm("scontrol", "update", f"nodename={name}", "state=drain", "reason=test")
    submit.slurm([shell("c", "touch c")], ONE, Path("logs"))
    time.sleep(5)
    assert not Path("c").exists()
    slurm("scontrol", "update", f"nodename={name}", "state=resume")
    until(idle)
    assert Path("c").exists()


def test_the_tiny_experiment_ends_bit_equal_whatever_befalls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Path("results/small/weights/long/seed0/weights.safetensors")
    for name in ("whole", "jobs"):
        monkeypatch.chdir(make_project(tmp_path / name))
        change_params(runs={"long": {"epochs": 300}}, training={"seeds": 1})
    monkeypatch.chdir(tmp_path / "jobs")
    call = [sys.executable, "-m", "benchmark.run_all", "--only", "long", "bicubic", "--device", "cpu"]
    submitted = [*call, "--cluster", "slurm", "--gpus", "0", "--minutes", "30"]
    numbers = jobs_of(subprocess.run(submitted, capture_output=True, text=True, check=True).stdout)
    assert set(numbers) == {"stn0", "long seed 0", "bicubic seed 0", "recognise", "report"}
    assert not weights.exists()

    until(lambda: any(Path("work").glob("small-long-*/progress.json")))
    first = until(training)
    slurm("scontrol", "requeue", numbers["long seed 0"])  # as where a more urgent job takes the node
    second = until(lambda: training() - first)
    assert restarts(numbers["long seed 0"]) == 1
    os.kill(second.pop(), signal.SIGKILL)  # this job fails
    until(idle)
    assert not weights.exists()
    again = subprocess.run(submitted, capture_output=True, text=True, check=True).stdout
    assert set(jobs_of(again)) == {"long seed 0", "recognise", "report"}  # the rest is done
    until(idle)
    assert json.loads(Path("results/small/metrics/long.facts.json").read_text())["seeds"] == 1

    monkeypatch.chdir(tmp_path / "whole")
    subprocess.run([sys.executable, "-m", "benchmark.train", "--run", "long", "--device", "cpu"], check=True)
    assert weights.read_bytes() == (tmp_path / "jobs" / weights).read_bytes()


def test_one_training_in_two_processes_goes_on_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Path("results/small/weights/long/seed0/weights.safetensors")
    for name in ("torchrun", "jobs"):
        monkeypatch.chdir(make_project(tmp_path / name))
        change_params(runs={"long": {"epochs": 100}}, training={"seeds": 1})
    call = [sys.executable, "-m", "benchmark.run_all", "--only", "long", "--device", "cpu", "--cluster", "slurm"]
    asked = ["--gpus", "0", "--processes", "2", "--minutes", "30"]
    numbers = jobs_of(subprocess.run([*call, *asked], capture_output=True, text=True, check=True).stdout)
    until(lambda: any(Path("work").glob("small-long-*/progress.json")))
    assert len(until(lambda: len(training()) > 1 and training())) == 2
    slurm("scontrol", "requeue", numbers["long seed 0"])
    until(idle)
    made = json.loads(Path("results/small/provenance/long/seed0.json").read_text())
    assert made["processes"] == 2
    assert restarts(numbers["long seed 0"]) == 1

    monkeypatch.chdir(tmp_path / "torchrun")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    subprocess.run([*torchrun, "--", "benchmark.train", "--run", "long", "--device", "cpu"], check=True)
    assert weights.read_bytes() == (tmp_path / "jobs" / weights).read_bytes()


def test_a_placed_command_ends_as_its_worst_process_does() -> None:
    """75 must come through: by it a training says that its time is up."""
    told = "(os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR'))"
    lines = ["import os, sys", f"print(*{told}, *sys.argv[1:])", "sys.exit(75 * (os.environ['RANK'] == '1'))"]
    Path("part.py").write_text("\n".join(lines))
    command = Placement(processes=2).command([sys.executable, "-m", "part", "word"])
    holder = ["srun", "--ntasks=1", "--cpus-per-task=2", *command]  # as the one that sbatch starts
    done = subprocess.run(holder, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.splitlines()) == ["0 0 2 127.0.0.1 word", "1 1 2 127.0.0.1 word"], done.stderr
    assert done.returncode == 75
