"""Who may import whom: datasets, then methods, then benchmark, and within it folders below the commands."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("datasets", "methods", "benchmark")
# Strangers of each folder.
FOLDERS = {
    "reference": {"runs", "training", "scoring", "reporting"},
    "runs": {"reporting"},
    "training": {"reporting"},
    "scoring": {"runs", "training", "reporting"},
    "reporting": {"training"},
}
SHARED = {"cli", "config", "params"}  # top-level modules that folders may import
STOREYS = 6


def modules() -> list[Path]:
    """Every module of the project, relative to its root; tests aside."""
    files = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in files if not path.name.startswith("test_")]


@cache
def imports(path: Path) -> frozenset[Path]:
    """The project's modules that a module imports at its top, packages themselves aside."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    stems = [Path(*name.split(".")) for name in names if name.split(".")[0] in PACKAGES]
    files = [stem.with_suffix(".py") for stem in stems] + [stem / "__init__.py" for stem in stems]
    return frozenset(file for file in files if (ROOT / file).is_file() and (ROOT / file).read_text().strip())


def folder(path: Path) -> str:
    """The folder of benchmark/ that a module lies in; "" for a top-level one."""
    return path.parts[1] if path.parts[0] == "benchmark" and len(path.parts) > 2 else ""


def test_data_flow_one_way() -> None:
    order = {package: i for i, package in enumerate(PACKAGES)}
    wrong = [(p, o) for p in modules() for o in imports(p) if order[o.parts[0]] > order[p.parts[0]]]
    assert wrong == []


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_know_no_commands_and_no_strangers(name: str) -> None:
    inside = [path for path in modules() if folder(path) == name]
    assert inside
    for path in inside:
        others = {other for other in imports(path) if other.parts[0] == "benchmark"}
        assert not {other for other in others if folder(other) in FOLDERS[name]}, path
        assert {other.stem for other in others if not folder(other)} - {"__init__"} <= SHARED, path


def test_every_folder_is_known_here() -> None:
    assert {folder(path) for path in modules()} == {"", *FOLDERS}


def test_imports_have_no_circle_and_few_storeys() -> None:
    """A storey: how many modules of one folder stand on each other, a folder's public face (__init__) aside."""
    files = [path for path in modules() if path.name != "__init__.py"]
    graph = {path: {other for other in imports(path) if other.name != "__init__.py"} for path in files}
    heights: dict[Path, int] = {}
    for path in TopologicalSorter(graph).static_order():  # raises CycleError at a circle
        below = [heights[other] for other in graph[path] if other.parent == path.parent]
        heights[path] = 1 + max(below, default=0)
    assert {str(path): height for path, height in heights.items() if height > STOREYS} == {}


def test_methods_are_named_nowhere_in_the_commands() -> None:
    """Adding a method edits its folder and a line under `runs:`."""
    methods = {path.parent.name for path in (ROOT / "methods").glob("*/__init__.py")}
    named = {
        (str(path), other.parts[1])
        for path in modules()
        if path.parts[0] == "benchmark" and folder(path) != "reporting"
        for other in imports(path)
        if other.parts[0] == "methods" and len(other.parts) > 2 and other.parts[1] in methods
    }
    assert named == set()
