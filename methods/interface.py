"""The one interface that every method shares, and discovery.

A method is a folder of this package whose `__init__.py` names its class `METHOD`. Adding the folder is all it takes.
"""

from __future__ import annotations

import abc
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.options import Options, parse_options

# Unaligned LR faces (B, 3, 16, 16) in [0, 1] and their true warps (B, 4), None if not known, to aligned LR faces.
Align = Callable[[Tensor, Tensor | None], Tensor]


def unaligned(lr: Tensor, warp: Tensor | None) -> Tensor:
    """Return the LR faces as they are."""
    return lr


@dataclass
class Context:
    """What a run lends a method while it fits.

    device, seed: where and from which random state. workdir: a folder for resume state and sample grids. log: log.csv.
    trunk, trunk_log: the folder of the weights of the pretrained trunk that the method goes on from, and the log.csv of
    that training, with which its own begins; None: no trunk.
    features: a folder for features of the training faces (methods.targets), of this data alone; None: not kept.
    align: how the loop turns the LR faces of a batch upright; closed-form methods get pairs that are upright already.
    vgg: file of VGG-19 weights to ReLU3_2, or None for seeded random weights.
    train: the loop over the phases of a TrainedMethod (methods.trained).
    notes: facts that follow from the inputs and that the results must state, filled by the method.
    training_metadata: how this training came about, for its provenance only (seconds, a fallback), filled by whoever
    causes it.
    """

    device: torch.device
    seed: int = 0
    workdir: Path = Path("work")
    log: Path = Path("log.csv")
    trunk: Path | None = None
    trunk_log: Path | None = None
    features: Path | None = None
    align: Align = unaligned
    vgg: Path | None = None
    train: Callable[[Any, Pairs, Context], None] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    training_metadata: dict[str, Any] = field(default_factory=dict)


class Method(abc.ABC):
    """A face super-resolution method: fit once, then LR faces in, SR faces out.

    VERSION: raise it when the same options and data must give other results than before: stored weights, images and
    scores of the old version are then out of date. wants: whether `upscale` expects its LR faces "aligned" (by STN_0 or
    an oracle) or "unaligned". Options: what params.yaml may set.
    """

    VERSION: ClassVar[int] = 1
    wants: ClassVar[Literal["aligned", "unaligned"]] = "aligned"
    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Mapping[str, Any] | None = None):
        self.options: Any = parse_options(self.Options, options or {}, type(self).__name__)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    @property
    def requires_ground_truth(self) -> bool:
        """Whether `upscale` needs the truth about the faces: an upper bound, which cannot upscale other photographs."""
        return False

    @abc.abstractmethod
    def fit(self, pairs: Pairs, context: Context) -> None:
        """Learn from the training pairs (their validation fold included; see Pairs.training)."""

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        """Super-resolve faces; a method has this or `upscale_and_inspect`.

        In float64 on a CPU, `predict` calls it from several threads at once.

        Args:
            lr: LR faces (B, 3, 16, 16) in [0, 1], of self.dtype (see `to`) and on self.device.
            truth: the same faces with HR images, landmarks and warps; None unless `requires_ground_truth`.

        Returns:
            SR faces (B, 3, 128, 128) in [0, 1], of the same type.

        Raises:
            BadInput: if `lr` is not as said (`check_lr`).
        """
        return self.upscale_and_inspect(lr, truth)[0]

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `load` needs into an existing empty folder."""

    @abc.abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote, into a method made with the same options.

        Raises:
            BadInput: if a file is missing.
        """

    def align(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Align unaligned LR faces (B, 3, 16, 16) in [0, 1]; also returns the warps (B, 4) that were undone.

        Raises:
            BadInput: if the method is none that `align:` of params.yaml may name.
        """
        raise BadInput(f"params.yaml: {type(self).__name__} aligns no faces; give `align:` an STN_0, oracle or none")

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Super-resolve faces as `upscale` does, and return what the method estimates on its way; {} if nothing.

        "heatmaps" (B, 4, S, S) over the upright face, or "heatmaps_lr" over the unaligned one; "warp_NAME" (B, 4) for
        each STN, in the order and units of datasets.degrade (a perfect STN gives the true warp of the LR face).
        """
        return self.upscale(lr, truth), {}

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Self:
        """Move to a device and compute in `dtype`, float32 or float64, from now on; returns self."""
        self.device, self.dtype = torch.device(device), dtype
        return self

    def parameters_count(self) -> int:
        """Count the learnt values that `upscale` uses; 0 where nothing is learnt."""
        return 0


def check_lr(lr: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `lr` if it is as `Method.upscale` expects.

    Raises:
        BadInput: if it has another type, another shape than (B, 3, 16, 16), or values outside [0, 1].
    """
    if lr.ndim != 4 or tuple(lr.shape[1:]) != (3, 16, 16):
        raise BadInput(f"LR faces of shape {tuple(lr.shape)}: expected (B, 3, 16, 16)")
    if lr.dtype != dtype:
        raise BadInput(f"LR faces of type {lr.dtype}: expected {dtype} in [0, 1]")
    if lr.numel() and not (lr.min() >= 0 and lr.max() <= 1):
        raise BadInput(f"LR faces in [{lr.min():.3g}, {lr.max():.3g}]: expected values in [0, 1]")
    return lr


def names() -> list[str]:
    """List the folders of methods, sorted."""
    import methods

    return sorted(m.name for m in pkgutil.iter_modules(methods.__path__) if m.ispkg)


def discover() -> dict[str, type[Method]]:
    """Map the name of each method's folder to its class."""
    return {name: method_class(name) for name in names()}


def create(name: str, options: Mapping[str, Any] | None = None) -> Method:
    """Make the method `name` with these options.

    Raises:
        BadInput: if there is no such method, or it has no such option or value.
    """
    return method_class(name)(options)


def method_class(name: str) -> type[Method]:
    """Find the class of the method `name`.

    Raises:
        BadInput: if there is none; lists the known methods.
    """
    if name not in names():
        raise BadInput(f"params.yaml: no method '{name}'; methods/ has {', '.join(names())}")
    return importlib.import_module(f"methods.{name}").METHOD
