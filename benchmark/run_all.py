"""All trainings of an experiment, each run scored as it grows, within given seconds; the next call goes on from there.

The stages are the pipeline's own, started as plain commands: DVC is not needed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pandas as pd

from benchmark import align_stn0, cli, config, status, train
from benchmark.make import make_method
from benchmark.provenance import file_hash
from benchmark.training.processes import child, slots
from datasets.face import require_folder

START_UP = 5.0  # seconds until a stage is at work: a training gets so many less, and with less nothing is started
INTERRUPTED = 130  # exit status, as shells have it for Ctrl-C
LOGS = Path("work/run_all")
STORED, SKIPPED, FAILED, NOT_REACHED = "stored", "skipped", "failed", "not reached"


@dataclass
class Training:
    """A run with a seed, or STN_0 where `run` is None; `state` is what this call made of it."""

    run: config.Run | None
    seed: int
    provenance: Path
    state: str = NOT_REACHED

    @property
    def name(self) -> str:
        return self.run.name if self.run else "stn0"

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed}"


class Session:
    """One call: trains what is not stored yet, in several slots at a time, and scores it, until the deadline."""

    def __init__(
        self,
        experiment: config.Experiment,
        device: str,
        slots: list[dict[str, str]],
        deadline: float,
        anew: bool = False,
    ):
        self.experiment, self.device, self.slots, self.deadline, self.anew = experiment, device, slots, deadline, anew
        self.failures: list[str] = []
        self.late = False
        self.scoring: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def work(self, trainings: list[Training]) -> None:
        """STN_0 first, if there; then the others. Those that need it are left out where it failed."""
        current = asyncio.current_task()
        assert current is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, current.cancel)
        for stn0 in (t for t in trainings if t.run is None):
            await self.fit(stn0, self.slots[0])
            if stn0.state == FAILED:
                trainings = [t for t in trainings if t.run and not needs_stn0(t.run)]
        pending = iter([t for t in trainings if t.run])
        await asyncio.gather(*(self.take(pending, slot) for slot in self.slots))

    async def take(self, pending: Iterator[Training], slot: dict[str, str]) -> None:
        """Work on the trainings that no other slot has taken."""
        for training in pending:
            if await self.fit(training, slot):
                await self.score(training, slot)

    async def fit(self, training: Training, slot: dict[str, str]) -> bool:
        """Train, unless that was done before; whether the weights are there."""
        run, seed = training.run, training.seed
        taken_over = self.anew and not work_of(training, self.experiment).is_dir()
        if stored(training, self.experiment) and not taken_over:
            training.state = SKIPPED
            say(f"{training}: stored before, skipped")
            return True
        arguments = ["train", "--run", run.name, "--seed", str(seed)] if run else ["align_stn0"]
        if self.deadline < math.inf:
            arguments += ["--seconds", f"{max(0.0, self.deadline - time.monotonic() - START_UP):.1f}"]
        if not await self.stage(training, slot, *arguments, "--device", self.device):
            return False
        training.state = STORED
        return True

    async def score(self, training: Training, slot: dict[str, str]) -> None:
        """Predict and evaluate the training's run, unless its metrics are of all that is stored of it."""
        run = training.run
        assert run is not None
        async with self.scoring[run.name]:
            arguments = ["--run", run.name]
            if scored(run) or not await self.stage(training, slot, "predict", *arguments, "--device", self.device):
                return
            if await self.stage(training, slot, "evaluate", *arguments):
                with cli.whole_file(score_record(run)) as part:
                    part.write_text(json.dumps(fingerprint(run), indent=1) + "\n")

    async def stage(self, training: Training, slot: dict[str, str], name: str, *arguments: str) -> bool:
        """Start a stage if there is time, and wait for it; whether it came to its end."""
        if self.deadline - time.monotonic() < START_UP:
            self.late = True
            return False
        say(f"{training}: {name} starts")
        began = time.monotonic()
        command = [sys.executable, "-m", f"benchmark.{name}", "--experiment", self.experiment.name, *arguments]
        log = LOGS / f"{training.name}-seed{training.seed}.log" if len(self.slots) > 1 else None
        code = await child(command, slot, log)
        say(f"{training}: {name} ended with status {code} after {time.monotonic() - began:.0f} s")
        if code == cli.OUT_OF_TIME:
            self.late = True
        elif code:
            training.state = FAILED
            self.failures.append(f"{training} ({name}, status {code})")
        return code == 0


def say(line: str) -> None:
    print(line, flush=True)


def stored(training: Training, experiment: config.Experiment) -> bool:
    """Whether the training's weights are there."""
    run = training.run
    return train.stored(run, training.seed) if run else align_stn0.stored(experiment)


