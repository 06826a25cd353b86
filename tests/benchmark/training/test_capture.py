"""What a CUDA graph can't record, looked for on the CPU: tensors made of Python's numbers, and waits for a value."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.training.step import make_step
from datasets import degrade
from datasets.batch import DeviceFaces
from methods.interface import Context, create, discover
from methods.stn0.method import STN0
from methods.trained import TrainedMethod

CPU = torch.device("cpu")
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
REFUSED = {"aten::lift_fresh", "aten::_local_scalar_dense"}
TRAINED = [name for name, method in discover().items() if issubclass(method, TrainedMethod)]
CASES = [(name, {}) for name in TRAINED] + [("mtun", {"stacks": 0, "heatmaps": "true"}), ("mtun", {"heb_at": 16})]


class Listener(TorchDispatchMode):
    """Notes what is called that a capture would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().split(".")[0] in REFUSED:
            self.heard.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_updates_after_the_first_can_be_recorded(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    small = importlib.import_module(f"methods.{name}").TINY
    method = create(name, {**small, **options})
    stn0 = STN0()
    context = Context(CPU, align=lambda lr, warp: stn0.align(lr)[0])
    rows, flips = torch.arange(4), torch.tensor([True, False, True, False])
    warps = degrade.sample_warps(4, torch.Generator().manual_seed(0))
    for phase in method.phases(context):
        step = make_step(phase, DeviceFaces(tiny.make_pairs(), CPU), context, "eager", "float32")
        faces = rows, warps if phase.resample_degradation else None, flips if phase.flip else None
        step(*faces, 0)
        with Listener() as listener:
            step(*faces, 0)
        assert not listener.heard, phase.name


def test_the_listener_hears() -> None:
    with Listener() as listener:
        torch.zeros(1).new_tensor([1.0])
        torch.ones(1).item()
    assert [what.split(".")[0] for what in listener.heard] == ["aten::lift_fresh", "aten::_local_scalar_dense"]
