"""docs/cli.md: the --help of every command, from the parsers: `python -m benchmark --manual > docs/cli.md`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial

from benchmark import cli

HEAD = """# Commands

`python -m benchmark COMMAND [options]`. This page is generated: `python -m benchmark --manual > docs/cli.md`.
Every command exits with 0 if all went well, 2 with one line for input that a user can mend, 130 at Ctrl-C."""
WIDTH = 110


def page(commands: Iterable[str]) -> str:
    """The page as Markdown, a section a command."""
    sections = [section(name, cli.module_of(name).parser()) for name in commands]
    return "\n\n".join([HEAD, *sections]) + "\n"


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """A command's help, with the defaults of its options; below, the same of each of its actions."""
    parser.prog = name
    parser.formatter_class = partial(argparse.ArgumentDefaultsHelpFormatter, width=WIDTH)  # type: ignore[assignment]
    below = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = [section(f"{name} {inner}", part) for inner, part in action.choices.items()]
        elif action.default in (None, False) or "default" in (action.help or ""):
            action.default = argparse.SUPPRESS  # there is none, or the help says it
    level = "#" * (2 + name.count(" "))
    usage, _, rest = parser.format_help().partition("\n\n")  # Pythons differ in where they break the usage
    return "\n\n".join([f"{level} {name}", f"```text\n{' '.join(usage.split())}\n\n{rest}```", *below])
