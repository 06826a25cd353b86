"""A stage as a child process ends with the task that waits for it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from benchmark.training.processes import child

# The first signal is lost on it, as on a process that has been forked and has not become Python yet.
DEAF_ONCE = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
print("ready", flush=True)
time.sleep(20)
time.sleep(60)
"""


def test_a_child_that_missed_the_first_signal_ends_too(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def cancelled() -> None:
        task = asyncio.create_task(child([sys.executable, "-c", DEAF_ONCE], {}, log))
        while not (log.exists() and log.read_text()):
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait_for(task, 15)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
