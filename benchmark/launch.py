"""Train and score many runs: side by side on this machine, on several GPUs, or on SLURM.

Runs with up-to-date scores in metrics/ are skipped; the same command resumes.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import submitit
import torch
from filelock import FileLock
from joblib import cpu_count
from submitit.core.utils import FailedJobError

from benchmark import cli, config
from benchmark.runs.fingerprint import images_up_to_date, is_scored, is_trained
from benchmark.runs.make import foundations, make_method, options_of
from datasets.face import BadInput, require_folder

FOLDER = Path("work/launch")
POLL_SECONDS = 0.5
START_UP = 5.0  # seconds until a training is at work
YEAR = 60 * 24 * 365  # minutes
DONE, FAILED, LATE = "done", "failed", "out of time"


@dataclass
class Task(submitit.helpers.Checkpointable):
    """A training, with the scoring of its run unless others build on it.

    A job calls it; SLURM queues that again when it wants the node back or the time limit is reached. Called again, it
    resumes from the last checkpoint.
    """

    run: config.Run
    seed: int
    args: argparse.Namespace
    deadline: float = math.inf  # time.time()
    retrain: bool = False
    state: str = ""

    @property
    def name(self) -> str:
        return f"{self.run.name}-seed{self.seed}"

    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        if self.retrain:
            return False
        if self.run.pretrained:
            return is_trained(self.run, self.seed)
        return is_scored(self.run, self.seed) and (not self.args.images or images_up_to_date(self.run, self.seed))

    def __call__(self, environment: dict[str, str]) -> int:
        """Exit status of the first stage that fails, or 0."""
        os.environ |= environment
        device = ["--device", self.args.device]
        options = ["--seed", str(self.seed), *device, *(["--retrain"] if self.retrain else [])]
        if self.deadline < math.inf:
            options += ["--seconds", f"{max(0.0, self.deadline - time.time() - START_UP):.0f}"]
        status = self.stage("train", *options)
        if status or self.run.pretrained:
            return status
        with FileLock(FOLDER / f"{self.run.experiment.name}-{self.run.name}.lock"):  # its seeds share a metrics file
            scored = not self.retrain and is_scored(self.run, self.seed)
            return self.stage("predict", *device) or (0 if scored else self.stage("evaluate"))

    def stage(self, name: str, *options: str) -> int:
        """Exit status of a stage, run in this process: importing PyTorch again would take seconds."""
        command, run = cli.module_of(name), self.run
        try:
            cli.run(command.main, command.parser(), ["--experiment", run.experiment.name, "--run", run.name, *options])
        except SystemExit as end:
            if end.code == -1:  # submitit's own, once it has queued this job again
                raise
            return int(end.code or 0)
        return 0


def tasks_of(experiment: config.Experiment, args: argparse.Namespace) -> list[Task]:
    """Foundations first, then seed 0 of every run in the order of params.yaml, then seed 1, and so on."""
    names = args.only or [*experiment.runs]
    runs = [experiment.run(name) for name in [*experiment.pretrained, *experiment.runs] if name in names]
    for name in set(names) - {run.name for run in runs}:
        experiment.run(name)  # raises, and lists what there is
    for run in runs:  # wrong options are told before time is spent
        options_of(run) if run.external else make_method(run)
    chosen = [(run, seed) for run in runs for seed in run.seeds if args.seed in (None, seed)]
    if not chosen:
        raise BadInput(f"--seed {args.seed}: no such run has it; see `seeds` and training.seeds in {config.PARAMS}")
    deadline = math.inf if args.seconds is None else time.time() + args.seconds
    tasks = [Task(*pair, args, deadline, args.retrain) for pair in sorted(chosen, key=itemgetter(1))]
    below = [Task(*pair, args, deadline) for task in tasks for pair in foundations(task.run, task.seed)]
    own = {task.name for task in tasks}
    return [*{task.name: task for task in below if task.name not in own}.values(), *tasks]


def run_all(tasks: list[Task], executor: submitit.Executor, slots: list[dict[str, str]]) -> None:
    """Keep one job in each slot until nothing is left to do or time is up."""
    by_name = {task.name: task for task in tasks}
    for task in tasks:  # asked once: the answers read files, and from here on a task's state tells
        task.state = DONE if task.is_done() else ""
    waiting, free = [task for task in tasks if not task.state], list(slots)
    began, todo = time.time(), len(waiting)
    running: dict[str, tuple[submitit.Job[int], dict[str, str]]] = {}
    try:
        while waiting or running:
            for name in [name for name, (job, _) in running.items() if job.done()]:
                job, slot = running.pop(name)
                free.append(slot)
                state = by_name[name].state = state_of(by_name[name], job)
                left = len(waiting) + len(running)
                rest = round((time.time() - began) * left / (todo - left))  # seconds, at the mean speed
                done = f"{todo - left} of {todo}, about {rest // 60}:{rest % 60:02} left"
                print(f"{name}: {state}; {done}", flush=True)
            for task in list(waiting):
                states = {by_name[f"{run.name}-seed{seed}"].state for run, seed in foundations(task.run, task.seed)}
                late = time.time() + START_UP > task.deadline
                if late or states & {FAILED, LATE}:
                    task.state = LATE if late else FAILED
                elif free and states <= {DONE}:
                    slot = free.pop(0)
                    running[task.name] = submitted(executor, task, slot), slot
                    print(f"{task.name}: starts, job {running[task.name][0].job_id}", flush=True)
                else:
                    continue
                waiting.remove(task)
            time.sleep(POLL_SECONDS)
    finally:
        for job, _ in running.values():
            job.cancel()


def submitted(executor: submitit.Executor, task: Task, slot: dict[str, str]) -> submitit.Job[int]:
    """Hand a task to the scheduler, as a job in the environment of a slot; BadInput if it refuses."""
    try:
        return executor.submit(task, slot)
    except FailedJobError as error:
        said = " ".join(str(error).split())
        raise BadInput(f"--cluster slurm: sbatch refused the job: {said[-200:]}") from error


def state_of(task: Task, job: submitit.Job[int]) -> str:
    """What became of a job that ended."""
    error = job.exception()
    status = 1 if error else job.result()
    if status == cli.OUT_OF_TIME:
        return LATE
    if status:
        said = (job.stderr() or str(error or "")).strip().splitlines()
        print(f"{task.name}: {said[-1] if said else f'status {status}'} (all of it: {job.paths.stderr})", flush=True)
    return FAILED if status else DONE


def executor_of(args: argparse.Namespace, threads: int | None) -> submitit.AutoExecutor:
    """submitit's executor for this machine or SLURM."""
    try:
        executor = submitit.AutoExecutor(FOLDER, cluster=args.cluster, slurm_max_num_timeout=10_000)
    except RuntimeError as error:
        raise BadInput(
            f"--cluster {args.cluster}: {error}; call it on a login node, or take --cluster local"
        ) from error
    shape: dict[str, Any] = {"timeout_min": YEAR, "tasks_per_node": 1, "cpus_per_task": threads or 4}
    if args.cluster == "slurm":
        shape |= {"timeout_min": args.minutes, "gpus_per_node": args.gpus}
        shape |= {"slurm_partition": args.partition, "slurm_additional_parameters": {"requeue": True}}
    executor.update_parameters(**{key: value for key, value in shape.items() if value is not None})
    return executor


