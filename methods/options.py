"""Options of methods: what params.yaml may set, with types, bounds, units and texts, checked by pydantic."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from datasets.face import BadInput


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
        raise BadInput(f"params.yaml: {owner}: {first_problem(options_type, error)}") from None


def first_problem(model: type[pydantic.BaseModel], error: pydantic.ValidationError) -> str:
    """The first problem of a validation as `key: value: what it should be`; with the known keys if the key is not."""
    problem = error.errors()[0]
    where, text = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        block: Any = model
        for part in problem["loc"][:-1]:
            block = block.model_fields[part].annotation
        return f"{where}: no such key; known are {', '.join(block.model_fields) or 'none'}"
    if not where:  # of several keys, which the text names
        return text
    given = "" if problem["type"] == "missing" else f" {problem['input']!r}:"
    return f"{where}:{given} {text[0].lower()}{text[1:]}"
