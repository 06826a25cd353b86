"""The one interface that every method shares, what an iteratively trained one tells the engine, and discovery.

A method is a folder of this package whose `__init__.py` names its class `METHOD`. Adding the folder is all it takes.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
import math
import pkgutil
import types
import typing
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs

# Unaligned LR faces (B, 3, 16, 16) in [0, 1] and their true warps (B, 4), None where not known, to upright ones.
Align = Callable[[Tensor, Tensor | None], Tensor]
# How params.yaml writes the types that options have.
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}


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
    vgg: file of VGG-19 weights to ReLU3_2, or None for seeded random weights. train: the engine's loop.
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
    train: Callable[[TrainedMethod, Pairs, Context], None] | None = None
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
        self.device = torch.device("cpu")

    @abc.abstractmethod
    def fit(self, pairs: Pairs, context: Context) -> None:
        """Learn from the training pairs (their validation fold included; see Pairs.training)."""

    @abc.abstractmethod
    def upscale(self, lr: Tensor) -> Tensor:
        """LR faces (B, 3, 16, 16) float32 in [0, 1] on self.device to SR faces (B, 3, 128, 128) in [0, 1]."""

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

    def to(self, device: torch.device | str) -> Method:
        """Move to a device; returns self."""
        self.device = torch.device(device)
        return self

    def parameters_count(self) -> int:
        """Number of learnt values that `upscale` uses; 0 where nothing is learnt."""
        return 0


def check_lr(lr: Tensor) -> Tensor:
    """Return `lr` if it is float32 (B, 3, 16, 16) in [0, 1]; else raise BadInput saying what it is."""
    if lr.ndim != 4 or tuple(lr.shape[1:]) != (3, 16, 16):
        raise BadInput(f"LR faces of shape {tuple(lr.shape)}: expected (B, 3, 16, 16)")
    if lr.dtype != torch.float32:
        raise BadInput(f"LR faces of type {lr.dtype}: expected torch.float32 in [0, 1]")
    if lr.numel() and not (lr.min() >= 0 and lr.max() <= 1):
        raise BadInput(f"LR faces in [{lr.min():.3g}, {lr.max():.3g}]: expected values in [0, 1]")
    return lr


def parse_options(options_type: type, given: Mapping[str, Any], owner: str) -> Any:
    """Build the frozen options dataclass; BadInput for a name it lacks, another type, or a count of nothing."""
    settable = {option.name for option in dataclasses.fields(options_type) if option.init}
    hints = {name: hint for name, hint in typing.get_type_hints(options_type).items() if name in settable}
    for name, value in given.items():
        if name not in hints:
            raise BadInput(f"params.yaml: {owner} has no option '{name}'; it has {', '.join(hints) or 'none'}")
        if not _fits(value, hints[name]):
            raise BadInput(f"params.yaml: {owner} option {name}: {value!r} is not {_words(hints[name])}")
    options = options_type(**given)  # whose own bounds come first: they may be narrower
    for name, value in given.items():
        if isinstance(value, int) and value < _least(name):
            raise BadInput(f"params.yaml: {owner} option {name}: {value}; give at least {_least(name)}")
    return options


def _least(name: str) -> float:
    """What an option of that name is at least: of no epoch and no face nothing is learnt."""
    if name == "front_epochs":  # a phase that MTUN's recipes may leave out
        return 0
    return 1 if name.startswith("epochs") or name.endswith(("epochs", "batch_size")) else -math.inf


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML is of the type of an option: a class, a Literal, or one of them or None."""
    if isinstance(hint, types.UnionType):
        return any(_fits(value, member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if isinstance(value, bool) and hint is not bool:
        return False
    return isinstance(value, int | float if hint is float else typing.get_origin(hint) or hint)


def _words(hint: Any) -> str:
    """An option's type as params.yaml writes it."""
    members = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_words(member) for member in members)
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(repr, members))
    return WORDS.get(hint, str(hint))


def names() -> list[str]:
    """The folders of methods, sorted."""
    import methods

    return sorted(m.name for m in pkgutil.iter_modules(methods.__path__) if m.ispkg)


def discover() -> dict[str, type[Method]]:
    """Every method by the name of its folder."""
    return {name: _class(name) for name in names()}


def create(name: str, options: Mapping[str, Any] | None = None) -> Method:
    """Make the method `name` with these options; BadInput lists the known ones."""
    if name not in names():
        raise BadInput(f"params.yaml: no method '{name}'; methods/ has {', '.join(names())}")
    return _class(name)(options)


def _class(name: str) -> type[Method]:
    """What the folder `name` offers as METHOD; BadInput where that is no class."""
    offered = getattr(importlib.import_module(f"methods.{name}"), "METHOD", None)
    if not isinstance(offered, type):
        raise BadInput(f"methods/{name}/__init__.py: no class METHOD; name the method's class there, METHOD = ...")
    return offered


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

    def to(self, device: torch.device | str) -> TrainedMethod:
        super().to(device)
        # Twice as fast on a CPU.
        self.module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def parameters_count(self) -> int:
        return sum(p.numel() for p in self.module.parameters())
