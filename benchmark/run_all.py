"""All trainings of an experiment, each run scored as it grows, within given seconds; the next call goes on from there.

The stages are the pipeline's own, started as plain commands: DVC is not needed. Calls on several machines that share
the folder divide the work. With --cluster a scheduler makes one such call for each training; see benchmark.jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time

from benchmark import cli, config, jobs, status
from benchmark.cluster.placement import Placement
from benchmark.grid import LOGS, progress, table, trainings_of, unscored
from benchmark.session import Session, say
from benchmark.training.processes import slots
from datasets.face import BadInput, require_folder


def main(args: argparse.Namespace) -> None:
    began = time.monotonic()
    experiment = config.load(args.experiment)
    require_folder(experiment.data / "train", f"run `python -m benchmark.prepare --experiment {experiment.name}` first")
    trainings = trainings_of(experiment, args.only, args.seed, args.anew)
    if not trainings:
        raise BadInput(f"--seed {args.seed}: no such run has it; see `seeds` and training.seeds in {config.PARAMS}")
    if args.unscored:
        trainings = unscored(trainings)
    if args.status:
        say(status.shown(progress(trainings)))
        return
    if args.cluster:
        sys.exit(jobs.run(experiment, trainings, args))
    deadline = math.inf if args.seconds is None else began + args.seconds
    placement = Placement(args.nodes, args.processes or 1, experiment.threads or jobs.CPUS)
    placement.require_slurm()
    places = [{}] if placement.several else slots(args.device, args.jobs, experiment.threads)
    session = Session(experiment, args.device, places, deadline, args.until, args.logs, placement)
    try:
        asyncio.run(session.work(trainings))
    except asyncio.CancelledError:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(cli.OUT_OF_TIME if session.late else cli.INTERRUPTED)
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
        f"With several jobs the output of the stages goes to {LOGS}/, with --cluster to {jobs.LOGS}/."
    )
    options.add_argument("--seconds", type=float, help="stop after so many; predict and evaluate are not cut short")
    options.add_argument(
        "--jobs",
        type=int,
        help="trainings at a time (default: one a CUDA device, or as many as have training.threads cores each, or one)",
    )
    options.add_argument("--status", action="store_true", help="say how far each training is, and do nothing")
    options.add_argument(
        "--anew",
        action="store_true",
        help="train what is stored, but was not trained here, too; with --only nothing else",
    )
    options.add_argument(
        "--unscored",
        action="store_true",
        help="only what metrics/ has no scores of: what was trained on another machine needs no weights here",
    )
    only = f"these runs (default: all of params.yaml), or STN_0 ({', '.join(config.ALIGNERS)})"
    options.add_argument("--only", nargs="+", metavar="RUN", help=only)
    options.add_argument("--seed", type=int, help="this seed (default: all)")
    options.add_argument("--until", metavar="PHASE", help="end each training after this phase, which others share")
    options.add_argument("--logs", action="store_true", help="write the stages' output to files with one job too")
    cli.add_device(options)
    jobs.add_options(options)
    return options


if __name__ == "__main__":
    cli.run(main, parser())
