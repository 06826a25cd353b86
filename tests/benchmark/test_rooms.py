"""Who may know whom: datasets, then methods, then benchmark, and within it four rooms below the stages."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline import imports, project_files

ABOVE = {"datasets": {"methods", "benchmark"}, "methods": {"benchmark"}}
STRANGERS = {
    "scoring": {"training", "reporting", "cluster"},
    "training": {"reporting", "cluster"},
    "reporting": {"training", "cluster"},
    "cluster": {"scoring", "reporting"},
}
FOR_ALL = {"cli", "config", "make", "provenance"}  # top-level modules that are no stages


def room(path: Path) -> str | None:
    """The room of a module of benchmark/, None for a top-level one."""
    return path.parts[1] if path.parts[0] == "benchmark" and len(path.parts) > 2 else None


@pytest.mark.parametrize("package", ABOVE)
def test_nothing_runs_against_the_flow(package: str) -> None:
    wrong = [
        (str(path), str(other))
        for path in project_files()
        for other in imports(path)
        if path.parts[0] == package and other.parts[0] in ABOVE[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("name", STRANGERS)
def test_rooms_know_no_strangers_and_no_stages(name: str) -> None:
    inside = [path for path in project_files() if room(path) == name]
    assert len(inside) > 3
    for path in inside:
        others = {other for other in imports(path) if other.parts[0] == "benchmark" and other.name != "__init__.py"}
        assert not {other for other in others if room(other) in STRANGERS[name]}, path
        assert {other.stem for other in others if room(other) is None} <= FOR_ALL, path


def test_every_room_is_known_here() -> None:
    assert {room(path) for path in project_files()} == {None, *STRANGERS}
