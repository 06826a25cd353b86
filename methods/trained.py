"""What an iteratively trained method tells the engine: its phases, and how each of them descends."""

from __future__ import annotations

import abc
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method


@dataclass(frozen=True)
class Optimiser:
    """How a phase descends.

    kind: "rmsprop" (alpha, eps), "adam" (betas, eps) or "sgd" (momentum); weight_decay is any kind's. schedule of lr:
    "exponential", times `decay` once an epoch, never below `floor`; "cosine", to 0 over the phase's epochs; "step",
    times `step_factor` every `step_epochs` epochs. warmup: (updates, factor) pairs in order, the authors':
    ((50, 0.02), (50, 0.2)). clip: bound of the gradient norm, 0 for none. ema: decay of an exponential moving average
    of the weights that replaces them at the end, 0 for none. slow: factor on the rate of the phase's slow part.
    """

    kind: Literal["rmsprop", "adam", "sgd"] = "adam"
    lr: float = 1e-3
    decay: float = 1.0
    floor: float = 0.0
    schedule: Literal["exponential", "cosine", "step"] = "exponential"
    step_epochs: int = 10
    step_factor: float = 0.1
    warmup: tuple[tuple[int, float], ...] = ()
    alpha: float = 0.9
    eps: float = 1e-8
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float = 0.0
    ema: float = 0.0
    slow: float = 1.0


@dataclass(frozen=True)
class Phase:
    """One stretch of training: which parameters, how long, on what loss.

    loss(batch, epoch) -> (terms, sr): terms already weighted, summed by the engine and logged under their names; sr is
    what the critic sees, (B, 3, 128, 128) in the range the critic expects, or None. critic_loss(batch, sr) -> terms; sr
    comes detached. fresh: a new warp for each face and epoch, else the stored one. faces(pairs) -> (N,) bool says which
    of the training pairs the phase sees, None for all. watched: whether SR faces are worth a look after an epoch; not
    while only a part that makes none is trained. Phases of a method run in order.
    slow: a part of the module that has learnt before, trained at optimiser.slow times the rate.
    shared: for a first phase that other runs have too, the options that its loss and module depend on: trained once, it
    is taken over by every run with the same ones, the same weights at the start, settings, seed, data and code.
    """

    name: str
    epochs: int
    batch_size: int
    module: nn.Module
    optimiser: Optimiser
    loss: Callable[[Batch, int], tuple[dict[str, Tensor], Tensor | None]]
    critic: nn.Module | None = None
    critic_optimiser: Optimiser | None = None
    critic_loss: Callable[[Batch, Tensor], dict[str, Tensor]] | None = None
    fresh: bool = True
    flip: bool = True
    faces: Callable[[Pairs], np.ndarray] | None = None
    watched: bool = True
    slow: nn.Module | None = None
    shared: Mapping[str, Any] | None = None


class TrainedMethod(Method):
    """A method that the engine trains: it holds one `module` (what is saved) and lists its phases."""

    module: nn.Module

    @abc.abstractmethod
    def phases(self, context: Context) -> list[Phase]:
        """The phases of training, built on self.device; critics and feature losses are made here, not saved."""

    def fit(self, pairs: Pairs, context: Context) -> None:
        if context.train is None:
            raise BadInput(f"{type(self).__name__} is trained by an engine: set context.train")
        context.train(self, pairs, context)

    def file_of(self, name: str) -> str:
        """The stored file, without ending, that holds the tensor `name`.

        What several runs share has a file of its own, in full precision: their further training went on from it.
        """
        return "weights"

    def save(self, folder: Path) -> None:
        """Write weights in half precision; vectors (biases, statistics) and what has a file of its own in full.

        The module then holds what is written.
        """
        files: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in self.module.state_dict().items():
            half = tensor.ndim > 1 and self.file_of(name) == "weights"
            files[self.file_of(name)][name] = (tensor.half() if half else tensor).contiguous().cpu()
        for file, tensors in files.items():
            save_file(tensors, folder / f"{file}.safetensors")
        self.load(folder)

    def load(self, folder: Path) -> None:
        tensors: dict[str, Tensor] = {}
        for file in dict.fromkeys(self.file_of(name) for name in self.module.state_dict()):
            path = folder / f"{file}.safetensors"
            if not path.is_file():
                raise BadInput(f"{path}: no weights; run `dvc repro` or `python -m benchmark.train` for this run first")
            tensors |= load_file(path)
        self.module.load_state_dict(tensors)

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> TrainedMethod:
        super().to(device, dtype)
        # In float32 channels last are twice as fast on a CPU, in float64 half as fast.
        layout = torch.channels_last if dtype is torch.float32 else torch.contiguous_format
        self.module.to(device, dtype, memory_format=layout)  # type: ignore[call-overload]
        return self

    def parameters_count(self) -> int:
        return sum(p.numel() for p in self.module.parameters())
