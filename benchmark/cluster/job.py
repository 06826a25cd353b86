"""What a scheduler runs: a command that goes on where it stood, again and again until it comes to its end."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field

from submitit.core.utils import DelayedSubmission

from benchmark.cli import OUT_OF_TIME


@dataclass(frozen=True)
class Job:
    """A command, and the names of the jobs that must have succeeded before it, or only ended (`always`)."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    always: bool = False


class Failed(Exception):
    """A job's command ended with an error."""


@dataclass(frozen=True)
class Resumable:
    """A job's command as submitit calls it: out of time or pre-empted, it is put back into the queue.

    environment: what it is to see beside the scheduler's own. Nothing has to be handed over when it is called again:
    the command itself finds its checkpoint.
    """

    job: Job
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self) -> None:
        """Run the command; Failed where it ends with an error."""
        process = subprocess.Popen(self.job.command, env={**os.environ, **self.environment})
        try:
            code = process.wait()
        finally:  # where submitit's handler of a signal ends this
            process.terminate()
            process.wait()
        if code in (OUT_OF_TIME, -signal.SIGUSR2):
            os.kill(os.getpid(), signal.SIGUSR2)  # which submitit takes for the scheduler's own, and requeues
        if code:
            raise Failed(f"{self.job.name}: status {code}; the same call goes on from here")

    def checkpoint(self) -> DelayedSubmission:
        """What submitit is to submit again."""
        return DelayedSubmission(self)
