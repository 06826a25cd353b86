"""What an iteratively trained method tells the training loop: its phases, and how each of them descends."""

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method
from methods.layers import count

FILE = "weights.safetensors"  # in a folder of weights
Schedule = Literal["exponential", "cosine", "step"]


@dataclass(frozen=True)
class Optimiser:
    """An optimiser and its learning rate over a phase; another Schedule is another branch of `rate`.

    kind: "rmsprop" (alpha, eps), "adam" (betas, eps) or "sgd" (momentum); weight_decay is for any kind.
    schedule: "exponential", times `decay` every epoch, never below `floor`; "cosine", to 0 over the phase; "step",
    times `step_factor` every `step_epochs` epochs. warmup: (updates, factor) pairs in order, the authors': ((50, 0.02),
    (50, 0.2)). clip: bound of the gradient norm, 0 for none. lr_multiplier: factor on the pretrained part's rate.
    """

    kind: Literal["rmsprop", "adam", "sgd"] = "adam"
    lr: float = 1e-3
    decay: float = 1.0
    floor: float = 0.0
    schedule: Schedule = "exponential"
    step_epochs: int = 10
    step_factor: float = 0.1
    warmup: tuple[tuple[int, float], ...] = ()
    alpha: float = 0.9
    eps: float = 1e-8
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float = 0.0
    lr_multiplier: float = 1.0

    def rate(self, epoch: int, update: int, updates: int) -> float:
        """The learning rate of update `update` (from 0, of `updates` in the phase), in epoch `epoch` (from 0)."""
        if self.schedule == "cosine":
            rate = self.lr * 0.5 * (1 + math.cos(math.pi * update / updates))
        elif self.schedule == "step":
            rate = self.lr * self.step_factor ** (epoch // self.step_epochs)
        else:
            rate = max(self.floor, self.lr * self.decay**epoch)
        for length, factor in self.warmup:
            if update < length:
                return rate * factor
            update -= length
        return rate


@dataclass(frozen=True)
class Critic:
    """A phase's adversary. loss(batch, sr) -> terms to minimise; sr, the generator's SR faces, comes detached."""

    module: nn.Module
    optimiser: Optimiser
    loss: Callable[[Batch, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Phase:
    """One stretch of training: which parameters, for how long, on what loss. A method's phases run in order.

    loss(batch, epoch) -> (terms, sr): terms are weighted already; the loop sums them and logs them under their names.
    sr is what the critic sees, (B, 3, 128, 128) in the range that it expects, or None.
    resample_degradation: a new warp for each face and epoch, else the stored one. flip: mirror half of the faces.
    faces(pairs) -> (N,) bool: which training pairs the phase sees, None for all. validate: score the validation fold
    after each epoch; pointless while a part is trained that makes no faces. pretrained: a part of the module that has
    learnt before, trained at optimiser.lr_multiplier times the rate. number: the phase's number in the seeds of its
    random draws; None is its place among the method's phases.
    """

    name: str
    epochs: int
    batch_size: int
    module: nn.Module
    optimiser: Optimiser
    loss: Callable[[Batch, int], tuple[dict[str, Tensor], Tensor | None]]
    critic: Critic | None = None
    resample_degradation: bool = True
    flip: bool = True
    faces: Callable[[Pairs], np.ndarray] | None = None
    validate: bool = True
    pretrained: nn.Module | None = None
    number: int | None = None


class TrainedMethod(Method):
    """A method that the loop trains: it holds one `module` (what is saved) and lists its phases.

    STORED_IN_HALF: whether `save` rounds kernels and matrices to float16.
    """

    STORED_IN_HALF: ClassVar[bool] = True
    module: nn.Module

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        self.module = self.network()

    def network(self) -> nn.Module:
        """Make the network, its weights drawn from PyTorch's random state; a method may set `module` itself instead."""
        return nn.Module()

    def redraw(self, seed: int, *others: Callable[[], nn.Module]) -> list[nn.Module]:
        """Draw the weights from `seed`, and after them those of the modules that `others` make and this returns."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module = self.network().to(self.device)
            return [make().to(self.device) for make in others]

    @abc.abstractmethod
    def phases(self, context: Context) -> list[Phase]:
        """The phases of training, built on self.device; critics and feature losses are made here, not saved."""

    def fit(self, pairs: Pairs, context: Context) -> None:
        if context.train is None:
            raise BadInput(f"{type(self).__name__} is trained by a loop: set context.train")
        context.train(self, pairs, context)

    def is_frozen(self, name: str) -> bool:
        """Whether the tensor `name` of the module belongs to a frozen pretrained trunk, which `save` leaves out."""
        return False

    def save(self, folder: Path) -> None:
        """Write weights.safetensors: matrices in half precision, vectors (biases, statistics) in full.

        The module then holds what is written.
        """
        tensors = {name: t for name, t in self.module.state_dict().items() if not self.is_frozen(name)}
        if self.STORED_IN_HALF:
            tensors = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, folder / FILE)
        self.module.load_state_dict(tensors, strict=False)

    def load(self, folder: Path, trunk: Path | None = None) -> None:
        """Read what `save` wrote.

        Args:
            folder: of this method's weights.
            trunk: the folder of its pretrained trunk's weights, needed where that stays frozen.

        Raises:
            BadInput: if weights are missing, or the trunk's folder is not given where it is needed.
        """
        tensors = read_weights(folder)
        frozen = {name for name in self.module.state_dict() if self.is_frozen(name)}
        if frozen and trunk is None:
            raise BadInput(f"{folder}: without its frozen trunk; give the folder of the trunk's weights too")
        if frozen and trunk is not None:
            tensors |= {name: tensor for name, tensor in read_weights(trunk).items() if name in frozen}
        self.module.load_state_dict(tensors)
        self.module.eval()  # for good: several threads may upscale at once

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Self:
        super().to(device, dtype)
        # In float32 channels last are twice as fast on a CPU, in float64 half as fast.
        layout = torch.channels_last if dtype is torch.float32 else torch.contiguous_format
        self.module.to(device, dtype, memory_format=layout)  # type: ignore[call-overload]
        return self

    def parameters_count(self) -> int:
        return count(self.module)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of folder/weights.safetensors by name, on the CPU.

    Raises:
        BadInput: if the file is missing.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadInput(f"{path}: no weights; run `dvc repro` or `python -m benchmark train` for this run first")
    return load_file(path)
