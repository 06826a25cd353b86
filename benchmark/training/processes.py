"""Stages as child processes: where each of several at a time works, and that none outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import torch
from joblib import cpu_count

from benchmark.training.fitting import choose_device
from datasets.face import BadInput


def slots(device: str, jobs: int | None, threads: int | None = None) -> list[dict[str, str]]:
    """For each of `jobs` at a time: its CUDA device, or its number of threads, as an environment.

    Default: one a CUDA device; without one, as many as have `threads` cores each, or one where each takes them all:
    two trainings of a thread each do more than one of two threads.
    """
    if jobs is not None and jobs < 1:
        raise BadInput(f"--jobs {jobs}: give 1 or more")
    devices = torch.cuda.device_count() if choose_device(device).type == "cuda" else 0
    if not devices:
        together = max(1, cpu_count() // threads) if threads else 1
        shared = {"OMP_NUM_THREADS": str(threads)} if threads else {}  # for stages that would take all cores
        return [shared for _ in range(jobs or together)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(devices)]
    return [{"CUDA_VISIBLE_DEVICES": names[i % devices]} for i in range(jobs or devices)]


async def child(command: list[str], environment: dict[str, str], log: Path | None) -> int:
    """Exit status of a command in this environment and `environment`; its output is added to `log`, or passes through.

    Where this task is cancelled the command is terminated.
    """
    with contextlib.ExitStack() as stack:
        output = None
        if log:
            environment = {**environment, "TQDM_MININTERVAL": "30"}  # s; a file keeps every state of a bar
            log.parent.mkdir(parents=True, exist_ok=True)
            output = stack.enter_context(log.open("ab"))
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdout=output, stderr=output, preexec_fn=_end_with_parent
        )
        try:
            return await process.wait()
        finally:
            while process.returncode is None:  # a signal that comes between fork and exec is lost
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 5)


def _end_with_parent() -> None:
    """Ask Linux to end this process even where its parent is killed and can end nothing itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
