"""deviations.md: where the papers, the authors' code and this project differ, a section a method.

The texts are in benchmark/reference/deviations.yaml (the protocol) and in methods/NAME/deviations.yaml, in one form.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pydantic
import yaml

from benchmark import config
from datasets.face import BadInput
from methods.interface import method_class, names
from methods.mtun import recipes
from methods.options import first_problem

FILE = "deviations.yaml"
PROTOCOL = Path(__file__).parents[1] / "reference" / FILE
METHODS = Path(__file__).parents[2] / "methods"
RECIPES = {"mtun": recipes.RECIPES}  # of the methods that have several, dataclasses by name


class Deviation(pydantic.BaseModel):
    """One point on which this project differs from a paper."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, str_min_length=1)

    point: str
    paper: str
    authors: str | None = None
    here: str
    why: str

    def line(self) -> str:
        """The deviation as an item of a Markdown list."""
        parts = {"Paper": self.paper, "Authors' code": self.authors, "Here": self.here, "Why": self.why}
        text = " ".join(f"*{title}:* {text.rstrip('.')}." for title, text in parts.items() if text)
        return f"- **{self.point[0].upper()}{self.point[1:]}.** {text}"


def read(path: Path) -> list[Deviation]:
    """Read a file of deviations; [] if there is none.

    Raises:
        BadInput: names the entry that lacks a key, has an unknown one, or a value that is no text.
    """
    entries = yaml.safe_load(path.read_text()) if path.is_file() else []
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(Deviation.model_validate(entry))
        except pydantic.ValidationError as error:
            where = f"{path}: entry {number} ({entry.get('point', '?') if isinstance(entry, dict) else entry})"
            raise BadInput(f"{where}: {first_problem(Deviation, error)}") from error
    return found


def settings(experiment: config.Experiment, name: str) -> list[str]:
    """What the experiment sets of a method for all its runs, as `option value (default)`, where it differs."""
    given, options = experiment.methods.get(name) or {}, method_class(name).Options.model_fields
    recipe = RECIPES.get(name, {}).get(experiment.training.recipe)
    usual = {key: options[key].default for key in given if key in options}
    usual = {key: getattr(recipe, key, None) if value is None else value for key, value in usual.items()}
    return [f"`{key}` {_text(given[key])} ({_text(value)})" for key, value in usual.items() if value != given[key]]


def recipe_table(name: str) -> pd.DataFrame:
    """The fields in which the method's recipes differ, a column a recipe, as text."""
    values = pd.DataFrame({recipe: dataclasses.asdict(fields) for recipe, fields in RECIPES.get(name, {}).items()})
    texts = values.map(_text)
    return texts[texts.nunique(axis=1) > 1].rename_axis("setting").reset_index() if len(texts) else texts


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == () or value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def page(experiment: config.Experiment, outdated: Mapping[str, list[str]]) -> str:
    """The text of deviations.md. outdated: by run, in which settings its scores are out of date."""
    parts = ["# Deviations from the papers", f"Experiment {experiment.name}: {experiment.corpus}."]
    if outdated:
        listed = [f"- {run}: {'; '.join(lines)}" for run, lines in outdated.items()]
        parts += ["**Scores that were computed with other settings than today's:**", "\n".join(listed)]
    protocol = experiment.prepare.model_dump(exclude_defaults=True) | experiment.training.model_dump()
    said = f"This experiment sets: {', '.join(f'`{key}` {_text(value)}' for key, value in protocol.items())}."
    parts += ["## Protocol", said, "\n".join(map(Deviation.line, read(PROTOCOL)))]
    used = {run.method for run in (experiment.runs | experiment.pretrained).values()}
    for name in sorted(used & {*names()}):
        parts += section(experiment, name)
    return "\n\n".join(parts) + "\n"


def section(experiment: config.Experiment, name: str) -> list[str]:
    """The section of a method: what the experiment sets, its recipes, its deviations; [] if there is nothing to say."""
    found, changed, differing = read(METHODS / name / FILE), settings(experiment, name), recipe_table(name)
    parts = [f"This experiment sets (default): {', '.join(changed)}."] if changed else []
    parts += ["\n".join(map(Deviation.line, found))] if found else []
    parts += [f"Recipes:\n\n{differing.to_markdown(index=False, disable_numparse=True)}"] if len(differing) else []
    return [f"## {name}", *parts] if parts else []
