"""The page of deviations: every point where the papers, their authors' code and this project differ.

Three kinds of rows: of the protocol and of the baselines, from reference/deviations.yaml; of the paper's network, from
its recipes and the same file. A method offers rows of recipes as DEVIATIONS in its package, or in the module `recipes`
of it: objects with the attributes point, paper, authors, tuned and why.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import yaml

from benchmark import cli, config
from benchmark.reporting import tables
from datasets.face import BadInput
from methods.interface import discover, names

COLUMNS = {"point": "Point", "paper": "Paper", "authors": "Authors' code", "tuned": "Recipe `tuned`", "why": "Remark"}
NOTES = Path(__file__).parents[1] / "reference" / "deviations.yaml"
NOTED = {"about": "Method", "point": "Point", "paper": "Paper", "here": "Here", "why": "Why"}
PROTOCOL, OURS = "protocol", "mtun"


def rows() -> pd.DataFrame:
    """Every deviation of a method's recipes as text: the method's folder, then COLUMNS."""
    found = [
        {"Method": name} | {title: _text(getattr(row, key)) for key, title in COLUMNS.items()}
        for name in discover()
        for row in offered(name)
    ]
    return pd.DataFrame(found, columns=["Method", *COLUMNS.values()])


def offered(name: str) -> tuple[Any, ...]:
    """The rows that the method `name` offers; () where it has none."""
    package = importlib.import_module(f"methods.{name}")
    if hasattr(package, "DEVIATIONS"):
        return tuple(package.DEVIATIONS)
    return tuple(getattr(_recipes(name), "DEVIATIONS", ()))


def _recipes(name: str) -> ModuleType | None:
    """The module `recipes` of the method `name`, if it has one."""
    module = f"methods.{name}.recipes"
    return importlib.import_module(module) if importlib.util.find_spec(module) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == () or value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def notes(path: Path = NOTES) -> pd.DataFrame:
    """The rows of a YAML file, columns NOTED; BadInput for one that lacks a key, has another or is about nothing."""
    found = yaml.safe_load(path.read_text())["deviations"]
    for number, row in enumerate(found, 1):
        _check(row, f"{path}: row {number} ({row.get('about', '?')}: {row.get('point', '?')})")
    return pd.DataFrame(found, columns=list(NOTED)).rename(columns=NOTED)


def _check(row: dict[str, Any], where: str) -> None:
    if missing := NOTED.keys() - row.keys():
        raise BadInput(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := row.keys() - NOTED.keys():
        raise BadInput(f"{where} has unknown {', '.join(sorted(unknown))}")
    if wrong := [key for key, value in row.items() if not isinstance(value, str) or not value]:
        raise BadInput(f"{where}: {', '.join(wrong)} must be text; put it in quotes")
    if row["about"] not in (PROTOCOL, *names()):
        raise BadInput(f"{where}: about is {PROTOCOL} or one of {', '.join(names())}")


def settings(experiment: config.Experiment) -> pd.DataFrame:
    """What the experiment sets of each method beyond its recipe or default: width, epochs, rates."""
    recipe = experiment.params["training"]["recipe"]
    found = [
        {"Method": name, "Option": key, "Recipe or default": _text(_usual(name, key, recipe)), "Here": _text(value)}
        for name, options in experiment.params["methods"].items()
        for key, value in (options or {}).items()
    ]
    table = pd.DataFrame(found, columns=["Method", "Option", "Recipe or default", "Here"])
    return table[table["Here"] != table["Recipe or default"]]


def _usual(name: str, key: str, recipe: str) -> Any:
    """An option's value where an experiment leaves it alone."""
    value, recipes = getattr(discover()[name].Options(), key), _recipes(name)
    return getattr(recipes.recipe(recipe), key, None) if value is None and recipes else value


def write(experiment: config.Experiment, folder: Path, outdated: Mapping[str, list[str]] | None = None) -> None:
    """Write deviations.md: what the experiment sets, the protocol's, the baselines' and the recipes' deviations.

    outdated: by run, in what its scores are not of today's settings.
    """
    with cli.whole_file(folder / "deviations.md") as part:
        part.write_text(page(experiment, outdated or {}))


def page(experiment: config.Experiment, outdated: Mapping[str, list[str]]) -> str:
    """deviations.md: a line on the experiment, then tables, each below what it holds."""
    noted = notes()
    protocol, ours = (noted[noted["Method"] == about].drop(columns="Method") for about in (PROTOCOL, OURS))
    parts = [
        _protocol(experiment),
        *_outdated(outdated),
        f"What it sets of its methods for all runs (recipe `{experiment.params['training']['recipe']}`):",
        _markdown(settings(experiment)),
        "Where the paper and this project differ in the protocol, which all methods share:",
        _markdown(protocol),
        "Where the baselines differ from their own papers, or from what Yu et al., the paper reproduced, say of them:",
        _markdown(noted[~noted["Method"].isin([PROTOCOL, OURS])]),
        "Where the paper, its authors' public code and this project differ in the paper's network. The recipes `paper` "
        "and `authors` follow the columns of these names.",
        _markdown(rows()),
        "Further points of that network, of all recipes where the row names none:",
        _markdown(ours),
    ]
    return "\n\n".join(parts) + "\n"


def _protocol(experiment: config.Experiment) -> str:
    """What the experiment sets of the protocol, in a line."""
    blocks = (experiment.params["prepare"], {**experiment.params["training"], "precision": experiment.precision})
    values = "; ".join(", ".join(f"{key} {_text(value)}" for key, value in block.items()) for block in blocks)
    return f"Experiment {experiment.name}: {tables.describe(experiment)}. Of the protocol it sets {values}."


def _outdated(runs: Mapping[str, list[str]]) -> list[str]:
    """A warning where scores are not of today's settings."""
    listed = [f"- {run}: {'; '.join(lines)}" for run, lines in runs.items()]
    return ["**Scores that were made with other settings than today's:**", "\n".join(listed)] if listed else []


def _markdown(table: pd.DataFrame) -> str:
    return table.map(lambda text: text.replace("|", r"\|")).to_markdown(index=False, disable_numparse=True)
