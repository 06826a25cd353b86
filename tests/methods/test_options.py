"""Options of every method: names, types, bounds and combinations are checked, and told in one line."""

import re
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, MultipleOf

from datasets.face import BadInput
from methods.interface import create, discover
from methods.trained import TrainedMethod

METHODS = discover()
GRID = "overlap is less than patch, and their difference divides 16 - patch"


@pytest.mark.parametrize("name", METHODS)
def test_unknown_option_is_refused(name: str) -> None:
    known = ", ".join(METHODS[name].Options.model_fields) or "none"
    with pytest.raises(BadInput, match=f"no_such_option: no such key; known are {known}$"):
        create(name, {"no_such_option": 1})


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("mtun", {"adversarial": "no"}, "MTUN: adversarial: 'no': input should be a valid boolean"),
        ("mtun", {"width": 3}, "MTUN: width: 3: input should be a multiple of 2"),
        ("mtun", {"heb_at": 128}, "MTUN: heb_at: 128: input should be 16, 32 or 64"),
        ("mtun", {"recipe": "best"}, "MTUN: recipe: 'best': input should be 'paper', 'authors' or 'tuned'"),
        (
            "mtun",
            {"stacks": 4, "authors_trunk": True},
            "MTUN: option authors_trunk is for a network without HEB; set stacks: 0",
        ),
        ("mtun", {"heatmaps": "true"}, "MTUN: option heatmaps: given ones replace the HEB; set stacks: 0, no heb_at"),
        (
            "mtun",
            {"recipe": "authors", "beta": 0.001},
            "MTUN option beta: 0.001; recipe authors lowers it to 0.005; give that at least, or set adversarial: false",
        ),
        ("position_patch", {"overlap": 4}, f"PositionPatch: options patch: 4, overlap: 4; {GRID}"),
        ("position_patch", {"patch": 5, "overlap": 2}, f"PositionPatch: options patch: 5, overlap: 2; {GRID}"),
        ("vdsr", {"depth": True}, "VDSR: depth: True: input should be a valid integer"),
        ("vdsr", {"lr": float("nan")}, "VDSR: lr: nan: input should be a finite number"),
    ],
)
def test_options_without_meaning_are_refused_in_words(name: str, options: dict[str, Any], line: str) -> None:
    with pytest.raises(BadInput, match=f"^params.yaml: {re.escape(line)}$"):
        create(name, options)


def bounds() -> list[tuple[str, str, float, str]]:
    """Method, option, a value just out of bounds and what the error says, for every bound of every option."""
    found = []
    for name, method in METHODS.items():
        for option, field in method.Options.model_fields.items():
            whole = field.annotation in (int, int | None)
            step = next((bound.multiple_of for bound in field.metadata if isinstance(bound, MultipleOf)), 1)
            for bound in field.metadata:
                match bound:
                    case Ge(ge=limit):
                        value, said = limit - (step if whole else 0.5), "greater than or equal to"
                    case Gt(gt=limit):
                        value, said = float(limit), "greater than"
                    case Le(le=limit):
                        value, said = limit + 1, "less than or equal to"
                    case _:
                        continue
                found.append((name, option, value, f"{value}: input should be {said} {limit}"))
    return found


@pytest.mark.parametrize(("name", "option", "value", "says"), bounds())
def test_an_option_out_of_bounds_is_refused(name: str, option: str, value: float, says: str) -> None:
    with pytest.raises(BadInput, match=f"^params.yaml: {METHODS[name].__name__}: {option}: {says}$"):
        create(name, {option: value})


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if issubclass(method, TrainedMethod)])
def test_no_method_is_trained_for_no_epoch_or_on_no_face(name: str) -> None:
    names = METHODS[name].Options.model_fields
    counts = {option for option in names if option.startswith("epochs") or option.endswith(("epochs", "batch_size"))}
    assert counts <= {option for method, option, *_ in bounds() if method == name}
    assert counts