def progress(trainings: list[Training], experiment: config.Experiment) -> pd.DataFrame:
    """Where each training stands, a row each; see benchmark.status."""
    return pd.DataFrame(
        {"run": t.name, "seed": t.seed, **status.describe(stored(t, experiment), t.provenance, work_of(t, experiment))}
        for t in trainings
    )


def work_of(training: Training, experiment: config.Experiment) -> Path:
    """The folder of the training's resume state. Its name takes reading all code and VGG's weights."""
    run = training.run
    return train.work_of(run, training.seed) if run else align_stn0.work_of(experiment)


def needs_stn0(run: config.Run) -> bool:
    return run.alignment(make_method(run).wants) == "stn0"


def scored(run: config.Run) -> bool:
    """Whether the run's metrics are those that were made from the very weights that are stored now."""
    record = score_record(run)
    return run.metrics.is_file() and record.is_file() and json.loads(record.read_text()) == fingerprint(run)


def score_record(run: config.Run) -> Path:
    """Which weights gave which metrics, known on this machine alone: metrics say nothing of weights."""
    return LOGS / f"{run.experiment.name}-{run.name}.scored.json"


def fingerprint(run: config.Run) -> dict[str, str]:
    """SHA-256 of each file of all seeds' stored weights, and of those of the run's metrics."""
    stored = [run.weights(seed) for seed in run.seeds if train.stored(run, seed)]
    files = [path for folder in stored for path in folder.iterdir()] + [*run.metrics.parent.glob(f"{run.name}.*")]
    return {str(path): file_hash(path) for path in sorted(files)}


def trainings_of(experiment: config.Experiment, only: list[str] | None = None) -> list[Training]:
    """Seed 0 of every run in the order of params.yaml, then seed 1, and so on; STN_0 before them if one needs it."""
    chosen = {name: experiment.run(name) for name in only or experiment.runs}
    runs = [chosen[name] for name in experiment.runs if name in chosen]
    pairs = [(run, seed) for run in runs for seed in run.seeds]
    found = [Training(run, seed, run.provenance(seed)) for run, seed in sorted(pairs, key=itemgetter(1))]
    # Every run is asked, so that wrong options are told before time is spent.
    if sum(needs_stn0(run) for run in runs):
        return [Training(None, 0, experiment.stn0_provenance), *found]
    return found


def table(trainings: list[Training]) -> pd.DataFrame:
    """What became of each training; seconds and images/s as its provenance states them."""
    rows = []
    for t in trainings:
        known = t.state in (STORED, SKIPPED) and t.provenance.is_file()
        facts = json.loads(t.provenance.read_text()) if known else {}
        speed = facts.get("images_per_second")
        rows.append((t.name, t.seed, t.state, facts.get("seconds", math.nan), math.nan if speed is None else speed))
    return pd.DataFrame(rows, columns=["run", "seed", "state", "seconds", "images/s"])


def main(args: argparse.Namespace) -> None:
    began = time.monotonic()
    experiment = config.load(args.experiment)
    require_folder(experiment.data / "train", "run `python -m benchmark.prepare` first")
    trainings = trainings_of(experiment, args.only)
    if args.status:
        say(status.shown(progress(trainings, experiment)))
        return
    deadline = math.inf if args.seconds is None else began + args.seconds
    session = Session(experiment, args.device, slots(args.device, args.jobs, experiment.threads), deadline, args.anew)
    try:
        asyncio.run(session.work(trainings))
    except asyncio.CancelledError:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    done = table(trainings)
    say(done.to_string(index=False, na_rep="–", float_format="{:.1f}".format))
    say(f"{done['seconds'].sum():.0f} s of training; this call took {time.monotonic() - began:.0f} s")
    if session.failures:
        print(f"failed: {', '.join(session.failures)}", file=sys.stderr)
    if session.late:
        say("time is up; the same command goes on from here")
        sys.exit(cli.OUT_OF_TIME)
    sys.exit(1 if session.failures else 0)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.epilog = (
        f"Exit status: 0 all is done, {cli.OUT_OF_TIME} time is up (give the same command again), 1 a stage failed. "
        f"With several jobs the output of the stages goes to {LOGS}/RUN-seedN.log."
    )
    options.add_argument("--seconds", type=float, help="stop after so many; predict and evaluate are not cut short")
    options.add_argument(
        "--jobs",
        type=int,
        help="trainings at a time (default: one a CUDA device, or as many as have training.threads cores each, or one)",
    )
    options.add_argument("--status", action="store_true", help="say how far each training is, and do nothing")
    options.add_argument("--anew", action="store_true", help="train what is stored, but was not trained here, too")
    options.add_argument("--only", nargs="+", metavar="RUN", help="these runs (default: all of params.yaml)")
    options.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA if there is one")
    return options


if __name__ == "__main__":
    cli.run(main, parser())
