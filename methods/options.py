"""Options of methods: what params.yaml may set, with types, bounds, units and texts, checked by pydantic."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import pydantic
from pydantic_core import ErrorDetails

from datasets.face import BadInput

# How params.yaml writes the types that options have.
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}
# What pydantic calls a broken bound, and how the error says it.
BOUNDS = {
    "greater_than_equal": "give at least {ge:g}",
    "greater_than": "give more than {gt:g}",
    "less_than_equal": "give at most {le:g}",
    "less_than": "give less than {lt:g}",
    "multiple_of": "give a multiple of {multiple_of}",
    "finite_number": "give a finite number",
}


class Options(pydantic.BaseModel):
    """Base of every method's options: immutable; an unknown name or a value of another type is refused.

    Declare an option once: `epochs: int = Field(20, ge=1, description="passes over the training set")`. A check that
    bounds cannot express is a pydantic validator that raises ValueError: a field validator's text says what to give
    ("give an even number"), a model validator's names the option too ("option stacks: 3; set 0 with authors_trunk").
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


OptionsT = TypeVar("OptionsT", bound=Options)


def parse_options(options_type: type[OptionsT], given: Mapping[str, Any], owner: str) -> OptionsT:
    """Check the options that params.yaml gives.

    Raises: BadInput: in one line that names owner, option, value and what is allowed.
    """
    try:
        return options_type.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise BadInput(f"params.yaml: {owner} {_line(options_type, error.errors()[0])}") from None


def _line(options_type: type[Options], error: ErrorDetails) -> str:
    """The first error of a validation, in words."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    fields = options_type.model_fields
    if kind in ("extra_forbidden", "invalid_key"):
        return f"has no option '{error['loc'][0]}'; it has {', '.join(fields) or 'none'}"
    reason = str(context["error"]) if kind == "value_error" else ""
    if not error["loc"]:
        return reason
    name = str(error["loc"][0])
    if reason or kind in BOUNDS:
        return f"option {name}: {value}; {reason or BOUNDS[kind].format(**context)}"
    hint = typing.get_type_hints(options_type)[name]
    return f"option {name}: {value!r} is not {_words(hint)}"


def _words(hint: Any) -> str:
    """An option's type as params.yaml writes it."""
    members = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_words(member) for member in members)
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(repr, members))
    return WORDS.get(hint, str(hint))
