"""`dvc repro` in one process, survivable: a kill at any moment leaves a dvc.lock that can be read.

DVC rewrites dvc.lock in place after every stage, which takes it most of a second; here the file changes all at once.
Arguments are those of `dvc repro`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from dvc.utils.serialize import _common, _yaml

from benchmark import cli
from datasets.face import BadInput

_NAME = "_dump_data"  # DVC's one writer of YAML files, imported by name into its module for YAML


def write_whole(path: str | os.PathLike[str], data: Any, dumper: Any, fs: Any = None, **options: Any) -> None:
    """What DVC's own writer does, but for a file that is never seen half written."""
    with cli.whole_file(Path(path)) as part, part.open("w", encoding="utf-8") as stream:
        dumper(data, stream, **options)


def protect() -> None:
    """Let DVC write whole files; BadInput where this DVC has no such function to replace."""
    for module in (_common, _yaml):
        if not hasattr(module, _NAME):
            raise BadInput(f"DVC's {module.__name__} has no {_NAME}; install requirements.lock, or run `dvc repro`")
        setattr(module, _NAME, write_whole)


def clear(busy: Path = Path(".dvc/tmp/rwlock")) -> None:
    """Drop DVC's list of who is at work on which file where a kill has cut it off: DVC would refuse to start."""
    try:
        json.loads(busy.read_text())
    except FileNotFoundError:
        return
    except json.JSONDecodeError:
        busy.unlink()


def main(arguments: list[str]) -> int:
    """Exit status of `dvc repro` with these arguments; 2 with one line where this DVC is another."""
    try:
        protect()
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    clear()
    from dvc.cli import main as dvc  # only now: what it imports by name must be the new function

    return dvc(["repro", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
