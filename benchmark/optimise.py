"""How weights descend: the optimisers of a phase, their learning rates, and the moving average of the weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from methods.interface import Optimiser


def make_optimiser(module: nn.Module, recipe: Optimiser) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters of `module`, fit for a CUDA graph where they are on CUDA."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    cuda = parameters[0].is_cuda
    # A captured step must read the rate from the device: a number would be frozen into the graph.
    rate: Any = torch.tensor(recipe.lr, device=parameters[0].device) if cuda else recipe.lr
    decay = recipe.weight_decay
    if recipe.kind == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=rate, alpha=recipe.alpha, eps=recipe.eps, weight_decay=decay, capturable=cuda
        )
    if recipe.kind == "adam":
        return torch.optim.Adam(
            parameters, lr=rate, betas=recipe.betas, eps=recipe.eps, weight_decay=decay, capturable=cuda, fused=cuda
        )
    # Only the fused form takes a rate from the device without waiting for it.
    return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay, fused=cuda)


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
    """Set the learning rate, in place where it lies on the device."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


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
