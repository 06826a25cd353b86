"""One update of a phase: the generator's step, then the critic's; eager, compiled, or replayed as a CUDA graph."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.runs.hardware import Precision, resolve_precision
from benchmark.training.optimised import OptimisedModule
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from methods.interface import Context
from methods.trained import Phase

Mode = Literal["auto", "eager", "graph", "compile"]
_WARM_UP = 3  # updates run before a capture, so that libraries have chosen their kernels and optimisers their memory


def align_batch(batch: Batch, context: Context) -> Batch:
    """Align the batch's LR faces as the run asks for it."""
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
        self.phase, self.faces, self.context, self.half, self.compiled = phase, faces, context, half, compiled
        self.names: list[str] = []  # of the loss terms, known after the first call
        self.generator = OptimisedModule(phase.module, phase.loss, phase.optimiser, self.captured, phase.pretrained)
        self.critic: OptimisedModule | None = None
        if critic := phase.critic:
            self.critic = OptimisedModule(critic.module, critic.loss, critic.optimiser, self.captured)
        self.trained = [self.generator] + ([self.critic] if self.critic else [])
        if compiled:
            for part in self.trained:
                part.module.compile(dynamic=False)

    def __call__(self, rows: Tensor, warp: Tensor | None, flip: Tensor | None, epoch: int) -> Tensor:
        """Update once on the faces `rows` (B,); see DeviceFaces.batch. Returns the loss terms (T,), on the device.

        They are named by `names`; the tensor may be overwritten by the next call.
        """
        try:
            return self._update(rows, warp, flip, epoch)
        except torch._dynamo.exc.TorchDynamoException as error:
            self._fall_back("compilation failed", error)
            self.decompile()
            return self._update(rows, warp, flip, epoch)

    def _update(self, rows: Tensor, warp: Tensor | None, flip: Tensor | None, epoch: int) -> Tensor:
        # The images: augmented, degraded, aligned.
        batch = align_batch(self.faces.batch(rows, warp, flip), self.context)

        # The generator's step.
        if self.critic:
            self.critic.freeze(True)
        with self._autocast():
            terms, sr = self.generator.loss(batch, epoch)
        self.generator.backward_step(terms)

        # The critic's step.
        if self.critic:
            if sr is None:
                raise TypeError(f"phase {self.phase.name}: has a critic, but its loss returns no SR faces")
            self.critic.freeze(False)
            with self._autocast():
                critic_terms = self.critic.loss(batch, sr.detach())
            self.critic.backward_step(critic_terms)
            terms = {**terms, **critic_terms}

        self.names = list(terms)
        return torch.stack([term.detach().float() for term in terms.values()])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.context.device.type, dtype=torch.bfloat16, enabled=self.half)

    def set_rate(self, epoch: int, update: int, updates: int) -> None:
        """Set the learning rate of an update; see Optimiser.rate."""
        for part in self.trained:
            part.set_rate(epoch, update, updates)

    def decompile(self) -> None:
        """Undo the compilation of the modules."""
        self.compiled = False
        for part in self.trained:
            part.module._compiled_call_impl = None

    def state(self) -> list[dict[int, Any]]:
        """The optimisers' memory, the generator's first."""
        return [part.optimiser.state_dict()["state"] for part in self.trained]

    def load_state(self, state: list[dict[int, Any]]) -> None:
        """Take up what `state` gave."""
        for part, memory in zip(self.trained, state, strict=True):
            part.restore(memory)

    def _fall_back(self, what: str, error: BaseException) -> None:
        reason = f"{what}, going on without: {str(error).strip().splitlines()[0]}"
        print(f"training step: {reason}", flush=True)
        self.context.training_metadata["step"] = reason


class GraphStep(Step):
    """A step that is captured once an epoch as a CUDA graph and then replayed: one launch instead of thousands.

    It is captured again in every epoch, because a loss may depend on the epoch's number, which the graph freezes. The
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
        self._zero_grad()
        rows, warp, flip = self.inputs
        graph = torch.cuda.CUDAGraph()
        # The epoch's graph before this one lives until this one is recorded, so that both share one pool of memory.
        pool = None if self.graph is None else self.graph.pool()
        try:
            with torch.cuda.graph(graph, pool=pool):
                self.terms = self._update(rows, warp, flip, epoch)
        except RuntimeError as error:
            self._zero_grad()
            torch.cuda.synchronize()
            _forget_capture(self.context.device)
            # What comes out of a capture that an error has ended says no more than that there was one.
            self._fall_back("CUDA graph capture failed", error.__context__ or error)
            self.refused, self.graph = True, None
            return False
        self.graph, self.epoch = graph, epoch
        return True

    def _zero_grad(self) -> None:
        for part in self.trained:
            part.optimiser.zero_grad(set_to_none=True)


def _forget_capture(device: torch.device) -> None:
    """Let the device's generator draw again: a capture that failed leaves it waiting for a graph, and draws raise."""
    generator = torch.cuda.default_generators[device.index or 0]
    generator.graphsafe_set_state(generator.clone_state())


def make_step(
    phase: Phase, faces: DeviceFaces, context: Context, mode: Mode = "auto", precision: Precision = "auto"
) -> Step:
    """Make the step of `phase`, and put its modules in training mode.

    Args:
        mode: "auto" compiles on CUDA and is eager on the CPU; "graph" is a CUDA graph; "compile" is torch.compile of
            the modules, and on CUDA a CUDA graph of the whole step around them.

    Raises:
        BadInput: if a graph is asked for on the CPU.
    """
    cuda = context.device.type == "cuda"
    if mode == "auto":
        mode = "compile" if cuda else "eager"
    if mode == "graph" and not cuda:
        raise BadInput(f"--step graph: needs a CUDA device, not {context.device}; take eager")
    graph = cuda and mode != "eager"
    if cuda:
        torch.backends.cudnn.benchmark = True  # shapes never change, so the search for the fastest kernels pays
    phase.module.train()
    if phase.critic is not None:
        phase.critic.module.train()
    precision = resolve_precision(precision, context.device)
    how = mode + (" with a CUDA graph" if graph and mode == "compile" else "")
    print(f"training step: {how}, {precision}", flush=True)
    return (GraphStep if graph else Step)(phase, faces, context, precision == "bfloat16", compiled=mode == "compile")
