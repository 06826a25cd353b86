"""Options of every method: names, types and bounds are checked, and told in one line."""

from __future__ import annotations

from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, MultipleOf

from datasets.face import BadInput
from methods.interface import create, discover
from methods.mtun.method import MTUN
from methods.trained import TrainedMethod
from tests.methods.test_contract import METHODS, tiny


@pytest.mark.parametrize("name", METHODS)
def test_unknown_option_is_refused(name: str) -> None:
    known = ", ".join(discover()[name].Options.model_fields) or "none"
    with pytest.raises(BadInput, match=f"no_such_option: no such key; known are {known}$"):
        create(name, {"no_such_option": 1})


@pytest.mark.parametrize(
    ("name", "option", "line"),
    [
        ("mtun", {"adversarial": "no"}, "MTUN: adversarial: 'no': input should be a valid boolean"),
        ("mtun", {"epochs": "1"}, "MTUN: epochs: '1': input should be a valid integer"),
        ("vdsr", {"depth": True}, "VDSR: depth: True: input should be a valid integer"),
        ("vdsr", {"colour": "grey"}, "VDSR: colour: 'grey': input should be 'y' or 'rgb'"),
        ("vdsr", {"lr": float("nan")}, "VDSR: lr: nan: input should be a finite number"),
        ("mtun", {"width": 3}, "MTUN: width: 3: input should be a multiple of 2"),
    ],
)
def test_value_of_another_type_is_refused_in_words(name: str, option: dict[str, Any], line: str) -> None:
    with pytest.raises(BadInput, match=f"^params.yaml: {line}$"):
        create(name, option)


def bounds() -> list[tuple[str, str, float, str]]:
    """Method, option, a value just out of bounds and what the error says, for every bound of every option."""
    found = []
    for name, method in discover().items():
        for option, field in method.Options.model_fields.items():
            whole = field.annotation in (int, int | None)
            step = next((bound.multiple_of for bound in field.metadata if isinstance(bound, MultipleOf)), 1)
            for bound in field.metadata:
                if isinstance(bound, Ge):
                    value, said = bound.ge - (step if whole else 0.5), f"greater than or equal to {bound.ge}"
                elif isinstance(bound, Gt):
                    value, said = float(bound.gt), f"greater than {bound.gt}"
                elif isinstance(bound, Le):
                    value, said = bound.le + 1, f"less than or equal to {bound.le}"
                else:
                    continue
                found.append((name, option, value, f"{value}: input should be {said}"))
    return found


@pytest.mark.parametrize(("name", "option", "value", "says"), bounds())
def test_an_option_out_of_bounds_is_refused(name: str, option: str, value: float, says: str) -> None:
    method = discover()[name]
    with pytest.raises(BadInput, match=f"^params.yaml: {method.__name__}: {option}: {says}$"):
        method({option: value})


@pytest.mark.parametrize("name", [name for name in METHODS if issubclass(discover()[name], TrainedMethod)])
def test_no_method_is_trained_for_no_epoch_or_on_no_face(name: str) -> None:
    names = discover()[name].Options.model_fields
    counts = {option for option in names if option.startswith("epochs") or option.endswith(("epochs", "batch_size"))}
    assert counts <= {option for method, option, *_ in bounds() if method == name}
    assert counts


def test_a_weight_that_the_recipe_would_raise_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"MTUN option beta: 0\.001; recipe authors lowers it to 0\.005; give that at least"
    ):
        MTUN({**tiny("mtun"), "recipe": "authors", "adversarial": True, "beta": 0.001})
    method = MTUN({**tiny("mtun"), "recipe": "authors", "adversarial": True, "beta": 0.006})
    assert (method.beta(0), method.beta(1000)) == (0.006, 0.005)
