"""The training loop: what it computes, what it survives, and how it stops."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing.context
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from safetensors.torch import load_file
from torch import nn

from benchmark.checkpoint import Checkpoints
from benchmark.engine import OutOfTime, Settings, TrainingStopped, make_step, train
from benchmark.optimise import Average, learning_rate
from benchmark.step import GraphStep, Step, upright
from datasets import degrade
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from methods.interface import Context, Optimiser, Phase

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
EVERY_UPDATE, AT_THE_END = Settings(checkpoint_seconds=0), Settings(checkpoint_seconds=1e9)
TIMES = ["images_per_second", "seconds"]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same_run(one: Path, other: Path) -> None:
    """Two folders hold bit-equal weights and equal logs, times aside."""
    a, b = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name
    logs = [pd.read_csv(folder / "log.csv").drop(columns=TIMES) for folder in (one, other)]
    pd.testing.assert_frame_equal(*logs, check_exact=True)


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Starts processes from one that has the libraries loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torchvision", "pandas", "tqdm", "benchmark.engine"])
    return context


def test_killed_at_any_moment_it_ends_bit_equal(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = processes.Process(target=tiny.fit_and_save, args=(whole,))
    unbroken.start()
    # Updates within an epoch, at its end, within the second phase; a checkpoint follows every update.
    for checkpoint in (1, 4, 8, 10, 13):
        killed = processes.Process(target=tiny.fit_and_save, args=(broken,), kwargs={"delay": 0.03})
        killed.start()
        while killed.is_alive() and newest(broken) < checkpoint:
            time.sleep(0.002)
        assert killed.is_alive()
        killed.kill()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        assert not (broken / "weights.safetensors").exists()
    last = processes.Process(target=tiny.fit_and_save, args=(broken,))
    last.start()
    for process in (unbroken, last):
        process.join()
        assert process.exitcode == 0
    assert_same_run(whole, broken)


def newest(folder: Path) -> int:
    """Number of the last checkpoint, counted from 0; -1 for none."""
    last = Checkpoints(folder / "checkpoints").last()
    return -1 if last is None else int(last.stem)


def test_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    tiny.fit(whole, AT_THE_END).save(whole)
    with pytest.raises(OutOfTime):
        tiny.fit(broken, Settings(deadline=0.0))
    with pytest.raises(OutOfTime):
        tiny.fit(broken, Settings(deadline=0.0))
    last = Checkpoints(broken / "checkpoints").last()
    assert last is not None
    last.write_bytes(last.read_bytes()[:-100])
    capsys.readouterr()
    tiny.fit(broken, EVERY_UPDATE).save(broken)
    printed = capsys.readouterr().out
    assert f"{last}: damaged checkpoint" in printed
    assert "update 2" in printed
    assert_same_run(whole, broken)


def test_checkpoints_of_which_none_is_whole_start_anew(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for value in range(4):
        store.save({"value": value})
    assert store.load(CPU) == {"value": 3}
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".00000009.ckpt.tmp.ckpt").write_bytes(b"what a killed writer left")
    assert store.load(CPU) == {"value": 3}
    for path in tmp_path.glob("0*.ckpt"):
        path.write_bytes(b"")
    assert store.load(CPU) is None


def test_two_processes_follow_the_loss_curve_of_one(tmp_path: Path) -> None:
    # Without what each process does by itself: drawing dropout and, on gloo, normalising its part of the batch.
    options = {"dropout": 0.0, "norm": False, "epochs": 4}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [tiny.__file__, str(tmp_path / "two"), json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    torchrun = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert torchrun.returncode == 0, torchrun.stderr
    assert "2 process(es)" in torchrun.stdout

    tiny.fit_and_save(tmp_path / "one", **options)
    logs = [pd.read_csv(tmp_path / name / "log.csv").drop(columns=[*TIMES, "phase"]) for name in ("one", "two")]
    assert len(logs[0]) == 8
    np.testing.assert_allclose(logs[1], logs[0], rtol=0, atol=1e-4)
    a, b = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-4)


class Shift(tiny.Tiny):
    """Learns one number; the loss terms and the faces that each phase sees are set by the test."""

    def __init__(self, phases: list[Phase]):
        super().__init__()
        self.list = phases

    def phases(self, context: Context) -> list[Phase]:
        return self.list


def run(tmp_path: Path, phases: list[Phase], **context: object) -> tuple[Context, pd.DataFrame]:
    lent = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv", **context)  # type: ignore[arg-type]
    train(Shift(phases), tiny.make_pairs(), lent, AT_THE_END)
    return lent, pd.read_csv(lent.log)


def test_log_and_sample_grids(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    values = iter(range(100))

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        zero = 0 * module.weight.sum()
        return {"a": zero + next(values), "b": zero + epoch}, None

    recipe = Optimiser("sgd", 0.5, schedule="step", step_epochs=1, step_factor=0.1)
    _, log = run(tmp_path, [Phase("first", 2, 6, module, recipe, loss), Phase("second", 1, 100, module, recipe, loss)])
    # 20 training faces: three whole batches of 6, then one batch of all 20.
    assert list(log["a"]) == [1, 4, 6]
    assert list(log["b"]) == [0, 1, 0]
    assert list(log["phase"]) == ["first", "first", "second"]
    assert list(log["epoch"]) == [1, 2, 1]
    np.testing.assert_allclose(log["lr"], [0.5, 0.05, 0.5])
    assert log["val_psnr"].between(5, 30).all()
    grids = sorted(p.name for p in (tmp_path / "samples").iterdir())
    assert grids == ["1_first_0001.png", "1_first_0002.png", "2_second_0001.png"]


def test_validation_psnr_is_that_of_the_eight_bit_images(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    phase = Phase("p", 1, 8, module, Optimiser("sgd", 0.0), lambda batch, epoch: ({"z": 0 * module.weight.sum()}, None))
    method, pairs = Shift([phase]), tiny.make_pairs()
    train(method, pairs, Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv"), AT_THE_END)
    fold = DeviceFaces(pairs.validation(), CPU).batch(torch.arange(4))
    with torch.no_grad():
        error = (degrade.quantise(method.upscale(fold.lr)) - fold.hr).double().square().mean((1, 2, 3))
    expected = (-10 * torch.log10(error)).mean().item()
    assert pd.read_csv(tmp_path / "log.csv")["val_psnr"][0] == pytest.approx(expected, abs=1e-4)


def test_phase_that_makes_no_faces_is_not_scored(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    loss = lambda batch, epoch: ({"z": 0 * module.weight.sum()}, None)  # noqa: E731
    phases = [Phase(name, 1, 8, module, Optimiser("sgd", 0.0), loss, watched=name == "all") for name in ("part", "all")]
    train(Shift(phases), tiny.make_pairs(), Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv"), AT_THE_END)
    assert pd.read_csv(tmp_path / "log.csv")["val_psnr"].isna().tolist() == [True, False]
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["2_all_0001.png"]


def test_a_phase_sees_its_faces_once_an_epoch_with_new_warps(tmp_path: Path) -> None:
    module, seen = nn.Linear(1, 1), []

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        seen.append((batch.component[:, 0], batch.landmarks, batch.warp))
        return {"zero": 0 * module.weight.sum()}, None

    mask = np.arange(20) < 12
    phase = Phase("p", 2, 6, module, Optimiser(), loss, faces=lambda pairs: mask[: len(pairs)])
    run(tmp_path, [phase])
    pairs = tiny.make_pairs().training()[mask]
    epochs = [torch.cat([s[1][:, :, 1] for s in seen[i : i + 2]]) for i in (0, 2)]
    expected = torch.from_numpy(pairs.landmarks[:, :, 1])
    for rows in epochs:  # the y coordinates know no mirroring
        assert torch.equal(rows[rows[:, 0].argsort()], expected[expected[:, 0].argsort()])
    assert not torch.equal(*epochs)
    warps = torch.cat([s[2] for s in seen])
    assert len(warps.unique(dim=0)) == 24
    with pytest.raises(BadInput, match="none of 20 training faces"):
        run(tmp_path / "none", [Phase("p", 2, 6, module, Optimiser(), loss, faces=lambda pairs: np.zeros(20, bool))])


def test_loss_that_is_not_finite_stops_with_update_term_and_checkpoint(tmp_path: Path) -> None:
    module, calls = nn.Linear(1, 1), []

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        calls.append(epoch)
        return {"good": module.weight.sum(), "bad": module.weight.sum() * (math.nan if len(calls) == 5 else 1)}, None

    # Two updates an epoch; a checkpoint after each, and one after the epoch's end: 0 to 5 by then.
    method = Shift([Phase("p", 9, 10, module, Optimiser(), loss)])
    with pytest.raises(
        TrainingStopped, match=r"epoch 3: update 1: loss bad is nan; last good checkpoint: \S+0005.ckpt"
    ):
        train(method, tiny.make_pairs(), Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv"), EVERY_UPDATE)
    saved = Checkpoints(tmp_path / "checkpoints").load(CPU)
    assert saved is not None
    assert all(weight.isfinite().all() for state in saved["modules"] for weight in state.values())


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    nn.init.zeros_(module.bias)  # the root is finite at 0, its gradient is not

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        return {"root": module.bias.abs().sum().sqrt()}, None

    method = Shift([Phase("p", 1, 20, module, Optimiser(), loss)])
    method.module = module
    with pytest.raises(TrainingStopped, match=r"weight bias is not finite; last good checkpoint: none"):
        train(method, tiny.make_pairs(20, 0), Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv"), EVERY_UPDATE)
    assert Checkpoints(tmp_path / "checkpoints").last() is None


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
    phase = Phase("p", 1, 2, generator, sgd, loss, critic, sgd, critic_loss, flip=False)
    step = make_step(phase, DeviceFaces(tiny.make_pairs(), CPU), Context(CPU), "eager")
    terms = step(torch.arange(2), None, None, 0)
    assert step.names == ["fool", "critic"]
    assert terms.tolist() == [6.0, 6.0]
    assert generator.weight.item() == pytest.approx(2 - 0.1 * 3)
    assert critic.weight.item() == pytest.approx(3 - 0.1 * 2)
    assert critic.weight.requires_grad
    assert not critic.bias.requires_grad


def test_time_limit_saves_and_goes_on(tmp_path: Path) -> None:
    tiny.fit(tmp_path / "whole", AT_THE_END).save(tmp_path / "whole")
    stops = 0
    while True:
        try:
            method = tiny.fit(tmp_path / "pieces", Settings(deadline=0.0))
            break
        except OutOfTime:
            stops += 1
    method.save(tmp_path / "pieces")
    assert stops == 3 * 3 + 3 * 2  # one stop an update
    assert_same_run(tmp_path / "whole", tmp_path / "pieces")


def test_seed_decides_the_run(tmp_path: Path) -> None:
    one, other = tiny.fit(tmp_path / "one", AT_THE_END), tiny.fit(tmp_path / "other", AT_THE_END)
    assert torch.equal(one.module[0].weight, other.module[0].weight)
    torch.manual_seed(1)
    third = tiny.Tiny()
    train(third, tiny.make_pairs(), Context(CPU, 2, tmp_path / "third", log=tmp_path / "log.csv"), AT_THE_END)
    assert not torch.equal(one.module[0].weight, third.module[0].weight)


def test_alignment_of_a_batch() -> None:
    faces = DeviceFaces(tiny.make_pairs(), CPU)
    rows = torch.arange(5)
    raw = faces.batch(rows)
    assert torch.equal(upright(faces.batch(rows), Context(CPU)).lr, raw.lr)
    by_truth = upright(faces.batch(rows), Context(CPU, oracle=True)).lr
    torch.testing.assert_close(by_truth, degrade.align(raw.lr, raw.warp))
    turned = upright(faces.batch(rows), Context(CPU, align=lambda lr: lr.flip(3))).lr
    assert torch.equal(turned, raw.lr.flip(3))


def test_learning_rate_schedules() -> None:
    authors = Optimiser("rmsprop", 1e-3, decay=0.99, floor=1e-6, warmup=((50, 0.02), (50, 0.2)))
    rates = [learning_rate(authors, 0, update, 10_000) for update in (0, 49, 50, 99, 100)]
    np.testing.assert_allclose(rates, [2e-5, 2e-5, 2e-4, 2e-4, 1e-3])
    assert learning_rate(authors, 10, 5000, 10_000) == pytest.approx(1e-3 * 0.99**10)
    assert learning_rate(authors, 2000, 5000, 10_000) == 1e-6
    cosine = Optimiser(lr=2.0, schedule="cosine")
    np.testing.assert_allclose([learning_rate(cosine, 0, u, 100) for u in (0, 50, 100)], [2, 1, 0], atol=1e-12)
    step = Optimiser(lr=0.1, schedule="step", step_epochs=10, step_factor=0.1)
    np.testing.assert_allclose([learning_rate(step, e, 0, 1) for e in (9, 10, 20)], [1e-1, 1e-2, 1e-3])


def test_moving_average_and_its_exchange() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    average = Average(module, 0.5)
    address = module.weight.data_ptr()
    for n, value in enumerate((2.0, 3.0, 4.0)):
        nn.init.constant_(module.weight, value)
        average.update(100 + n)
    average.swap()
    # 1 -> 1.5 -> 2.25 -> 3.125
    assert module.weight.item() == 3.125
    average.swap()
    assert module.weight.item() == 4.0
    assert module.weight.data_ptr() == address
    young = Average(module, 0.999)
    nn.init.constant_(module.weight, 14.0)
    young.update(0)  # decay (1 + 0) / (10 + 0)
    assert young.weights[0].item() == pytest.approx(0.1 * 4 + 0.9 * 14)


def test_average_takes_the_place_of_the_weights_at_the_end(tmp_path: Path) -> None:
    module, seen = nn.Linear(1, 1, bias=False), []
    nn.init.constant_(module.weight, 1.0)

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        seen.append(module.weight.item())
        return {"slope": module.weight.sum()}, None

    run(tmp_path, [Phase("p", 1, 10, module, Optimiser("sgd", 1.0, momentum=0.0, ema=0.999), loss)])
    assert seen == [1.0, 0.0]  # the weights go 1, 0, -1, their average 1, 0.1, 2/11 * 0.1 - 9/11
    assert module.weight.item() == pytest.approx(0.2 / 11 - 9 / 11)


def test_choices_of_step(capsys: pytest.CaptureFixture[str]) -> None:
    method = tiny.Tiny()
    phase = method.phases(Context(CPU))[0]
    faces = DeviceFaces(tiny.make_pairs(), CPU)
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


def weighted_phase(method: tiny.Tiny) -> Phase:
    """A phase whose loss changes with the batch and with the epoch."""

    def loss(batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        return {"pixel": (1 + epoch) * (method.enlarge(batch.lr) - batch.hr).square().mean()}, None

    return Phase("p", 3, 4, method.module, Optimiser("sgd", 0.5, momentum=0.0), loss)


def trajectory(kind: type[Step], context: Context) -> tuple[list[float], tiny.Tiny]:
    """The losses of nine updates in three epochs."""
    torch.manual_seed(0)
    method = tiny.Tiny({"dropout": 0.0, "norm": False})
    step = kind(weighted_phase(method), DeviceFaces(tiny.make_pairs(), CPU), context)
    draw = torch.Generator().manual_seed(0)
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
    assert context.notes == {}


def test_graph_that_cuda_refuses_goes_on_without_and_says_so(
    pretended_cuda: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(graph: object, pool: object) -> NoReturn:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    pretended_cuda.setattr(torch.cuda, "CUDAGraph", object)
    pretended_cuda.setattr(torch.cuda, "graph", refuse)
    context = Context(CPU)
    losses, method = trajectory(GraphStep, context)
    eager, other = trajectory(Step, Context(CPU))
    assert losses == eager
    torch.testing.assert_close(method.module.state_dict(), other.module.state_dict(), rtol=0, atol=0)
    reason = "CUDA graph capture failed, going on without: operation not permitted when stream is capturing"
    assert context.notes == {"step": reason}
    assert reason in capsys.readouterr().out


@pytest.mark.slow
def test_compiled_step_equals_the_eager_one(tmp_path: Path) -> None:
    # Before a batch normalisation a bias has a gradient of rounding errors alone, which RMSprop would blow up.
    eager = tiny.fit(tmp_path / "eager", AT_THE_END, dropout=0.0, norm=False)
    compiled = tiny.fit(tmp_path / "compiled", Settings(step="compile"), dropout=0.0, norm=False)
    for a, b in zip(eager.module.parameters(), compiled.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
    assert all(module._compiled_call_impl is None for module in (compiled.module, compiled.critic))
