"""A module with its loss and its optimiser: one step down the sum of the loss's terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from methods.trained import Optimiser


class OptimisedModule:
    """The generator or the critic: a module with its loss and its optimiser.

    captured: recorded in a CUDA graph. pretrained: its part that is trained at recipe.lr_multiplier times the rate.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[..., Any],
        recipe: Optimiser,
        captured: bool,
        pretrained: nn.Module | None = None,
    ):
        # A run has done so for all its modules; this is for a step by itself.
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module, self.loss, self.recipe = module, loss, recipe
        slow = {id(parameter) for parameter in pretrained.parameters()} if pretrained is not None else set()
        trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
        groups: list[dict[str, Any]] = []
        for is_slow, factor in ((False, 1.0), (True, recipe.lr_multiplier)):
            members = [parameter for parameter in trainable if (id(parameter) in slow) == is_slow]
            if members:
                # A graph must read the rate from the device: a number would be frozen into it.
                lr = torch.tensor(recipe.lr * factor, device=members[0].device) if captured else recipe.lr * factor
                groups.append({"params": members, "lr": lr, "factor": factor})
        self.optimiser = make_optimiser(groups, recipe, captured)

    def parameters(self) -> list[Tensor]:
        """All parameters that the optimiser moves."""
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]

    def freeze(self, frozen: bool) -> None:
        """Let the trainable parameters pass gradients on without collecting any, or end that."""
        for parameter in self.parameters():
            parameter.requires_grad_(not frozen)

    def set_rate(self, epoch: int, update: int, updates: int) -> None:
        """Set the learning rate of an update, in place where it lies on the device; see Optimiser.rate."""
        rate = self.recipe.rate(epoch, update, updates)
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * group["factor"])
            else:
                group["lr"] = rate * group["factor"]

    def backward_step(self, terms: dict[str, Tensor]) -> None:
        """One step down the sum of the terms."""
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.parameters(), self.recipe.clip)
        self.optimiser.step()

    def restore(self, memory: dict[int, Any]) -> None:
        """Load the optimiser's memory of the gradients; rates and the like stay as this run made them."""
        self.optimiser.load_state_dict({"state": memory, "param_groups": self.optimiser.state_dict()["param_groups"]})


def make_optimiser(groups: list[dict[str, Any]], recipe: Optimiser, captured: bool) -> torch.optim.Optimizer:
    """PyTorch's optimiser of parameter groups."""
    decay = recipe.weight_decay
    if recipe.kind == "rmsprop":
        return torch.optim.RMSprop(groups, alpha=recipe.alpha, eps=recipe.eps, weight_decay=decay, capturable=captured)
    if recipe.kind == "adam":
        return torch.optim.Adam(
            groups, betas=recipe.betas, eps=recipe.eps, weight_decay=decay, capturable=captured, fused=True
        )
    # Of SGD only the fused form takes a rate from the device without waiting for it.
    return torch.optim.SGD(groups, momentum=recipe.momentum, weight_decay=decay, fused=True)
