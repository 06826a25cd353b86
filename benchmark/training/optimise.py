"""How weights descend: optimisers, learning rates, the moving average of weights, and the two players of a phase."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.training import parallel
from methods.trained import Optimiser


def make_optimiser(
    module: nn.Module, recipe: Optimiser, captured: bool = False, slow: nn.Module | None = None
) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters of `module`, those of its part `slow` at recipe.slow times the rate.

    captured: made for being recorded in a CUDA graph.
    """
    groups = _groups(module, recipe, captured, slow)
    if recipe.kind == "rmsprop":
        return torch.optim.RMSprop(
            groups, alpha=recipe.alpha, eps=recipe.eps, weight_decay=recipe.weight_decay, capturable=captured
        )
    if recipe.kind == "adam":
        return torch.optim.Adam(
            groups,
            betas=recipe.betas,
            eps=recipe.eps,
            weight_decay=recipe.weight_decay,
            capturable=captured,
            fused=True,
        )
    # Of SGD only the fused form takes a rate from the device without waiting for it.
    return torch.optim.SGD(groups, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=True)


def _groups(module: nn.Module, recipe: Optimiser, captured: bool, slow: nn.Module | None) -> list[dict[str, Any]]:
    """The trainable parameters, those of `slow` apart, each group with its rate and the factor that makes it."""
    apart = {id(p) for p in slow.parameters()} if slow is not None else set()
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = []
    for inside, factor in ((False, 1.0), (True, recipe.slow)):
        members = [p for p in parameters if (id(p) in apart) == inside]
        rate = recipe.lr * factor
        if members:
            # A graph must read the rate from the device: a number would be frozen into it.
            lr = torch.tensor(rate, device=members[0].device) if captured else rate
            groups.append({"params": members, "lr": lr, "factor": factor})
    return groups


def learning_rate(recipe: Optimiser, epoch: int, update: int, updates: int) -> float:
    """The rate of update `update` (from 0, of `updates` in the phase), which lies in epoch `epoch` (from 0)."""
    if recipe.schedule == "cosine":
        rate = recipe.lr * 0.5 * (1 + math.cos(math.pi * update / updates))
    elif recipe.schedule == "step":
        rate = recipe.lr * recipe.step_factor ** (epoch // recipe.step_epochs)
    else:
        rate = max(recipe.floor, recipe.lr * recipe.decay**epoch)
    for length, factor in recipe.warmup:
        if update < length:
            return rate * factor
        update -= length
    return rate


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate, in place where it lies on the device; a slow part's is its factor times as high."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate * group["factor"])
        else:
            group["lr"] = rate * group["factor"]


def trainable(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """All parameters that the optimiser moves."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def restore(optimiser: torch.optim.Optimizer, state: dict[int, Any]) -> None:
    """Load the optimiser's memory of the gradients; rates and the like stay as this run made them."""
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


class Average:
    """Exponential moving average of a module's parameters; its buffers (batch statistics) are taken as they are.

    The decay after n updates is min(decay, (1 + n) / (10 + n)), so that a short run does not keep its initial weights.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.module, self.decay = module, decay
        self.weights = [p.detach().clone() for p in module.parameters()]

    @torch.no_grad()
    def update(self, n: int) -> None:
        """Take in the weights after update `n` (from 0)."""
        weight = 1 - min(self.decay, (1 + n) / (10 + n))
        torch._foreach_lerp_(self.weights, list(self.module.parameters()), weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the module's weights for their average, and back at the second call. Addresses stay."""
        for average, parameter in zip(self.weights, self.module.parameters(), strict=True):
            own = parameter.clone()
            parameter.copy_(average)
            average.copy_(own)


class _Objective(nn.Module):
    """A loss as a module's forward pass, which is what DistributedDataParallel watches."""

    def __init__(self, module: nn.Module, loss: Callable[..., Any]):
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, *inputs: Any) -> Any:
        return self.loss(*inputs)


class Player:
    """The generator or the critic: a module with its loss and its optimiser."""

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[..., Any],
        recipe: Optimiser,
        captured: bool,
        slow: nn.Module | None = None,
    ):
        # A run has done so for all its modules; this is for a step by itself.
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module, self.recipe = module, recipe
        self.objective = parallel.distribute(_Objective(module, loss), module)
        self.optimiser = make_optimiser(module, recipe, captured, slow)

    def hold(self, still: bool) -> None:
        """Let the trainable parameters pass gradients on without collecting any, or end that."""
        for parameter in trainable(self.optimiser):
            parameter.requires_grad_(not still)

    def descend(self, terms: dict[str, Tensor]) -> None:
        """One step down the sum of the terms."""
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(trainable(self.optimiser), self.recipe.clip)
        self.optimiser.step()
