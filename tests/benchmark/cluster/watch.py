"""What SLURM and its jobs are at, for the tests that wait for them."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import slurm_node

T = TypeVar("T")
LIMIT = 400.0  # seconds that anything may take


def slurm(*words: str) -> str:
    return slurm_node.command({}, *words)


def until(condition: Callable[[], T]) -> T:
    """What it gives once that is true; else say what SLURM does and what the jobs said."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        if time.monotonic() > end:
            said = "\n".join(path.read_text()[-1000:] for path in Path().rglob("*_log.*"))
            pytest.fail(f"waited for {LIMIT:.0f} s\n{slurm('squeue')}\n{said}")
        time.sleep(0.5)
    return found


def idle() -> bool:
    return not slurm("squeue", "--noheader").strip()


def restarts(job: str) -> int:
    return int(re.findall(r"Restarts=(\d+)", slurm("scontrol", "show", "job", job))[0])


def jobs_of(printed: str) -> dict[str, str]:
    """The number of each job that was submitted."""
    return dict(re.findall(r"^(.*): job (\S+)$", printed, re.MULTILINE))


def steps() -> list[Path]:
    """The processes by which slurmd watches over jobs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (process / "cmdline").read_bytes().startswith(b"slurmstepd"):
                found.append(process)
    return found


def training() -> set[int]:
    """The processes in which this folder's long training runs."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, here = (process / "cmdline").read_bytes().split(b"\0"), (process / "cwd").resolve()
        except OSError:  # it has ended
            continue
        if here == Path.cwd() and b"srun" not in words[0] and {b"benchmark.train", b"long"} <= {*words}:
            found.add(int(process.name))
    return found
