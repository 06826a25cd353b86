"""Who may import whom: datasets, then methods, then benchmark, and within it folders below the commands."""

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


# Every module of the project, tests aside, by its path from the root: its text.
MODULES = {
    path.relative_to(ROOT): path.read_text()
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.name.startswith("test_")
}


@cache
def imports(path: Path) -> set[Path]:
    """The project's modules that a module imports at its top, empty ones aside."""
    names: set[str] = set()
    for node in ast.parse(MODULES[path]).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    stems = [Path(*name.split(".")) for name in names]
    files = [stem.with_suffix(".py") for stem in stems] + [stem / "__init__.py" for stem in stems]
    return {file for file in files if MODULES.get(file, "").strip()}


def folder(path: Path) -> str:
    """The folder of benchmark/ that a module lies in; "" for a top-level one."""
    return path.parts[1] if path.parts[0] == "benchmark" and len(path.parts) > 2 else ""


def test_data_flow_one_way() -> None:
    order = {package: i for i, package in enumerate(PACKAGES)}
    assert [(p, o) for p in MODULES for o in imports(p) if order[o.parts[0]] > order[p.parts[0]]] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_know_no_commands_and_no_strangers(name: str) -> None:
    others = {other for path in MODULES if folder(path) == name for other in imports(path)}
    assert [other for other in others if folder(other) in FOLDERS[name]] == []
    top = {other.stem for other in others if other.parts[0] == "benchmark" and not folder(other)}
    assert top <= SHARED | {"__init__"}


def test_every_folder_is_known_here() -> None:
    assert {folder(path) for path in MODULES} == {"", *FOLDERS}


def test_imports_have_no_circle_and_few_storeys() -> None:
    """A storey: how many modules of one folder stand on each other, a folder's public face (__init__) aside."""
    files = [path for path in MODULES if path.name != "__init__.py"]
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
        for path in MODULES
        if path.parts[0] == "benchmark" and folder(path) != "reporting"
        for other in imports(path)
        if other.parts[0] == "methods" and len(other.parts) > 2 and other.parts[1] in methods
    }
    assert named == set()
