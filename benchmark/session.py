"""One call of run_all: what it trains and scores in its slots until its deadline, beside other calls."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
import time
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from benchmark import cli, config, status
from benchmark.cluster.claims import Claims
from benchmark.cluster.placement import ALONE, Placement
from benchmark.grid import (
    FAILED,
    LOGS,
    SKIPPED,
    STORED,
    Training,
    record_scores,
    scored,
    stored,
    weights_hashes,
    work_of,
)
from benchmark.training.processes import child

START_UP = 5.0  # seconds until a stage is at work: a training gets so many less, and with less nothing is started
LOOK = 1.0  # seconds between two looks at what others are at
MADE_HERE = "made_here"  # in a training's folder of resume state, once it has come to its end there
PLACED = ("train", "align_stn0")  # stages that several processes work on as one


class Session:
    """One call: trains what is not stored yet, in several slots at a time, and scores it, until the deadline.

    submitit's local executor cannot take its place: it knows no deadline for all, and its jobs outlive a killed call.
    claims: who works on what, for all calls that share the folder. logs: whether the stages' output goes to files.
    until: the phase after which a training is ended, its first one, which others share; None: each is trained to its
    end and scored. placement: over how many processes each training goes.
    """

    def __init__(
        self,
        experiment: config.Experiment,
        device: str,
        slots: list[dict[str, str]],
        deadline: float,
        until: str | None = None,
        logs: bool = False,
        placement: Placement = ALONE,
    ):
        self.experiment, self.device, self.slots, self.deadline = experiment, device, slots, deadline
        self.until, self.logs = until, logs or len(slots) > 1
        self.claims, self.placement = Claims(LOGS / "claims"), placement
        self.failures: list[str] = []
        self.late = False

    async def work(self, trainings: list[Training]) -> None:
        """Each STN_0 first, if there; then the others. Those that need one are left out where it failed."""
        current = asyncio.current_task()
        assert current is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                loop.add_signal_handler(number, current.cancel)
        loop.add_signal_handler(signal.SIGUSR2, self.pre_empt, current)
        aligners = [t for t in trainings if not t.scores]
        for stn0 in aligners:
            await self.take(deque([stn0]), self.slots[0])
        failed = {stn0.name for stn0 in aligners if stn0.state == FAILED}
        pending = deque(t for t in trainings if t.scores and t.aligner not in failed)
        await asyncio.gather(*(self.take(pending, slot) for slot in self.slots))

    def pre_empt(self, current: asyncio.Task) -> None:
        """A scheduler wants its node back: as if time were up."""
        self.late = True
        current.cancel()

    async def take(self, pending: deque[Training], slot: dict[str, str]) -> None:
        """Work on the trainings that nobody else has taken, and last wait for those that others are at."""
        told: set[str] = set()
        while pending:
            training = pending.popleft()
            name = f"{self.experiment.name}-{training}".replace(" ", "-")
            claim = self.claims.take(name)
            if claim and await claim.keep(self.fit(training, slot)) is not None:
                if training.scores and training.state in (STORED, SKIPPED) and not self.until:
                    await self.score(training.run, training, slot)
                continue
            if self.left() < START_UP:
                self.late = True
                return
            if name not in told:
                told.add(name)
                say(f"{training}: {self.claims.holder(name)} is at it; left until that ends")
            pending.append(training)
            await asyncio.sleep(LOOK)

    async def fit(self, training: Training, slot: dict[str, str]) -> bool:
        """Train, unless that was done before; whether the weights are there."""
        name, seed = training.name, training.seed
        if stored(training) and (not training.anew or self.made_here(training).is_file()):
            training.state = SKIPPED
            say(f"{training}: stored before, skipped")
            return True
        which = ["--run", name, "--seed", str(seed)] if training.scores else ["--network", name]
        arguments = ["train" if training.scores else "align_stn0", *which]
        if self.deadline < math.inf:
            arguments += ["--seconds", f"{max(0.0, self.left() - START_UP):.1f}"]
        stage = self.stage(training, slot, *arguments, "--device", self.device)
        if not await (self.end_after(self.until, training, stage) if self.until else stage):
            return False
        training.state = STORED
        if not self.until:
            made_here = self.made_here(training)
            made_here.parent.mkdir(parents=True, exist_ok=True)
            made_here.touch()
        return True

    def made_here(self, training: Training) -> Path:
        """A file that is there once this folder's calls have brought the training to its end."""
        return work_of(training) / MADE_HERE

    async def end_after(self, phase: str, training: Training, stage: Coroutine[Any, Any, bool]) -> bool:
        """End the stage once its training has gone beyond `phase`, whose outcome is kept then; whether it was so."""
        began, work, task = time.time(), work_of(training), asyncio.ensure_future(stage)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK)
                if status.beyond(phase, work, began):
                    return True
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def score(self, run: config.Run, training: Training, slot: dict[str, str]) -> None:
        """Predict and evaluate the training's run, unless its metrics are of all that is stored of it."""
        while not (claim := self.claims.take(f"{self.experiment.name}-{run.name}-scores")):
            await asyncio.sleep(LOOK)
        await claim.keep(self.score_alone(run, training, slot))

    async def score_alone(self, run: config.Run, training: Training, slot: dict[str, str]) -> None:
        """Predict and evaluate, while nobody else does so for this run."""
        if scored(run):
            return
        arguments = ["--run", run.name]
        # Before predict chooses its seeds: one that ends in between is then scored once more, never taken for scored.
        weights = weights_hashes(run)
        if not await self.stage(training, slot, "predict", *arguments, "--device", self.device):
            return
        if await self.stage(training, slot, "evaluate", *arguments):
            record_scores(run, weights)

    async def stage(self, training: Training, slot: dict[str, str], name: str, *arguments: str) -> bool:
        """Start a stage if there is time, and wait for it; whether it came to its end."""
        if self.left() < START_UP:
            self.late = True
            return False
        say(f"{training}: {name} starts")
        began = time.monotonic()
        training.error.unlink(missing_ok=True)
        command = [sys.executable, "-m", f"benchmark.{name}", "--experiment", self.experiment.name, *arguments]
        command = self.placement.command(command) if name in PLACED else command
        code = await child(command, slot, training.log if self.logs else None)
        say(f"{training}: {name} ended with status {code} after {time.monotonic() - began:.0f} s")
        if code in (cli.OUT_OF_TIME, -signal.SIGUSR2):  # a scheduler may signal every process of a job
            self.late = True
        elif code:
            training.state = FAILED
            self.failures.append(f"{training} ({name}, status {code})")
            said = last_line(training.log) if self.logs else ""
            training.error.parent.mkdir(parents=True, exist_ok=True)
            training.error.write_text(f"{name}, status {code}{said}")
            if said:
                say(f"{training}{said} (all of it: {training.log})")
        return code == 0

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()


def say(line: str) -> None:
    print(line, flush=True)


def last_line(log: Path) -> str:
    """What a stage said last: its error, where it failed."""
    return ": " + (log.read_text(errors="replace").rstrip().splitlines() or ["nothing said"])[-1]
