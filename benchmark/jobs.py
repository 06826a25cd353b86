"""An experiment's trainings as jobs of a scheduler: a call of run_all for each, what they wait for, the report last."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import defaultdict
from pathlib import Path

import torch

from benchmark import config
from benchmark.cluster import submit
from benchmark.cluster.job import Job
from benchmark.grid import Training, scored, stored
from benchmark.make import alignment_of, make_method
from benchmark.training import shared
from benchmark.training.processes import slots
from datasets.face import BadInput
from methods.interface import Context
from methods.trained import TrainedMethod

LOGS = Path("work/cluster")
CPUS = 4  # cores of a job whose experiment does not say how many threads it works with
LEAST = 3  # minutes of a job, of which some seconds are left to train


def run(experiment: config.Experiment, trainings: list[Training], args: argparse.Namespace) -> int:
    """Submit what is not done yet to SLURM, or do it on this machine; the exit status."""
    if args.minutes < LEAST:
        raise BadInput(f"--minutes {args.minutes}: give {LEAST} or more")
    for name, least in (("array", 1), ("nodes", 1), ("processes", 1), ("gpus", 0)):
        if (given := getattr(args, name)) is not None and given < least:
            raise BadInput(f"--{name} {given}: give {least} or more")
    if args.seconds is not None:
        raise BadInput("--seconds: a job ends by --minutes, and goes on by itself; leave --seconds out")
    jobs = jobs_of(experiment, trainings, args)
    if args.cluster == "slurm":
        cpus = (experiment.threads or CPUS) * processes(args)
        request = submit.Request(args.minutes, args.array, args.gpus, cpus, args.partition, args.nodes)
        for name, number in submit.slurm(jobs, request, LOGS).items():
            print(f"{name}: job {number}")
        print(f"output in {LOGS}/JOB_0_log.out; the same call with --status for --cluster says how far each is")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the jobs too
    outcome = submit.local(jobs, slots(args.device, args.jobs, experiment.threads), LOGS)
    for name, good in outcome.items():
        print(f"{name}: {'done' if good else 'failed'}")
    return 0 if all(outcome.values()) else 1


def jobs_of(experiment: config.Experiment, trainings: list[Training], args: argparse.Namespace) -> list[Job]:
    """What others wait for (STN_0s and shared first phases), the trainings not stored and scored yet, the report."""

    def call(training: Training, *more: str) -> tuple[str, ...]:
        which = ("--only", training.name, "--seed", str(training.seed), "--device", args.device)
        if args.cluster == "slurm":
            more += ("--seconds", str(60 * args.minutes - submit.SPARE))
            more += ("--nodes", str(args.nodes), "--processes", str(processes(args)))
        return command("run_all", experiment, *which, "--jobs", "1", "--logs", *(["--anew"] * training.anew), *more)

    left = [t for t in trainings if t.anew or not (stored(t) and (not t.scores or scored(t.run)))]
    first = [Job(t.name, call(t)) for t in left if not t.scores]
    aligners = [job.name for job in first]
    phase_of: dict[str, str] = {}
    for phase, sharers in shared_phases([t for t in left if t.anew or not stored(t)]):
        first.append(Job(f"{phase} of {sharers[0]}", call(sharers[0], "--until", phase)))
        phase_of |= {str(training): first[-1].name for training in sharers}
    rest = []
    for training in left:
        if training.scores:
            needs = tuple(name for name in aligners if name == training.aligner)
            needs += (phase_of[str(training)],) if str(training) in phase_of else ()
            rest.append(Job(str(training), call(training), needs))
    done = tuple(job.name for job in (*first, *rest))
    last = [Job("recognise", command("recognise", experiment), done, always=True)]
    return [*first, *rest, *last, Job("report", command("report", experiment), ("recognise",), always=True)]


def processes(args: argparse.Namespace) -> int:
    """How many processes of each node train a run together."""
    return args.processes or args.gpus or 1


def command(stage: str, experiment: config.Experiment, *arguments: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"benchmark.{stage}", "--experiment", experiment.name, *arguments


def shared_phases(trainings: list[Training]) -> list[tuple[str, list[Training]]]:
    """First phases that several trainings go through with the very same outcome: each one's name and trainings."""
    found: defaultdict[tuple[str, str], list[Training]] = defaultdict(list)
    for training in trainings:
        if first := first_phase(training):
            found[first].append(training)
    return [(phase, sharers) for (phase, _), sharers in found.items() if len(sharers) > 1]


def first_phase(training: Training) -> tuple[str, str] | None:
    """Name and identity of a training's first phase, None where no other can share it; see training.shared.

    Of what decides the outcome the faces are left out, which are those of the experiment, and VGG's weights, which
    stand for themselves in a later phase.
    """
    run = training.run
    if not training.scores:
        return None
    torch.manual_seed(training.seed)  # as train does, before the weights are drawn
    method = make_method(run)
    if not isinstance(method, TrainedMethod) or alignment_of(run) != "none":
        return None
    context = Context(torch.device("cpu"), training.seed, shared=Path())
    torch.manual_seed(training.seed)  # as training.state does, before a phase draws its own
    phase = method.phases(context)[0]
    outcome = shared.outcome(phase, torch.empty(0), context, step="")
    return (phase.name, outcome.folder.name) if outcome else None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that jobs are made by."""
    group = parser.add_argument_group("jobs of a scheduler, one a training, the report last")
    group.add_argument(
        "--cluster",
        choices=("slurm", "local"),
        help="slurm: submit them and return; local: run them here, --jobs at a time, all the same",
    )
    group.add_argument("--partition", help="SLURM's partition (default: SLURM's own)")
    group.add_argument("--gpus", type=int, default=1, help="GPUs of each node of a job (default: 1)")
    group.add_argument("--nodes", type=int, default=1, help="nodes that train one run together (default: 1)")
    group.add_argument(
        "--processes", type=int, help="processes of each node that train one run together (default: one a GPU)"
    )
    group.add_argument(
        "--minutes",
        type=int,
        default=240,
        help="time limit of a job, which is queued again until its training has come to its end (default: 240)",
    )
    group.add_argument("--array", type=int, default=8, help="jobs of an array at a time (default: 8)")
