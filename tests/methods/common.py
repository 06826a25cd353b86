"""What the tests of several methods share: tiny options, descent on a loss, comparisons."""

import importlib
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from datasets.batch import Batch
from methods.interface import create
from methods.trained import Phase, TrainedMethod

CPU = torch.device("cpu")
assert_same = partial(torch.testing.assert_close, rtol=0, atol=0)


def tiny(name: str) -> dict[str, Any]:
    """Options that make a method small enough to test."""
    return getattr(importlib.import_module(f"methods.{name}"), "TINY", {})


def made(name: str, **options: Any) -> TrainedMethod:
    """A small method that is trained, of seed 0."""
    torch.manual_seed(0)
    method = create(name, tiny(name) | options)
    assert isinstance(method, TrainedMethod)
    return method


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def descend(phase: Phase, batch: Batch, updates: int, lr: float) -> list[dict[str, float]]:
    """Adam's steps of a phase on one batch; returns the terms of the loss before each."""
    optimiser, seen = torch.optim.Adam([p for p in phase.module.parameters() if p.requires_grad], lr), []
    for _ in range(updates):
        optimiser.zero_grad()
        terms, _ = phase.loss(batch, 0)
        total(terms).backward()
        optimiser.step()
        seen.append({name: term.item() for name, term in terms.items()})
    return seen


def inputs_of(module: nn.Module) -> list[tuple[Tensor, ...]]:
    """The inputs that the module is called with from now on."""
    calls: list[tuple[Tensor, ...]] = []
    module.register_forward_pre_hook(lambda _, inputs: calls.append(inputs))
    return calls


def assert_reached(module: nn.Module, some_frozen: bool = False) -> None:
    """Every parameter has a finite gradient that is not zero; where `some_frozen`, every one that is not frozen."""
    for name, parameter in module.named_parameters():
        if parameter.requires_grad or not some_frozen:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def assert_same_layer(own: nn.Module, plain: nn.Module, x: Tensor) -> None:
    """Values and gradients of a layer are those of a plain one, which is given its weights."""
    plain.load_state_dict(dict(zip(plain.state_dict(), own.state_dict().values(), strict=True)))
    expected = plain(x)
    torch.testing.assert_close(own(x), expected, rtol=0, atol=1e-5)
    direction = torch.randn_like(expected)
    found, wanted = (
        torch.autograd.grad((layer(x) * direction).sum(), [x, *layer.parameters()]) for layer in (own, plain)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
