"""The one interface that every method shares, and discovery.

A method is a folder of this package whose `__init__.py` names its class `METHOD`. Adding the folder is all it takes.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.options import parse_options

# Unaligned LR faces (B, 3, 16, 16) in [0, 1] and their true warps (B, 4), None where not known, to upright ones.
Align = Callable[[Tensor, Tensor | None], Tensor]


def unaligned(lr: Tensor, warp: Tensor | None) -> Tensor:
    """No alignment: the LR faces as they are."""
    return lr


@dataclass
class Context:
    """What a run lends a method while it fits.

    device, seed: where and from which random state. workdir: a folder for resume state and sample grids. log: log.csv.
    shared: a folder for the outcomes of shared phases, of this code and data alone; None: nothing is shared.
    features: a folder for features of the training faces (methods.targets), of this data alone; None: not kept.
    align: how the engine turns the LR faces of a batch upright; closed-form methods get pairs that are upright already.
    vgg: file of VGG-19 weights to ReLU3_2, or None for seeded random weights.
    train: the engine's loop over the phases of a TrainedMethod (methods.trained).
    notes: facts that follow from the inputs and that the results must state, filled by the method.
    course: how this training came about, for its provenance alone (seconds, a fallback), filled by whoever causes it.
    """

    device: torch.device
    seed: int = 0
    workdir: Path = Path("work")
    log: Path = Path("log.csv")
    shared: Path | None = None
    features: Path | None = None
    align: Align = unaligned
    vgg: Path | None = None
    train: Callable[[Any, Pairs, Context], None] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    course: dict[str, Any] = field(default_factory=dict)


class Method(abc.ABC):
    """A face super-resolution method: fit once, then LR faces in, SR faces out.

    `Options` is a frozen dataclass; an unknown or mistyped option is refused. `wants` says whether `upscale` expects
    its LR faces "aligned" (upright, by STN_0 or an oracle) or "unaligned".
    """

    wants: ClassVar[Literal["aligned", "unaligned"]] = "aligned"
    Options: ClassVar[type] = dataclasses.make_dataclass("NoOptions", [], frozen=True)

    def __init__(self, options: Mapping[str, Any] | None = None):
        self.options: Any = parse_options(self.Options, options or {}, type(self).__name__)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    @abc.abstractmethod
    def fit(self, pairs: Pairs, context: Context) -> None:
        """Learn from the training pairs (their validation fold included; see Pairs.training)."""

    @abc.abstractmethod
    def upscale(self, lr: Tensor) -> Tensor:
        """LR faces (B, 3, 16, 16) in [0, 1], of self.dtype and on self.device, to SR faces (B, 3, 128, 128) in [0, 1].

        float32 while it is trained, float64 for the images that are scored, where no processor's rounding shows.
        """

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `load` needs into an existing empty folder."""

    @abc.abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote, into a method made with the same options."""

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        """What the method estimates on its way, for the same input as `upscale`; {} where it estimates nothing.

        "heatmaps" (B, 4, S, S) over the upright face, or "heatmaps_lr" over the unaligned one; "warp_NAME" (B, 4) for
        each STN, in the order and units of datasets.degrade (a perfect STN gives the true warp of the LR face).
        """
        return {}

    def upscale_and_inspect(self, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Both of them; a network that makes both on one way need not go it twice."""
        return self.upscale(lr), self.inspect(lr)

    @property
    def told(self) -> bool:
        """Whether `upscale` must be told of the faces before, which an upper bound alone may be: see `tell`."""
        return False

    def tell(self, batch: Batch) -> None:
        """The truth about the very faces that are upscaled next; for a method that is `told` alone."""
        raise NotImplementedError(type(self).__name__)

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Method:
        """Move to a device and compute in `dtype`, float32 or float64, from now on; returns self."""
        self.device, self.dtype = torch.device(device), dtype
        return self

    def parameters_count(self) -> int:
        """Number of learnt values that `upscale` uses; 0 where nothing is learnt."""
        return 0


def check_lr(lr: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `lr` if it is of this type, (B, 3, 16, 16) and in [0, 1]; else raise BadInput saying what it is."""
    if lr.ndim != 4 or tuple(lr.shape[1:]) != (3, 16, 16):
        raise BadInput(f"LR faces of shape {tuple(lr.shape)}: expected (B, 3, 16, 16)")
    if lr.dtype != dtype:
        raise BadInput(f"LR faces of type {lr.dtype}: expected {dtype} in [0, 1]")
    if lr.numel() and not (lr.min() >= 0 and lr.max() <= 1):
        raise BadInput(f"LR faces in [{lr.min():.3g}, {lr.max():.3g}]: expected values in [0, 1]")
    return lr


def names() -> list[str]:
    """The folders of methods, sorted."""
    import methods

    return sorted(m.name for m in pkgutil.iter_modules(methods.__path__) if m.ispkg)


def discover() -> dict[str, type[Method]]:
    """Every method by the name of its folder."""
    return {name: _class(name) for name in names()}


def create(name: str, options: Mapping[str, Any] | None = None) -> Method:
    """Make the method `name` with these options; BadInput lists the known ones."""
    return method_class(name)(options)


def method_class(name: str) -> type[Method]:
    """The class of the method `name`; BadInput lists the known ones."""
    if name not in names():
        raise BadInput(f"params.yaml: no method '{name}'; methods/ has {', '.join(names())}")
    return _class(name)


def _class(name: str) -> type[Method]:
    """What the folder `name` offers as METHOD; BadInput where that is no class."""
    offered = getattr(importlib.import_module(f"methods.{name}"), "METHOD", None)
    if not isinstance(offered, type):
        raise BadInput(f"methods/{name}/__init__.py: no class METHOD; name the method's class there, METHOD = ...")
    return offered
