"""One update: who steps on what, and that eager, captured and compiled updates are the same."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.training.loop import Settings
from benchmark.training.step import GraphStep, Step, make_step
from datasets import degrade
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from methods.interface import Context, create, discover
from methods.stn0.method import STN0
from methods.trained import Critic, Optimiser, Phase, TrainedMethod

CPU = torch.device("cpu")
AT_THE_END = Settings(checkpoint_seconds=1e9)
pytestmark = pytest.mark.usefixtures("one_thread")


def test_generator_and_critic_take_turns() -> None:
    """The generator steps on the critic as it is; the critic sees what the generator made before that; each alone."""
    generator, critic = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
    nn.init.constant_(generator.weight, 2.0)
    nn.init.constant_(critic.weight, 3.0)
    nn.init.zeros_(critic.bias).requires_grad_(False)  # what a method froze stays so

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        sr = generator(torch.ones(1, 1))
        return {"fool": critic(sr).sum()}, sr

    def critic_loss(batch: Batch, sr: torch.Tensor) -> dict[str, torch.Tensor]:
        assert not sr.requires_grad
        return {"critic": critic(sr).sum()}

    sgd = Optimiser("sgd", 0.1, momentum=0.0)
    phase = Phase("p", 1, 2, generator, sgd, loss, Critic(critic, sgd, critic_loss), flip=False)
    step = make_step(phase, DeviceFaces(tiny.make_pairs(), CPU), Context(CPU), "eager")
    terms = step(torch.arange(2), None, None, 0)
    assert step.names == ["fool", "critic"]
    assert terms.tolist() == [6.0, 6.0]
    assert generator.weight.item() == pytest.approx(2 - 0.1 * 3)
    assert critic.weight.item() == pytest.approx(3 - 0.1 * 2)
    assert critic.weight.requires_grad
    assert not critic.bias.requires_grad


def test_choices_of_step(capsys: pytest.CaptureFixture[str]) -> None:
    phase, faces = tiny.Tiny().phases(Context(CPU))[0], DeviceFaces(tiny.make_pairs(), CPU)
    with pytest.raises(BadInput, match="needs a CUDA device"):
        make_step(phase, faces, Context(CPU), "graph")
    make_step(phase, faces, Context(CPU), "auto")
    assert "training step: eager" in capsys.readouterr().out


class PretendedGraph:
    """A CUDA graph on the CPU: recording leaves the weights alone, replaying runs the recorded update again."""

    def __init__(self, step: GraphStep):
        self.step = step

    def pool(self) -> None:
        return None

    @contextlib.contextmanager
    def record(self) -> Iterator[None]:
        weights = {name: weight.clone() for name, weight in self.step.phase.module.state_dict().items()}
        yield
        self.step.phase.module.load_state_dict(weights)

    def replay(self) -> None:
        rows, warp, flip = self.step.inputs
        self.step.terms.copy_(self.step._update(rows, warp, flip, self.step.epoch))


@pytest.fixture
def pretended_cuda(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What GraphStep calls of torch.cuda, without a device."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, pool: graph.record())
    return monkeypatch


def trajectory(kind: type[Step], context: Context) -> tuple[list[float], tiny.Tiny]:
    """The losses, which change with the batch and with the epoch, of nine updates in three epochs."""
    torch.manual_seed(0)
    method = tiny.Tiny({"dropout": 0.0, "norm": False})

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        return {"pixel": (1 + epoch) * (method.enlarge(batch.lr) - batch.hr).square().mean()}, None

    phase = Phase("p", 3, 4, method.module, Optimiser("sgd", 0.5, momentum=0.0), loss)
    step, draw = kind(phase, DeviceFaces(tiny.make_pairs(), CPU), context), torch.Generator().manual_seed(0)
    losses = []
    for update in range(9):
        rows, warp = torch.randperm(24, generator=draw)[:4], degrade.sample_warps(4, draw)
        losses.append(step(rows, warp, rows % 2 == 0, update // 3).item())
    return losses, method


def test_graph_follows_batches_and_epochs(pretended_cuda: pytest.MonkeyPatch) -> None:
    made: list[PretendedGraph] = []

    class Watched(GraphStep):
        def _capture(self, epoch: int) -> bool:
            pretended_cuda.setattr(torch.cuda, "CUDAGraph", lambda: made.append(PretendedGraph(self)) or made[-1])
            return super()._capture(epoch)

    context = Context(CPU)
    losses, method = trajectory(Watched, context)
    eager, other = trajectory(Step, Context(CPU))
    np.testing.assert_allclose(losses, eager, rtol=1e-6)
    torch.testing.assert_close(method.module.state_dict(), other.module.state_dict())
    assert len(made) == 2  # the first epoch's three updates warm up
    assert context.training_metadata == {}


def test_graph_that_cuda_refuses_goes_on_without_and_says_so(
    pretended_cuda: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(graph: object, pool: object) -> NoReturn:
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    # As CUDA leaves it: a generator that counts on a graph and refuses to draw.
    states: list[str] = []
    generator = SimpleNamespace(clone_state=lambda: "no capture", graphsafe_set_state=states.append)
    pretended_cuda.setattr(torch.cuda, "default_generators", (generator,))
    pretended_cuda.setattr(torch.cuda, "CUDAGraph", object)
    pretended_cuda.setattr(torch.cuda, "graph", refuse)
    context = Context(CPU)
    losses, method = trajectory(GraphStep, context)
    eager, other = trajectory(Step, Context(CPU))
    assert losses == eager
    torch.testing.assert_close(method.module.state_dict(), other.module.state_dict(), rtol=0, atol=0)
    reason = "CUDA graph capture failed, going on without: operation not permitted when stream is capturing"
    assert context.training_metadata == {"step": reason}
    assert reason in capsys.readouterr().out
    assert states == ["no capture"]


@pytest.mark.slow
def test_compiled_step_equals_the_eager_one(tmp_path: Path) -> None:
    # Before a batch normalisation a bias has a gradient of rounding errors alone, which RMSprop would blow up.
    eager = tiny.fit(tmp_path / "eager", AT_THE_END, dropout=0.0, norm=False)
    compiled = tiny.fit(tmp_path / "compiled", Settings(step="compile"), dropout=0.0, norm=False)
    for a, b in zip(eager.module.parameters(), compiled.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
    assert all(module._compiled_call_impl is None for module in (compiled.module, compiled.critic))


# What a CUDA graph cannot record: tensors made of Python's numbers, and waits for a value.
REFUSED = {"aten::lift_fresh", "aten::_local_scalar_dense"}
TRAINED = [name for name, method in discover().items() if issubclass(method, TrainedMethod)]
CASES = [(name, {}) for name in TRAINED] + [("mtun", {"stacks": 0, "heatmaps": "true"}), ("mtun", {"heb_at": 16})]


class Listener(TorchDispatchMode):
    """Notes what is called that a capture would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().split(".")[0] in REFUSED:
            self.heard.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_updates_after_the_first_can_be_recorded(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    small = importlib.import_module(f"methods.{name}").TINY
    method = create(name, {**small, **options})
    stn0 = STN0()
    context = Context(CPU, align=lambda lr, warp: stn0.align(lr)[0])
    rows, flips = torch.arange(4), torch.tensor([True, False, True, False])
    warps = degrade.sample_warps(4, torch.Generator().manual_seed(0))
    for phase in method.phases(context):
        step = make_step(phase, DeviceFaces(tiny.make_pairs(), CPU), context, "eager", "float32")
        faces = rows, warps if phase.resample_degradation else None, flips if phase.flip else None
        step(*faces, 0)
        with Listener() as listener:
            step(*faces, 0)
        assert not listener.heard, phase.name
