"""One update of a phase: the generator's step, then the critic's; eager, compiled, or replayed as a CUDA graph."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.config import Precision
from benchmark.training import parallel
from benchmark.training.hardware import resolve
from benchmark.training.optimise import Average, Player, restore
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from methods.interface import Context
from methods.trained import Optimiser, Phase

Mode = Literal["auto", "eager", "graph", "compile"]
_WARM_UP = 3  # updates run before a capture, so that libraries have chosen their kernels and optimisers their memory


def upright(batch: Batch, context: Context) -> Batch:
    """The batch with its LR faces turned upright as the run asks for it."""
    with torch.no_grad():
        batch.lr = context.align(batch.lr, batch.warp)
    return batch


class Step:
    """One update after the other on batches of `faces`, all of the work done by plain (or compiled) PyTorch calls.

    half: modules compute in bfloat16; warps, losses and batch statistics stay in float32. The generator steps first, on
    the critic as it is; then the critic, on the SR faces that the generator made before its own step.
    """

    captured = False

    def __init__(self, phase: Phase, faces: DeviceFaces, context: Context, half: bool = False, compiled: bool = False):
        self.phase, self.faces, self.context, self.half = phase, faces, context, half
        self.names: list[str] = []  # of the loss terms, known after the first call
        self.generator = Player(phase.module, phase.loss, phase.optimiser, self.captured, phase.slow)
        self.critic: Player | None = None
        if phase.critic is not None:
            if phase.critic_optimiser is None or phase.critic_loss is None:
                raise TypeError(f"phase {phase.name}: a critic needs critic_optimiser and critic_loss")
            self.critic = Player(phase.critic, phase.critic_loss, phase.critic_optimiser, self.captured)
        self.players = [self.generator] + ([self.critic] if self.critic else [])
        self.average = Average(phase.module, phase.optimiser.ema) if phase.optimiser.ema else None
        self.compiled = compiled
        if compiled:
            for player in self.players:
                player.module.compile(dynamic=False)

    def __call__(self, rows: Tensor, warp: Tensor | None, flip: Tensor | None, epoch: int) -> Tensor:
        """Update once on the faces `rows` (B,); see DeviceFaces.batch. Returns the loss terms (T,), on the device.

        They are named by `names`; the tensor may be overwritten by the next call.
        """
        if not self.compiled:
            return self._update(rows, warp, flip, epoch)
        try:
            return self._update(rows, warp, flip, epoch)
        except torch._dynamo.exc.TorchDynamoException as error:
            self._fall_back("compilation failed", error)
            self.plain()
            return self._update(rows, warp, flip, epoch)

    def _update(self, rows: Tensor, warp: Tensor | None, flip: Tensor | None, epoch: int) -> Tensor:
        batch = upright(self.faces.batch(rows, warp, flip), self.context)

        # The generator's step.
        if self.critic:
            self.critic.hold(True)
        with self._precision():
            terms, sr = self.generator.objective(batch, epoch)
        self.generator.descend(terms)

        # The critic's step.
        if self.critic:
            if sr is None:
                raise TypeError(f"phase {self.phase.name}: has a critic, but its loss returns no SR faces")
            self.critic.hold(False)
            with self._precision():
                critic_terms = self.critic.objective(batch, sr.detach())
            self.critic.descend(critic_terms)
            terms = {**terms, **critic_terms}

        self.names = list(terms)
        return torch.stack([term.detach().float() for term in terms.values()])

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.context.device.type, dtype=torch.bfloat16, enabled=self.half)

    def optimisers(self) -> list[tuple[torch.optim.Optimizer, Optimiser]]:
        """The optimisers with their recipes, the generator's first."""
        return [(player.optimiser, player.recipe) for player in self.players]

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in place of the present ones, where the recipe keeps an average."""
        if self.average:
            self.average.swap()
        try:
            yield
        finally:
            if self.average:
                self.average.swap()

    def finish(self) -> None:
        """Leave the phase's modules as they are to be used: uncompiled, with averaged weights where one is kept."""
        self.plain()
        if self.average:
            self.average.swap()

    def plain(self) -> None:
        """Undo the compilation of the modules."""
        self.compiled = False
        for player in self.players:
            player.module._compiled_call_impl = None

    def state(self) -> dict[str, Any]:
        """The optimisers' memory and the averaged weights."""
        return {
            "optimisers": [optimiser.state_dict()["state"] for optimiser, _ in self.optimisers()],
            "average": self.average.weights if self.average else [],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        for (optimiser, _), memory in zip(self.optimisers(), state["optimisers"], strict=True):
            restore(optimiser, memory)
        if self.average:
            self.average.weights = state["average"]

    def _fall_back(self, what: str, error: BaseException) -> None:
        reason = f"{what}, going on without: {str(error).strip().splitlines()[0]}"
        parallel.say(f"training step: {reason}")
        self.context.course["step"] = reason


class GraphStep(Step):
    """A step that is captured once an epoch as a CUDA graph and then replayed: one launch instead of thousands.

    It is captured anew for every epoch, because a loss may depend on the epoch's number, which the graph freezes. The
    first calls run as they are. Every batch must have the same size.
    """

    captured = True
    inputs: tuple[Any, ...]
    graph: torch.cuda.CUDAGraph | None = None
    epoch = -1
    calls = 0
    refused = False

    def __call__(self, rows: Tensor, warp: Tensor | None, flip: Tensor | None, epoch: int) -> Tensor:
        if self.refused:
            return super().__call__(rows, warp, flip, epoch)
        if self.calls < _WARM_UP:
            self.calls += 1
            return self._warm_up(rows, warp, flip, epoch)
        if self.graph is None:
            self.inputs = tuple(None if t is None else t.clone() for t in (rows, warp, flip))
        for static, given in zip(self.inputs, (rows, warp, flip), strict=True):
            if static is not None:
                static.copy_(given)
        if epoch != self.epoch and not self._capture(epoch):
            return super().__call__(rows, warp, flip, epoch)
        assert self.graph is not None
        self.graph.replay()
        return self.terms

    def _warm_up(self, *inputs: Any) -> Tensor:
        """An update on a side stream, as capturing asks for."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*capturable=True")  # it will be captured soon
            terms = super().__call__(*inputs)
        torch.cuda.current_stream().wait_stream(side)
        return terms

    def _capture(self, epoch: int) -> bool:
        """Record the step for `epoch`; False, noted, where CUDA refuses (a step that waits for the device, say)."""
        for optimiser, _ in self.optimisers():
            optimiser.zero_grad(set_to_none=True)
        rows, warp, flip = self.inputs
        graph = torch.cuda.CUDAGraph()
        # The epoch's graph before this one lives until this one is recorded, so that both share one pool of memory.
        pool = None if self.graph is None else self.graph.pool()
        try:
            with torch.cuda.graph(graph, pool=pool):
                self.terms = self._update(rows, warp, flip, epoch)
        except RuntimeError as error:
            for optimiser, _ in self.optimisers():
                optimiser.zero_grad(set_to_none=True)
            torch.cuda.synchronize()
            forget_capture(self.context.device)
            # What comes out of a capture that an error has ended says no more than that there was one.
            self._fall_back("CUDA graph capture failed", error.__context__ or error)
            self.refused, self.graph = True, None
            return False
        self.graph, self.epoch = graph, epoch
        return True


def forget_capture(device: torch.device) -> None:
    """Let the device's generator draw again: a capture that failed leaves it waiting for a graph, and draws raise."""
    generator = torch.cuda.default_generators[device.index or 0]
    generator.graphsafe_set_state(generator.clone_state())


def make_step(
    phase: Phase, faces: DeviceFaces, context: Context, mode: Mode = "auto", precision: Precision = "auto"
) -> Step:
    """The step of `phase` in the given mode and precision; its modules are put in training mode.

    auto: compile on CUDA, eager on the CPU. graph: a CUDA graph. compile: torch.compile for the phase's modules, and on
    CUDA a CUDA graph of the whole step around them. Several processes go without the graph. BadInput: graph on the CPU.
    """
    cuda = context.device.type == "cuda"
    if mode == "auto":
        mode = "compile" if cuda else "eager"
    if mode == "graph" and not cuda:
        raise BadInput(f"--step graph: needs a CUDA device, not {context.device}; take eager")
    graph = cuda and mode != "eager"
    if graph and parallel.world() > 1:
        parallel.say("training step: several processes, so no CUDA graph")
        graph = False
    if cuda:
        torch.backends.cudnn.benchmark = True  # shapes never change, so the search for the fastest kernels pays
    phase.module.train()
    if phase.critic is not None:
        phase.critic.train()
    precision = resolve(precision, context.device)
    how = mode + (" with a CUDA graph" if graph and mode == "compile" else "")
    parallel.say(f"training step: {how}, {precision}")
    return (GraphStep if graph else Step)(phase, faces, context, precision == "bfloat16", compiled=mode == "compile")
