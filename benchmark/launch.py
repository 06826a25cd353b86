"""Train and score many runs: side by side on this machine, on several GPUs, or on SLURM.

Runs with up-to-date scores in metrics/ are skipped; the same command resumes.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import submitit
from filelock import FileLock
from submitit.core.utils import FailedJobError

from benchmark import cli, config
from benchmark.runs import external
from benchmark.runs.fingerprint import images_up_to_date, is_scored, is_trained
from benchmark.runs.make import foundations, make_method, options_of
from benchmark.training.executor import executor_of, slots_of
from datasets.face import BadInput, require_folder

FOLDER = Path("work/launch")
POLL_SECONDS = 0.5
START_UP = 5.0  # seconds until a training is at work
DONE, FAILED, LATE = "done", "failed", "out of time"


@dataclass
class Task:
    """A training, with the scoring of its run unless others build on it."""

    run: config.Run
    seed: int
    retrain: bool = False
    images: bool = False
    state: str = ""

    @property
    def name(self) -> str:
        return f"{self.run.name}-seed{self.seed}"

    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        if self.state == DONE or self.retrain:
            return self.state == DONE
        if self.run.pretrained:
            return is_trained(self.run, self.seed)
        return is_scored(self.run, self.seed) and (not self.images or images_up_to_date(self.run, self.seed))

    def needs(self) -> list[str]:
        """Names of the tasks that must be done before."""
        return [f"{run.name}-seed{seed}" for run, seed in foundations(self.run, self.seed)]


@dataclass
class Work:
    """What a job does: the stages of one task. Called again, it resumes from the last checkpoint."""

    experiment: str
    run: str
    seed: int
    device: str
    scores: bool
    deadline: float = math.inf  # time.time()
    train_options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self) -> int:
        """Exit status of the first stage that fails, or 0."""
        os.environ |= self.environment
        options = ["--seed", str(self.seed), "--device", self.device, *self.train_options]
        if self.deadline < math.inf:
            options += ["--seconds", f"{max(0.0, self.deadline - time.time() - START_UP):.0f}"]
        status = self.stage("train", *options)
        if status or not self.scores:
            return status
        with FileLock(FOLDER / f"{self.experiment}-{self.run}.lock"):  # seeds of a run share a metrics file
            return self.stage("predict", "--device", self.device) or (0 if self.is_scored() else self.stage("evaluate"))

    def is_scored(self) -> bool:
        """Whether the scores need not be computed again."""
        return not self.train_options and is_scored(config.load(self.experiment).run(self.run), self.seed)

    def stage(self, name: str, *options: str) -> int:
        """Exit status of a stage, run in this process: importing PyTorch again would take seconds."""
        command = importlib.import_module(f"benchmark.{name}")
        try:
            cli.run(command.main, command.parser(), ["--experiment", self.experiment, "--run", self.run, *options])
        except SystemExit as end:
            if end.code == -1:  # submitit's own, once it has queued this job again
                raise
            return int(end.code or 0)
        return 0

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What SLURM queues again when it wants the node back or the time limit is reached."""
        return submitit.helpers.DelayedSubmission(self)


def tasks_of(experiment: config.Experiment, args: argparse.Namespace) -> list[Task]:
    """Foundations first, then seed 0 of every run in the order of params.yaml, then seed 1, and so on."""
    names = args.only or [*experiment.runs]
    runs = [experiment.run(name) for name in [*experiment.pretrained, *experiment.runs] if name in names]
    for name in set(names) - {run.name for run in runs}:
        experiment.run(name)  # raises, and lists what there is
    for run in runs:  # wrong options are told before time is spent
        options_of(run) if external.is_external(run) else make_method(run)
    chosen = [(run, seed) for run in runs for seed in run.seeds if args.seed in (None, seed)]
    if not chosen:
        raise BadInput(f"--seed {args.seed}: no such run has it; see `seeds` and training.seeds in {config.PARAMS}")
    ordered = sorted(chosen, key=lambda pair: pair[1])
    tasks = {(t := Task(run, seed, args.retrain, args.images)).name: t for run, seed in ordered}
    below = [Task(*pair) for task in tasks.values() for pair in foundations(task.run, task.seed)]
    return [*({t.name: t for t in below if t.name not in tasks}).values(), *tasks.values()]


Running = dict[str, tuple[Task, submitit.Job[int], dict[str, str]]]


