"""The table of deviations: every point where the paper, its authors' code and this project differ, from the recipes.

A method offers rows as DEVIATIONS in its package, or in the module `recipes` of it: objects with the attributes point,
paper, authors, tuned and why.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from benchmark import cli, config
from methods.interface import discover

COLUMNS = {"point": "Point", "paper": "Paper", "authors": "Authors' code", "tuned": "Recipe `tuned`", "why": "Remark"}


def rows() -> pd.DataFrame:
    """Every deviation as text: the method's folder, then COLUMNS."""
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


def write(experiment: config.Experiment, folder: Path) -> None:
    """Write deviations.md: what the experiment sets, then the deviations of the recipes."""
    head = (
        "Where the paper, its authors' public code and this project differ. The recipes `paper` and `authors` follow "
        "the columns of these names.\n\n"
    )
    table = rows().map(lambda text: text.replace("|", r"\|"))
    with cli.whole_file(folder / "deviations.md") as part:
        part.write_text(
            f"What experiment {experiment.name} sets of its methods for all runs (recipe "
            f"`{experiment.params['training']['recipe']}`):\n\n{_markdown(settings(experiment))}\n\n"
            f"{head}{_markdown(table)}\n"
        )


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)
