"""`dvc repro` in one process, survivable: a kill at any moment leaves a dvc.lock that can be read.

DVC reads and rewrites dvc.lock in place after every stage, which takes it more than two seconds; here the file changes
all at once, and libyaml does it in a tenth of that. Stages start as forks. Arguments are those of `dvc repro`.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from dvc.utils.serialize import _common, _yaml
from ruamel.yaml import YAML

from benchmark import cli, config, forked
from datasets.face import BadInput

_LOCK = "dvc.lock"
_WRITER = "_dump_data"  # DVC's one writer of YAML files, imported by name into its module for YAML
_READER = "parse_yaml_for_update"  # its reader of what it is about to change, comments and all; dvc.lock has none
_RUNNER = "_run"  # its starter of commands
_NULL = "tag:yaml.org,2002:null"
_slow = _yaml.parse_yaml_for_update


def fast_yaml() -> YAML:
    """DVC's own library with libyaml below it; it writes, as DVC does, nothing for None, and keys in their order."""
    library = YAML(typ="safe")
    library.default_flow_style = False
    library.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # declared as None
    library.representer.add_representer(type(None), lambda self, _: self.represent_scalar(_NULL, ""))
    library.representer.add_representer(OrderedDict, lambda self, data: self.represent_dict(data.items()))
    return library


def dump(data: Any, stream: TextIO) -> None:
    """Write dvc.lock's content."""
    text = io.StringIO()
    fast_yaml().dump(data, text)
    stream.write(re.sub(": $", ":", text.getvalue(), flags=re.MULTILINE))


def read_for_update(text: str, path: str | os.PathLike[str]) -> Any:
    """What DVC's own reader gives, of dvc.lock as plain dictionaries."""
    return (fast_yaml().load(text) or {}) if Path(path).name == _LOCK else _slow(text, path)


def write_whole(path: str | os.PathLike[str], data: Any, dumper: Any, fs: Any = None, **options: Any) -> None:
    """What DVC's own writer does, but for a file that is never seen half written."""
    with cli.whole_file(Path(path)) as part, part.open("w", encoding="utf-8") as stream:
        (dump if Path(path).name == _LOCK else dumper)(data, stream, **options)


def protect() -> None:
    """Let DVC write whole files, and dvc.lock fast; BadInput where this DVC has no such functions to replace."""
    for module in (_common, _yaml):
        replace(module, _WRITER, lambda _: write_whole)
    replace(_yaml, _READER, lambda _: read_for_update)


def fork_stages() -> None:
    """Let DVC start stages as forks; BadInput where this DVC has no such function to replace."""
    from dvc.stage import run  # only now: what DVC imports by name must be the new function
    from dvc.stage.exceptions import StageCmdFailedError

    replace(run, _RUNNER, lambda theirs: forked.runner(theirs, StageCmdFailedError))


def replace(module: ModuleType, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of a function of DVC in its place; BadInput where there is none of that name."""
    if not hasattr(module, name):
        raise BadInput(f"DVC's {module.__name__} has no {name}; install requirements.lock, or run `dvc repro`")
    setattr(module, name, make(getattr(module, name)))


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
        fork_stages()
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    clear()
    from dvc.cli import main as dvc

    status = dvc(["repro", *arguments])
    if not status:
        print(
            "(no `dvc push`: it would put every image into git; `python -m benchmark.store push` takes networks alone)"
        )
        if not arguments and config.PARAMS.is_file():
            print(outcome(config.load()))
    return status


def outcome(experiment: config.Experiment) -> str:
    """Where the results lie, and how near they are to those that the project publishes."""
    from benchmark import accept  # only now: it reads torch, which the stages' own process has read already

    where = f"results: {experiment.results}/claims.md, {experiment.results}/report.html"
    if experiment.name not in accept.experiments():
        return where
    table = accept.compare(experiment, accept.read(experiment.name))
    moved = accept.shown(table[table["moved"] != 0])
    return f"{where}\nscores: " + (f"moved:\n{moved}" if moved else "as published, to the last digit")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
