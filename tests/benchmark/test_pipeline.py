"""dvc.yaml: no stage runs code of the project that it does not depend on, and none has a stale dependency."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from pipeline import ROOT, Stage, reached, stages

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
STAGES = stages(PARAMS, PARAMS["experiment"])
# Change what is imported without changing any output: the command line and the writers of whole files, which leave
# their content alone, how a stage's processes start and end, and the search for a corpus by its name, which the stages
# that read corpora have as a folder.
HARMLESS = {Path("benchmark/cli.py"), Path("benchmark/forked.py"), Path("datasets/__init__.py")}


def roots(stage: Stage) -> list[Path]:
    """What a stage starts with: its module, and the modules of its run's method, which are found by name."""
    method = sorted((ROOT / "methods" / stage.method).rglob("*.py")) if stage.method else []
    if stage.name == "evaluate":  # which sees images alone
        method = []
    return [Path("benchmark") / f"{stage.name}.py", *(path.relative_to(ROOT) for path in method)]


def holds_code(path: Path) -> bool:
    """Whether a module is more than its docstring."""
    body = ast.parse((ROOT / path).read_text()).body
    return not all(isinstance(node, ast.Expr) for node in body)


def covered(path: Path, stage: Stage) -> bool:
    return any(path.is_relative_to(dep) for dep in stage.deps)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.command)
def test_every_imported_file_is_a_dependency(stage: Stage) -> None:
    files = {path for path in reached(roots(stage)) if holds_code(path)}
    assert len(files) > 3
    assert {str(path) for path in files - HARMLESS if not covered(path, stage)} == set()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.command)
def test_every_dependency_is_there_or_made_by_a_stage(stage: Stage) -> None:
    made = {out for other in STAGES for out in other.outs}
    for dep in stage.deps:
        inside = any(Path(out).is_relative_to(dep) or Path(dep).is_relative_to(out) for out in made)
        assert (ROOT / dep).exists() or inside, dep
    assert len(stage.deps) == len(set(stage.deps))


@pytest.mark.parametrize("name", sorted({stage.name for stage in STAGES}))
def test_every_module_among_the_dependencies_is_imported_by_one_of_the_runs(name: str) -> None:
    alike = [stage for stage in STAGES if stage.name == name]
    modules = {Path(dep) for stage in alike for dep in stage.deps if dep.endswith(".py")}
    assert modules - set().union(*(reached(roots(stage)) for stage in alike)) == set()


def test_every_param_is_there_in_every_experiment() -> None:
    """DVC refuses a stage that names a key which is not there."""
    for experiment in PARAMS["experiments"]:
        for key in {key for stage in stages(PARAMS, experiment) for key in stage.params}:
            found = PARAMS
            for name in key.split("."):
                assert name in found, key
                found = found[name]


@pytest.mark.parametrize("experiment", PARAMS["experiments"])
def test_the_report_depends_on_all_that_its_experiment_says(experiment: str) -> None:
    """It says which scores are of other settings than today's, those of every STN_0 and of runs of its own included."""
    [report] = [stage for stage in stages(PARAMS, experiment) if stage.name == "report"]
    said = {"runs", *(f"experiments.{experiment}.{key}" for key in PARAMS["experiments"][experiment])}
    assert {key for key in said if not any(f"{key}.".startswith(f"{param}.") for param in report.params)} == set()


def test_provenance_is_of_no_stage() -> None:
    for stage in STAGES:
        assert not [path for path in (*stage.deps, *stage.outs) if "provenance" in Path(path).parts[:-1]]


def test_prose_and_caches_are_no_dependencies() -> None:
    assert {"README.md", "__pycache__"} <= set((ROOT / ".dvcignore").read_text().split())
