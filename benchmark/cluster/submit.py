"""Jobs that wait for each other, handed to submitit: to SLURM, or to processes of this machine."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from benchmark.cluster.job import Job, Resumable
from datasets.face import BadInput

REQUEUES = 10_000  # how often a job may run out of time: as often as it must
WARNING = 20  # seconds before the end of its time at which a job is told of it; SLURM may be a minute early
SPARE = WARNING + 60 + 20  # seconds of a job's time that its training must not count on: it is saved before the warning
YEAR = 60 * 24 * 365  # minutes
POLL = 0.5  # seconds between two looks at local jobs


@dataclass(frozen=True)
class Request:
    """What a job asks the scheduler for. minutes: its time limit; array: jobs at a time; gpus, cpus: of each node."""

    minutes: int
    array: int
    gpus: int = 0
    cpus: int = 1
    partition: str | None = None
    nodes: int = 1


def slurm(jobs: list[Job], request: Request, folder: Path) -> dict[str, str]:
    """Submit all jobs to SLURM, those that wait for the same as one array; the id of each by its name.

    jobs: those that others need before those that need them. Jobs whose need failed are removed from the
    queue. BadInput where this machine has no SLURM, or where that refuses a job.
    """
    try:
        executor = submitit.SlurmExecutor(folder, max_num_timeout=REQUEUES)
    except RuntimeError as error:
        raise BadInput(
            "--cluster slurm: no srun to be found; give it on a login node, or take --cluster local"
        ) from error
    arrays: defaultdict[tuple[tuple[str, ...], bool], list[Job]] = defaultdict(list)
    for job in jobs:
        arrays[job.needs, job.always].append(job)
    ids: dict[str, str] = {}
    queued: list[submitit.Job[None]] = []
    for (needs, always), array in arrays.items():
        waits = f"{'afterany' if always else 'afterok'}:{':'.join(ids[need] for need in needs)}" if needs else None
        # What comes last, whatever became of the trainings, is no training: one node without a GPU.
        executor.update_parameters(**parameters(replace(request, nodes=1, gpus=0) if always else request))
        executor.update_parameters(job_name=array[0].name if len(array) == 1 else "trainings", dependency=waits)
        try:
            submitted = executor.submit_array([Resumable(job) for job in array])
        except FailedJobError as error:
            for other in queued:
                other.cancel()
            said = " ".join(str(error).split())
            raise BadInput(f"--cluster slurm: sbatch refused, and nothing is left in the queue: {said}") from error
        queued += submitted
        ids |= {job.name: done.job_id for job, done in zip(array, submitted, strict=True)}
    return ids


def parameters(request: Request) -> dict[str, Any]:
    """The request in sbatch's words."""
    return {
        "time": request.minutes,
        "partition": request.partition,
        "nodes": request.nodes,
        "ntasks_per_node": 1,
        "gpus_per_node": request.gpus or None,
        "cpus_per_task": request.cpus,
        "array_parallelism": request.array,
        "signal_delay_s": WARNING,
        # srun does not inherit its cores. A job's command runs once, and spreads a training over the nodes itself.
        "srun_args": [f"--cpus-per-task={request.cpus}", "--nodes=1", "--ntasks=1"],
        "additional_parameters": {"requeue": True, "kill-on-invalid-dep": "yes"},
    }


def local(jobs: list[Job], slots: list[dict[str, str]], folder: Path) -> dict[str, bool]:
    """Run all jobs on this machine, one at a time in each slot's environment; whether each succeeded.

    submitit's local executor starts at once whatever it is given: it knows neither needs nor arrays, so that the
    queue is kept here. It has no time limit either: nobody else waits for this machine.
    """
    executor = submitit.LocalExecutor(folder, max_num_timeout=REQUEUES)
    executor.update_parameters(timeout_min=YEAR)
    outcome: dict[str, bool] = {}
    waiting, running, free = list(jobs), dict[str, tuple[submitit.Job[None], dict[str, str]]](), list(slots)
    try:
        while waiting or running:
            for name in [name for name, (process, _) in running.items() if process.done()]:
                process, slot = running.pop(name)
                outcome[name] = process.exception() is None
                free.append(slot)
            for job in [job for job in waiting if all(need in outcome for need in job.needs)]:
                if not job.always and not all(outcome[need] for need in job.needs):
                    outcome[job.name] = False
                elif free:
                    slot = free.pop(0)
                    running[job.name] = executor.submit(Resumable(job, slot)), slot
                else:
                    break
                waiting.remove(job)
            time.sleep(POLL)
    finally:
        for process, _ in running.values():
            process.cancel()
    return outcome
