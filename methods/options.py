"""A method's options: the values of params.yaml, held against the method's dataclass."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from datasets.face import BadInput

# How params.yaml writes the types that options have.
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}


def parse_options(options_type: type, given: Mapping[str, Any], owner: str) -> Any:
    """Build the frozen options dataclass; BadInput for a name it lacks, another type, or a value out of bounds."""
    settable = {option.name for option in dataclasses.fields(options_type) if option.init}
    hints = {name: hint for name, hint in typing.get_type_hints(options_type).items() if name in settable}
    for name, value in given.items():
        if name not in hints:
            raise BadInput(f"params.yaml: {owner} has no option '{name}'; it has {', '.join(hints) or 'none'}")
        if not _fits(value, hints[name]):
            raise BadInput(f"params.yaml: {owner} option {name}: {value!r} is not {_words(hints[name])}")
    options = options_type(**given)  # whose own bounds come first: they may be narrower
    for option in dataclasses.fields(options_type):
        value, bounds = getattr(options, option.name), option.metadata
        if value is not None and value < bounds.get("least", value):
            raise BadInput(f"params.yaml: {owner} option {option.name}: {value}; give at least {bounds['least']}")
        if value is not None and "above" in bounds and value <= bounds["above"]:
            raise BadInput(f"params.yaml: {owner} option {option.name}: {value}; give more than {bounds['above']}")
    return options


def at_least(least: float, default: Any) -> Any:
    """An option of an options dataclass that is `least` or more, or None."""
    return dataclasses.field(default=default, metadata={"least": least})


def above(bound: float, default: Any) -> Any:
    """An option of an options dataclass that is more than `bound`, or None."""
    return dataclasses.field(default=default, metadata={"above": bound})


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML is of the type of an option: a class, a Literal, or one of them or None."""
    if isinstance(hint, types.UnionType):
        return any(_fits(value, member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if isinstance(value, bool) and hint is not bool:
        return False
    return isinstance(value, int | float if hint is float else typing.get_origin(hint) or hint)


def _words(hint: Any) -> str:
    """An option's type as params.yaml writes it."""
    members = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_words(member) for member in members)
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(repr, members))
    return WORDS.get(hint, str(hint))
