"""Stages started as forks: the same words, environment and status as of the commands that DVC would start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, sys
from benchmark import forked

def otherwise(_, command, **__):
    print("left to DVC:", command)

def failed(command, status):
    return SystemExit(f"{command}: status {status}")

os.environ["EXPERIMENT"] = "of the environment"
run = forked.runner(otherwise, failed)
for command in sys.argv[1:]:
    run("/bin/sh", command, cwd=os.getcwd(), env=dict(os.environ))
"""


WORK = """
import time
from joblib import Parallel, delayed

print(sum(1 for _ in Parallel(2)(delayed(time.sleep)(0.2) for i in range(20))))
raise SystemExit(3)
"""

POOL = """
import multiprocessing, os
from benchmark import forked

process = multiprocessing.get_context("forkserver").Process(
    target=forked.execute, args=("pool", [], dict(os.environ), os.getcwd())
)
process.start()
process.join(60)
print("ended with", process.exitcode)
process.kill()
"""

BEAT = """
import pathlib, time

for _ in range(600):
    with pathlib.Path("beats").open("a") as file:
        file.write(".")
    time.sleep(0.1)
"""


def start(*commands: str) -> subprocess.CompletedProcess[str]:
    """Run the commands in the project's folder, one after the other."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *commands],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_is_run_as_a_command_is() -> None:
    answer = start("python -m benchmark.run_all --help", "python -m benchmark.evaluate --help")
    assert answer.returncode == 0, answer.stderr
    usages = [line for line in answer.stdout.splitlines() if line.startswith("usage:")]
    assert [line.split()[1] for line in usages] == ["run_all.py", "evaluate.py"]
    assert "Warning" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [("--run bicubic", "no experiment 'of the environment'"), ("--experiment demo --run no-such", "no run 'no-such'")],
)
def test_the_status_of_a_stage_is_told(arguments: str, says: str) -> None:
    command = f"python -m benchmark.evaluate {arguments}"
    error = start(command).stderr
    assert says in error
    assert error.splitlines()[-1] == f"{command}: status 2"


def test_a_stage_ends_its_pool_and_itself(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(WORK)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT)))}
    command = [sys.executable, "-c", POOL]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.stdout.splitlines() == ["20", "ended with 3"], answer.stderr


def test_a_stage_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(BEAT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT)))}
    beats = tmp_path / "beats"
    with subprocess.Popen([sys.executable, "-c", POOL], cwd=tmp_path, env=environment) as command:
        while not beats.exists():
            time.sleep(0.1)
        command.kill()
    for _ in range(100):
        before = beats.read_text()
        time.sleep(0.5)
        if beats.read_text() == before:
            return
    pytest.fail("the stage is still at work")


def test_other_commands_are_left_to_dvc() -> None:
    commands = [
        "echo python -m benchmark.evaluate",
        "python -m benchmark.evaluate > x",
        "python -m benchmark.train 'x'",
    ]
    assert start(*commands).stdout.splitlines() == [f"left to DVC: {command}" for command in commands]
