"""dvc.yaml without DVC: every stage with its run, dependencies and outputs, how they are run, and who imports whom."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("benchmark", "datasets", "methods")


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml; `run` is its run, with its method, where it is one of many. params: keys of params.yaml."""

    name: str
    run: str | None
    method: str | None
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def command(self) -> str:
        """The module that it runs, and its run."""
        return f"benchmark.{self.name}" + (f" --run {self.run}" if self.run else "")


def stages(params: dict[str, Any], experiment: str) -> list[Stage]:
    """Every stage for these params, in the order of dvc.yaml."""
    found = []
    for name, block in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
        items = params["runs"] if "foreach" in block else {None: {}}
        for run, item in items.items():
            values = {"experiment": experiment, "key": run, "method": item.get("method")}
            text = yaml.safe_dump(block.get("do", block)).replace("${item.method}", "${method}")
            filled = yaml.safe_load(Template(text).safe_substitute(values))
            outs = [*filled.get("outs", []), *filled.get("metrics", [])]
            paths = tuple(out if isinstance(out, str) else next(iter(out)) for out in outs)
            keys = tuple(filled.get("params", ()))
            found.append(Stage(name, run, item.get("method"), tuple(filled["deps"]), keys, paths))
    return found


def run(folder: Path, *commands: str, path: Path = ROOT, **environment: str) -> str:
    """Each command, such as "benchmark.train --run ours", in `folder` on the code at `path`; what they print."""
    script = (
        "import runpy, shlex, sys\nfor command in sys.argv[1:]:\n"
        "    sys.argv = shlex.split(command)\n    runpy.run_module(sys.argv[0], run_name='__main__')"
    )
    given = os.environ | {"PYTHONPATH": str(path), "CUDA_VISIBLE_DEVICES": "", **environment}
    call = [sys.executable, "-c", script, *commands]
    done = subprocess.run(call, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def project_files() -> list[Path]:
    """Every module of the project, relative to its root; tests aside."""
    files = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in files if not path.name.startswith("test_")]


@cache
def imports(path: Path) -> frozenset[Path]:
    """The project's files that a module imports by name anywhere in it, packages on the way included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(file for name in names for file in _files(name))


def _files(name: str) -> Iterator[Path]:
    """The files that `import name` runs: its packages, and itself where it is a module; none of foreign names."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return
    for length in range(1, len(parts) + 1):
        stem = Path(*parts[:length])
        for path in (stem / "__init__.py", stem.with_suffix(".py")):
            if (ROOT / path).is_file():
                yield path


def reached(roots: list[Path]) -> set[Path]:
    """The roots and all that they import, directly or not."""
    known, todo = set(), list(roots)
    while todo:
        path = todo.pop()
        if path not in known:
            known.add(path)
            todo += imports(path)
    return known
