"""`python -m benchmark COMMAND`: the stages of the pipeline, in its order, and what people run besides."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

COMMANDS = {
    "corpus": "get the experiment's corpora, verified",
    "prepare": "crop, split and degrade the faces",
    "train": "fit one run",
    "predict": "super-resolve the test faces with one run",
    "evaluate": "score one run's SR images",
    "recognise": "identity, landmarks and perceptual distance on a sample",
    "report": "tables, figures and claims from the metrics",
    "launch": "train and score many runs: side by side here, on several GPUs, or on SLURM",
    "upscale": "super-resolve the faces of your own photographs",
    "export": "write the test LR faces for a method outside this project",
    "compare": "score SR images of any method and compare them with a run",
    "score": "score SR images of any method into a row for the leaderboard",
    "leaderboard": "check the rows of a folder and make the table of them",
    "publish": "for maintainers: accept scores, update README and costs, release weights",
}

MANUAL = """# Commands

`python -m benchmark COMMAND [options]`. This page is generated: `python -m benchmark --manual > docs/cli.md`.
Every command exits with 0 if all went well, 2 with one line for input that a user can mend, 130 at Ctrl-C."""
WIDTH = 110


def usage() -> str:
    """The list of commands."""
    lines = [f"  {name:11} {text}" for name, text in COMMANDS.items()]
    return "\n".join(["usage: python -m benchmark COMMAND [options]; --help after a command lists them", *lines])


def main(arguments: list[str]) -> None:
    from benchmark import cli  # here, so that `checked` sees a package that is missing

    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return
    if arguments == ["--manual"]:
        print(manual(), end="")
        return
    if arguments[0] not in COMMANDS:
        print(f"error: no command '{arguments[0]}'\n{usage()}", file=sys.stderr)
        sys.exit(2)
    command = cli.module_of(arguments[0])
    parser = command.parser()
    parser.prog = f"python -m benchmark {arguments[0]}"
    cli.run(command.main, parser, arguments[1:])


def manual() -> str:
    """docs/cli.md: the --help of every command, from the parsers, a section a command."""
    from benchmark import cli

    sections = [section(name, cli.module_of(name).parser()) for name in COMMANDS]
    return "\n\n".join([MANUAL, *sections]) + "\n"


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
    heading, _, rest = parser.format_help().partition("\n\n")  # Pythons differ in where they break the usage
    return "\n\n".join([f"{level} {name}", f"```text\n{' '.join(heading.split())}\n\n{rest}```", *below])


def checked(arguments: list[str]) -> None:
    """`main`, with a line in place of a traceback where the environment is not active, and few lines in a log file."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "30")  # seconds; read when tqdm is imported
    try:
        main(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("benchmark", "datasets", "methods"):
            raise
        print(f"error: no package {error.name}; `make environment`, then `source .venv/bin/activate`", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    checked(sys.argv[1:])
