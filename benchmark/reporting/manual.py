"""docs/cli.md: every command with its options, from the parsers: `python -m benchmark --manual > docs/cli.md`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterable, Iterator, Mapping

HEAD = """# Commands

`python -m benchmark COMMAND [options]`. This page is generated: `python -m benchmark --manual > docs/cli.md`.
Every command exits with 0 if all went well, 2 with one line for input that a user can mend, 130 at Ctrl-C."""


def page(commands: Iterable[str]) -> str:
    """The page as Markdown, a section a command."""
    sections = [section(name, importlib.import_module(f"benchmark.{name}").parser()) for name in commands]
    return "\n\n".join([HEAD, *sections]) + "\n"


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """A command's description, options and epilogue; below, the same of each of its actions."""
    parts = [f"## {name}", text(parser.description), table(parser), text(parser.epilog)]
    for action, below in _subparsers(parser).items():
        summary = {choice.dest: choice.help for choice in _choices(parser)}[action]
        parts += [f"### {name} {action}", text(summary), table(below)]
    return "\n\n".join(filter(None, parts))


def table(parser: argparse.ArgumentParser) -> str:
    """A row an option; "" if there is none but --help."""
    rows = [
        f"| {_name(action)} | {text(action.help)}{_default(action)} |"
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    return "\n".join(["| option | meaning |", "|:--|:--|", *rows]) if rows else ""


def text(lines: str | None) -> str:
    """Help as one line per paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in (lines or "").split("\n\n"))


def _name(action: argparse.Action) -> str:
    """`--option VALUE`, with its choices in place of the value, or the name of a positional argument."""
    value = "/".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest.upper())
    value += " ..." if action.nargs in ("+", "*") else ""
    names = ", ".join(action.option_strings)
    shown = value if not names else names if action.nargs == 0 else f"{names} {value}"
    return f"`{shown}`{' (required)' if action.required and names else ''}"


def _default(action: argparse.Action) -> str:
    """The default, where the help does not say it and there is one."""
    said = "default" in (action.help or "") or action.default in (None, False) or action.nargs == 0
    return "" if said else f" (default: {action.default})"


def _groups(parser: argparse.ArgumentParser) -> Iterator[argparse._SubParsersAction]:
    return (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    return {name: below for group in _groups(parser) for name, below in group.choices.items()}


def _choices(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [choice for group in _groups(parser) for choice in group._choices_actions]