def slots_of(args: argparse.Namespace, threads: int | None) -> list[dict[str, str]]:
    """The environment of each of several jobs at a time: its CUDA device, or its number of threads."""
    if args.jobs is not None and args.jobs < 1:
        raise BadInput(f"--jobs {args.jobs}: give 1 or more")
    base = {"OMP_WAIT_POLICY": "PASSIVE"} | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    if args.cluster == "slurm":
        return [base] * (args.jobs or 64)
    devices = 0 if args.device == "cpu" else torch.cuda.device_count()
    if not devices:
        return [base] * (args.jobs or (max(1, cpu_count() // threads) if threads else 1))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(devices)]
    return [base | {"CUDA_VISIBLE_DEVICES": names[i % devices]} for i in range(args.jobs or devices)]


def main(args: argparse.Namespace) -> None:
    experiment = config.load(args.experiment)
    require_folder(experiment.data / "train", f"run `python -m benchmark prepare --experiment {experiment.name}` first")
    tasks, threads = tasks_of(experiment, args), experiment.training.threads
    os.environ.setdefault("TQDM_MININTERVAL", "30")  # seconds, of the jobs: they write into files
    run_all(tasks, executor_of(args, threads), slots_of(args, threads))
    failed = [task.name for task in tasks if task.state == FAILED]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    if any(task.state == LATE for task in tasks):
        raise cli.OutOfTime("time is up; the same command resumes")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.epilog = (
        f"What the trainings print goes to {FOLDER}. "
        f"Exit status: 0 all is done, {cli.OUT_OF_TIME} time is up (run the same command again), 1 failed."
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
