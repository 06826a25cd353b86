"""`python -m benchmark COMMAND`: the stages of the pipeline, in its order, and what people run besides."""

from __future__ import annotations

import os
import sys

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
        from benchmark.reporting import manual

        print(manual.page(COMMANDS), end="")
        return
    if arguments[0] not in COMMANDS:
        print(f"error: no command '{arguments[0]}'\n{usage()}", file=sys.stderr)
        sys.exit(2)
    command = cli.module_of(arguments[0])
    parser = command.parser()
    parser.prog = f"python -m benchmark {arguments[0]}"
    cli.run(command.main, parser, arguments[1:])


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