def run_all(
    tasks: list[Task], executor: submitit.Executor, slots: list[dict[str, str]], args: argparse.Namespace
) -> None:
    """Keep one job in each slot until nothing is left to do or time is up."""
    deadline = math.inf if args.seconds is None else time.time() + args.seconds
    by_name = {task.name: task for task in tasks}
    needs = {task.name: [by_name[name] for name in task.needs()] for task in tasks}
    for task in tasks:  # asked once: the answers read files, and from here on a task's state tells
        task.state = DONE if task.is_done() else ""
    waiting, free = [task for task in tasks if task.state != DONE], list(slots)
    began, todo = time.time(), len(waiting)
    running: Running = {}
    try:
        while waiting or running:
            for name in [name for name, (_, job, _) in running.items() if job.done()]:
                task, job, slot = running.pop(name)
                free.append(slot)
                task.state = state_of(task, job)
                say(f"{task.name}: {task.state}; {progress(began, len(waiting) + len(running), todo)}")
            for task in list(waiting):
                needed = needs[task.name]
                late = time.time() + START_UP > deadline
                if late or any(need.state in (FAILED, LATE) for need in needed):
                    task.state = LATE if late else FAILED
                elif free and all(need.state == DONE for need in needed):
                    slot = free.pop(0)
                    running[task.name] = task, submitted(executor, work_of(task, args, deadline, slot)), slot
                    say(f"{task.name}: starts, job {running[task.name][1].job_id}")
                else:
                    continue
                waiting.remove(task)
            time.sleep(POLL_SECONDS)
    finally:
        for _, job, _ in running.values():
            job.cancel()


def progress(began: float, left: int, todo: int) -> str:
    """How many tasks are done, and how long the rest takes at their mean speed."""
    minutes, seconds = divmod(round((time.time() - began) * left / (todo - left)), 60)
    return f"{todo - left} of {todo}, about {minutes}:{seconds:02} left"


def submitted(executor: submitit.Executor, work: Work) -> submitit.Job[int]:
    """Hand a job to the scheduler.

    Raises:
        BadInput: if it refuses.
    """
    try:
        return executor.submit(work)
    except FailedJobError as error:
        said = " ".join(str(error).split())
        raise BadInput(f"--cluster slurm: sbatch refused the job: {said[-200:]}") from error


def work_of(task: Task, args: argparse.Namespace, deadline: float, slot: dict[str, str]) -> Work:
    """The task as a job does it, in the environment of a slot."""
    options = ["--retrain"] if args.retrain else []
    run = task.run
    return Work(run.experiment.name, run.name, task.seed, args.device, not run.pretrained, deadline, options, slot)


def say(line: str) -> None:
    print(line, flush=True)


def state_of(task: Task, job: submitit.Job[int]) -> str:
    """What became of a job that ended."""
    error = job.exception()
    status = 1 if error else job.result()
    if status == cli.OUT_OF_TIME:
        return LATE
    if status:
        said = (job.stderr() or str(error or "")).strip().splitlines()
        say(f"{task.name}: {said[-1] if said else f'status {status}'} (all of it: {job.paths.stderr})")
    return FAILED if status else DONE


def main(args: argparse.Namespace) -> None:
    experiment = config.load(args.experiment)
    require_folder(experiment.data / "train", f"run `python -m benchmark prepare --experiment {experiment.name}` first")
    tasks, threads = tasks_of(experiment, args), experiment.params.training.threads
    os.environ.setdefault("TQDM_MININTERVAL", "30")  # seconds, of the jobs: they write into files
    run_all(tasks, executor_of(args, FOLDER, threads), slots_of(args, threads), args)
    failed = [task.name for task in tasks if task.state == FAILED]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    if any(task.state == LATE for task in tasks):
        print("time is up; the same command resumes")
        sys.exit(cli.OUT_OF_TIME)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.epilog = (
        f"What the trainings print goes to {FOLDER}. "
        f"Exit status: 0 all is done, {cli.OUT_OF_TIME} time is up (give the same command again), 1 failed."
    )
    options.add_argument(
        "--only", nargs="+", metavar="RUN", help="these runs, of `runs:` or `pretrained:` (default: all)"
    )
    options.add_argument("--seed", type=int, help="this seed (default: all)")
    options.add_argument("--jobs", type=int, help="trainings at a time (default: one per GPU, or as CPU threads allow)")
    options.add_argument("--seconds", type=float, help="save and stop after so many seconds; scoring is not cut short")
    options.add_argument("--images", action="store_true", help="make missing SR images also of runs that have scores")
    options.add_argument("--retrain", action="store_true", help="train and score also what is up to date")
    options.add_argument("--cluster", choices=("local", "slurm"), default="local", help="where the jobs run")
    options.add_argument("--minutes", type=int, default=240, help="SLURM: time limit of a job, which then queues again")
    options.add_argument("--gpus", type=int, default=1, help="SLURM: GPUs a training, 0 for none")
    options.add_argument("--partition", help="SLURM: the partition")
    cli.add_device(options)
    return options
