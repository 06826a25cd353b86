"""What the stages that train have in common: their options, the time that they have, and how they end without more."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import get_args

import torch

from benchmark import cli, config
from benchmark.training import parallel
from benchmark.training.engine import OutOfTime, Settings
from benchmark.training.fitting import choose_device
from benchmark.training.step import Mode


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --device, --step and --seconds, which `start` reads."""
    cli.add_device(parser)
    add_step(parser)
    parser.add_argument(
        "--seconds",
        type=float,
        help=f"save and stop after so many seconds of training, with exit status {cli.OUT_OF_TIME}",
    )


def add_step(parser: argparse.ArgumentParser) -> None:
    """Add --step, for Settings."""
    parser.add_argument(
        "--step",
        choices=get_args(Mode),
        default="auto",
        help="how an update runs: plain PyTorch, a CUDA graph, or compiled (and on CUDA captured as a graph too); "
        "auto: compile on CUDA, eager on the CPU",
    )


def start(experiment: config.Experiment, args: argparse.Namespace) -> tuple[torch.device, Settings]:
    """The device, joined to the other processes where there are several, and the engine's settings; time runs now."""
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    device = parallel.start(choose_device(args.device, experiment.threads))
    return device, Settings(step=args.step, precision=experiment.precision, deadline=deadline)


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Exit with OUT_OF_TIME, in one line, where the body's training comes to its deadline."""
    try:
        yield
    except OutOfTime as error:
        parallel.say(str(error))
        sys.exit(cli.OUT_OF_TIME)
