"""The training loop: what it computes, what it writes, and how it stops."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from torch import nn

from benchmark.training import checkpoint
from benchmark.training.loop import Settings, TrainingStopped, train
from datasets import degrade
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from methods.interface import Context
from methods.trained import Optimiser, Phase

CPU = torch.device("cpu")
EVERY_UPDATE, AT_THE_END = Settings(checkpoint_seconds=0), Settings(checkpoint_seconds=1e9)
Terms = tuple[dict[str, torch.Tensor], None]
pytestmark = pytest.mark.usefixtures("one_thread")


class Shift(tiny.Tiny):
    """Learns one number; the loss terms and the faces that each phase sees are set by the test."""

    def __init__(self, phases: list[Phase]):
        super().__init__()
        self.list = phases

    def phases(self, context: Context) -> list[Phase]:
        return self.list


def run(folder: Path, *phases: Phase, settings: Settings = AT_THE_END, **context: Any) -> tuple[Shift, pd.DataFrame]:
    """The method that is trained in these phases, and its log."""
    method, log = Shift([*phases]), folder / "log.csv"
    train(method, tiny.make_pairs(), Context(CPU, workdir=folder, log=log, **context), settings)
    return method, pd.read_csv(log)


@pytest.fixture
def module() -> nn.Module:
    return nn.Linear(1, 1)


@pytest.fixture
def idle(module: nn.Module) -> Callable[[Batch, int], Terms]:
    """A loss that teaches nothing."""
    return lambda batch, epoch: ({"zero": 0 * module.weight.sum()}, None)


def test_log_and_sample_grids(module: nn.Module, tmp_path: Path) -> None:
    values = iter(range(100))

    def loss(batch: Batch, epoch: int) -> Terms:
        zero = 0 * module.weight.sum()
        return {"a": zero + next(values), "b": zero + epoch}, None

    recipe = Optimiser("sgd", 0.5, schedule="step", step_epochs=1, step_factor=0.1)
    _, log = run(tmp_path, Phase("first", 2, 6, module, recipe, loss), Phase("second", 1, 100, module, recipe, loss))
    # 20 training faces: three whole batches of 6, then one batch of all 20.
    assert list(log["a"]) == [1, 4, 6]
    assert list(log["b"]) == [0, 1, 0]
    assert list(log["phase"]) == ["first", "first", "second"]
    assert list(log["epoch"]) == [1, 2, 1]
    np.testing.assert_allclose(log["lr"], [0.5, 0.05, 0.5])
    assert log["val_psnr"].between(5, 30).all()
    grids = sorted(p.name for p in (tmp_path / "samples").iterdir())
    assert grids == ["1_first_0001.png", "1_first_0002.png", "2_second_0001.png"]


def test_validation_psnr_is_that_of_the_eight_bit_images_of_phases_that_make_faces(
    module: nn.Module, idle: Callable[[Batch, int], Terms], tmp_path: Path
) -> None:
    sgd = Optimiser("sgd", 0.0)
    method, log = run(tmp_path, *(Phase(of, 1, 8, module, sgd, idle, validate=of == "all") for of in ("part", "all")))
    fold = DeviceFaces(tiny.make_pairs().validation(), CPU).batch(torch.arange(4))
    with torch.no_grad():
        error = (degrade.quantise(method.upscale(fold.lr)) - fold.hr).double().square().mean((1, 2, 3))
    expected = (-10 * torch.log10(error)).mean().item()
    assert log["val_psnr"].tolist() == pytest.approx([np.nan, expected], abs=1e-4, nan_ok=True)
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["2_all_0001.png"]


def test_a_phase_sees_its_faces_once_an_epoch_with_new_warps(module: nn.Module, tmp_path: Path) -> None:
    seen: list[Batch] = []

    def loss(batch: Batch, epoch: int) -> Terms:
        seen.append(batch)
        return {"zero": 0 * module.weight.sum()}, None

    mask = np.arange(20) < 12
    run(tmp_path, Phase("p", 2, 6, module, Optimiser(), loss, faces=lambda pairs: mask[: len(pairs)]))
    pairs = tiny.make_pairs().training()[mask]
    epochs = [torch.cat([batch.landmarks[:, :, 1] for batch in seen[i : i + 2]]) for i in (0, 2)]
    expected = torch.from_numpy(pairs.landmarks[:, :, 1])
    for rows in epochs:  # the y coordinates know no mirroring
        assert torch.equal(rows[rows[:, 0].argsort()], expected[expected[:, 0].argsort()])
    assert not torch.equal(*epochs)
    x, faces = torch.from_numpy(pairs.landmarks[:, :, 0]).T, torch.cat([batch.landmarks for batch in seen])
    mirrored = [not (face[:, 0, None] == x).all(0).any() for face in faces]
    assert 0 < sum(mirrored) < len(mirrored) == 24
    assert len(torch.cat([batch.warp for batch in seen]).unique(dim=0)) == 24
    with pytest.raises(BadInput, match="none of 20 training faces"):
        run(tmp_path / "none", Phase("p", 2, 6, module, Optimiser(), loss, faces=lambda pairs: np.zeros(20, bool)))


def test_loss_that_is_not_finite_stops_with_update_term_and_checkpoint(module: nn.Module, tmp_path: Path) -> None:
    factor = iter([1, 1, 1, 1, math.nan])

    def loss(batch: Batch, epoch: int) -> Terms:
        return {"good": module.weight.sum(), "bad": module.weight.sum() * next(factor)}, None

    with pytest.raises(TrainingStopped, match=r"epoch 3: update 1: loss bad is nan; lower the learning rate"):
        run(tmp_path, Phase("p", 9, 10, module, Optimiser(), loss), settings=EVERY_UPDATE)
    saved = checkpoint.load(tmp_path / checkpoint.FILE, CPU)
    assert saved is not None
    assert saved["state"]["updates"] == 4  # two an epoch
    assert all(weight.isfinite().all() for state in saved["modules"] for weight in state.values())


def test_weights_that_are_not_finite_are_not_saved(module: nn.Module, tmp_path: Path) -> None:
    nn.init.zeros_(module.bias)  # the root is finite at 0, its gradient is not
    phase = Phase("p", 1, 20, module, Optimiser(), lambda *_: ({"root": module.bias.abs().sum().sqrt()}, None))
    with pytest.raises(TrainingStopped, match=r"weight bias is not finite; lower the learning rate"):
        run(tmp_path, phase, settings=EVERY_UPDATE)
    assert not (tmp_path / checkpoint.FILE).exists()


@pytest.mark.parametrize("number", [0, 1])
def test_draws_depend_on_seed_phase_epoch_and_update_alone(module: nn.Module, tmp_path: Path, number: int) -> None:
    """The values are those with which the stored networks were trained."""
    seen: list[tuple[Any, ...]] = []

    def loss(batch: Batch, epoch: int) -> Terms:
        seen.append((batch.rows, batch.warp, batch.mirror, torch.rand(1)))
        return {"zero": 0 * module.weight.sum()}, None

    run(tmp_path, Phase("p", 2, 10, module, Optimiser(), loss, number=number), seed=5)
    for epoch in range(2):
        draw = torch.Generator().manual_seed(seed_of(5, number, epoch))
        rows, warps = torch.randperm(20, generator=draw), degrade.sample_warps(20, draw)
        mirror = torch.rand(20, generator=draw) < 0.5
        for i, part in enumerate((slice(0, 10), slice(10, 20))):
            own = torch.Generator().manual_seed(seed_of(5, number, 2 * epoch + i, 0))
            wanted = rows[part], warps[part], mirror[part], torch.rand(1, generator=own)
            assert all(map(torch.equal, seen[2 * epoch + i], wanted))


def seed_of(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def test_learning_rate_schedules() -> None:
    authors = Optimiser("rmsprop", 1e-3, decay=0.99, floor=1e-6, warmup=((50, 0.02), (50, 0.2)))
    rates = [authors.rate(0, update, 10_000) for update in (0, 49, 50, 99, 100)]
    np.testing.assert_allclose(rates, [2e-5, 2e-5, 2e-4, 2e-4, 1e-3])
    assert authors.rate(10, 5000, 10_000) == pytest.approx(1e-3 * 0.99**10)
    assert authors.rate(2000, 5000, 10_000) == 1e-6
    cosine = Optimiser(lr=2.0, schedule="cosine")
    np.testing.assert_allclose([cosine.rate(0, u, 100) for u in (0, 50, 100)], [2, 1, 0], atol=1e-12)
    step = Optimiser(lr=0.1, schedule="step", step_epochs=10, step_factor=0.1)
    np.testing.assert_allclose([step.rate(e, 0, 1) for e in (9, 10, 20)], [1e-1, 1e-2, 1e-3])


def test_a_log_begins_with_the_rows_of_the_trunk(
    module: nn.Module, idle: Callable[[Batch, int], Terms], tmp_path: Path
) -> None:
    tiny.fit(tmp_path / "trunk", AT_THE_END, epochs=1)
    run(tmp_path, Phase("after", 1, 8, module, Optimiser(), idle), trunk_log=tmp_path / "trunk/log.csv")
    for name in ("log.csv", "log.first.csv"):
        trunk, whole = (pd.read_csv(folder / name) for folder in (tmp_path / "trunk", tmp_path))
        pd.testing.assert_frame_equal(whole[: len(trunk)][trunk.columns], trunk, check_exact=True)
        assert set(whole["phase"][len(trunk) :]) == {"after"}
        assert whole["zero"].notna().tolist() == [False] * len(trunk) + [True] * (len(whole) - len(trunk))
