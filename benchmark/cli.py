"""What every stage's command line shares: one line for an error that a user can mend, and atomic outputs."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from datasets.face import BadInput

INTERRUPTED = 130  # exit status, as shells have it for Ctrl-C
OUT_OF_TIME = 75  # exit status: nothing failed, run the same command again
REFUSED = {  # by the system, for reasons that a user can mend
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "the quota is full; free some space and run the command again",
    errno.EACCES: "no permission; run the command in a copy of the repository that you may write to",
    errno.EROFS: "a read-only disk; run the command in a copy of the repository that you may write to",
}


class OutOfTime(Exception):
    """The time limit is reached; what is done is saved, and the same command goes on from there."""


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Parse, run `main`, and exit.

    With 2 and a line for bad input or REFUSED, 75 if time is up, 130 at Ctrl-C, a traceback for a bug.
    """
    try:
        main(parser.parse_args(arguments))
    except BadInput as error:
        sys.exit(_fail(str(error)))
    except OutOfTime as end:
        print(end, flush=True)
        sys.exit(OUT_OF_TIME)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        sys.exit(1)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        sys.exit(_fail(f"{error.filename or 'writing'}: {REFUSED[error.errno]}"))


def _fail(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 2


def module_of(command: str) -> ModuleType:
    """The module of `python -m benchmark COMMAND`; that of `score` is `submit`, for benchmark.score is a function."""
    return import_module(f"benchmark.{'submit' if command == 'score' else command}")


def stage_parser(description: str, *, per_run: bool = False) -> argparse.ArgumentParser:
    """A parser with --experiment and, for a stage of one run, --run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--experiment", help="a block of params.yaml (default: $EXPERIMENT, or the one it chooses)")
    if per_run:
        parser.add_argument("--run", required=True, help="a run of params.yaml")
    return parser


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device, for benchmark.runs.hardware.choose_device."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: CUDA if there is one")


def tell_missing(run: str, seeds: Sequence[int], known: Collection[int]) -> None:
    """Name those seeds of a run that are not known."""
    if missing := [str(seed) for seed in seeds if seed not in known]:
        shown = ", ".join(str(seed) for seed in seeds if seed in known)
        print(f"{run}: missing seed {', '.join(missing)}; only seed {shown} is shown")


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder to write into that takes the place of `target` at the end, and vanishes where the body fails.

    What an earlier, killed run left half written is removed first; `target` is never seen half written.
    """
    part, old = target.with_name(f".{target.name}.tmp"), target.with_name(f".{target.name}.old")
    if old.exists() and not target.exists():  # killed between the two renames below
        old.rename(target)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            part.rename(target)
            shutil.rmtree(old)
        else:
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to that takes the place of `target` at the end, and vanishes where the body fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.tmp{target.suffix}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file as `whole_file` does."""
    with whole_file(target) as part:
        part.write_text(text)


def write_json(target: Path, content: Any) -> None:
    """Write a JSON file as `whole_file` does."""
    write_text(target, json.dumps(content, indent=1) + "\n")
