"""Precision by hardware, and what half precision may change of a step."""

from typing import Any

import pytest
import torch

from benchmark.runs.hardware import Precision, resolve_precision
from benchmark.training.step import make_step
from datasets.batch import DeviceFaces
from datasets.pairs import Pairs
from methods.interface import Context, create
from methods.trained import TrainedMethod

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SMALL = {"width": 4, "batch_size": 8}
MTUN = {"stacks": 1, "random_vgg_width": 4}


@pytest.mark.parametrize(
    ("device", "able", "wanted"),
    [
        (CPU, {}, "float32"),
        (CPU, {"avx512_f": True}, "float32"),  # it could, but by slow detours
        (CPU, {"avx512_bf16": True}, "bfloat16"),
        (CPU, {"amx_bf16": True}, "bfloat16"),
        (CPU, {"avx512_bf16": False, "amx_bf16": False}, "float32"),
        (CUDA, True, "bfloat16"),
        (CUDA, False, "float32"),
    ],
)
def test_auto_takes_bfloat16_where_the_hardware_has_it_and_a_precision_that_is_named_is_taken(
    device: torch.device, able: Any, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    # Every GPU since Pascal emulates it, slower than it works in float32.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or able)
    found = [resolve_precision(precision, device) for precision in ("auto", "float32", "bfloat16")]
    assert found == [wanted, "float32", "bfloat16"]


def first_losses(pairs: Pairs, name: str, precision: Precision) -> dict[str, float]:
    method = create(name, SMALL | (MTUN if name == "mtun" else {}))
    assert isinstance(method, TrainedMethod)
    context = Context(CPU)
    step = make_step(method.phases(context)[0], DeviceFaces(pairs, CPU), context, precision=precision)
    torch.manual_seed(0)
    terms = step(torch.arange(4), None, None, 0)
    assert terms.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in method.module.parameters())
    return dict(zip(step.names, terms.tolist(), strict=True))


@pytest.mark.parametrize("name", ["mtun_trunk", "mtun"])
def test_half_precision_moves_losses_little_but_moves_them(pairs: Pairs, name: str) -> None:
    exact, half = first_losses(pairs, name, "float32"), first_losses(pairs, name, "bfloat16")
    assert exact.keys() == half.keys()
    assert exact != half
    for term, value in exact.items():
        assert half[term] == pytest.approx(value, rel=0.05), term
