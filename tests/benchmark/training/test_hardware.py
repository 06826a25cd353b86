"""Precision by hardware, and what half precision may change of a step."""

from __future__ import annotations

import pytest
import torch

from benchmark.training.hardware import resolve
from benchmark.training.step import make_step
from datasets.batch import DeviceFaces
from datasets.pairs import Pairs
from methods.interface import Context, create

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SMALL = {"width": 4, "stacks": 1, "random_vgg_width": 4, "batch_size": 8, "front_epochs": 1}


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({}, "float32"),
        ({"avx512_f": True}, "float32"),  # it could, but by slow detours
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_has_it(
    able: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert resolve("auto", CPU) == expected


@pytest.mark.parametrize(("able", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_where_the_gpu_has_it(able: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every GPU since Pascal emulates it, slower than it works in float32.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or able)
    assert resolve("auto", CUDA) == expected


@pytest.mark.parametrize("device", [CPU, CUDA], ids=str)
def test_a_precision_that_is_named_is_taken(device: torch.device) -> None:
    assert resolve("float32", device) == "float32"
    assert resolve("bfloat16", device) == "bfloat16"


def first_losses(pairs: Pairs, phase: int, precision: str) -> dict[str, float]:
    method = create("mtun", SMALL)
    context = Context(CPU)
    step = make_step(method.phases(context)[phase], DeviceFaces(pairs, CPU), context, precision=precision)
    torch.manual_seed(0)
    terms = step(torch.arange(8), None, None, 0)
    assert terms.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in method.module.parameters())
    return dict(zip(step.names, terms.tolist(), strict=True))


@pytest.mark.parametrize("phase", [0, 1])
def test_half_precision_moves_losses_little_but_moves_them(pairs: Pairs, phase: int) -> None:
    exact, half = (first_losses(pairs, phase, precision) for precision in ("float32", "bfloat16"))
    assert exact.keys() == half.keys()
    assert exact != half
    for name, value in exact.items():
        assert half[name] == pytest.approx(value, rel=0.05), name
