"""Phases that runs have in common: taken over only where they are the same, and then without changing a bit."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
import yaml

from benchmark.training.engine import OutOfTime, Settings, train
from datasets.batch import Batch
from methods.interface import Context
from methods.mtun.method import MTUN
from methods.trained import Phase

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("one_thread")


class Starter(tiny.Tiny):
    """A Tiny whose pixel phase other runs may share; counts the updates of it."""

    lr, variant, second_epochs = 1e-2, "a", 1
    first: Mapping[str, Any] = MappingProxyType({})  # of the pixel phase, otherwise
    course: dict[str, Any]  # what the context was told

    def phases(self, context: Context) -> list[Phase]:
        self.updates = 0
        pixels, play = super().phases(context)
        optimiser = dataclasses.replace(pixels.optimiser, lr=self.lr)
        pixels = dataclasses.replace(pixels, shared={"variant": self.variant}, optimiser=optimiser, **self.first)
        return [pixels, dataclasses.replace(play, epochs=self.second_epochs)]

    def pixel_loss(self, batch: Batch, epoch: int) -> tuple[dict[str, torch.Tensor], None]:
        self.updates += 1
        return super().pixel_loss(batch, epoch)


def fit(folder: Path, shared: Path | None, start: int = 1, seed: int = 1, deadline: float | None = None, **fields):
    torch.manual_seed(start)
    method = Starter()
    for name, value in fields.items():
        setattr(method, name, value)
    context = Context(CPU, seed, folder, folder / "log.csv", shared)
    train(method, tiny.make_pairs(), context, Settings(checkpoint_seconds=0, deadline=deadline))
    method.course = context.course
    return method


def log(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "log.csv")


def test_the_second_run_takes_over_and_ends_bit_equal(tmp_path: Path) -> None:
    alone = fit(tmp_path / "alone", None, second_epochs=2)
    first = fit(tmp_path / "first", tmp_path / "shared")
    second = fit(tmp_path / "second", tmp_path / "shared", second_epochs=2)
    assert first.updates == alone.updates > 0
    assert second.updates == 0
    for name, weight in alone.module.state_dict().items():
        assert torch.equal(weight, second.module.state_dict()[name]), name
    assert not torch.equal(first.module[0].weight, second.module[0].weight)
    # The cost of the phase is stated by every run that builds on it.
    assert second.course["epochs"][:3] == first.course["epochs"][:3]
    assert second.course["phase pixels"] == "taken over from a run that shares it"
    assert "phase pixels" not in first.course
    pd.testing.assert_frame_equal(log(tmp_path / "first")[:3], log(tmp_path / "second")[:3], check_exact=True)
    assert (tmp_path / "alone" / "log.csv").read_bytes() == (tmp_path / "second" / "log.csv").read_bytes()


OF_PHASE = [{"epochs": 1}, {"batch_size": 5}, {"fresh": False}, {"flip": False}]
CHANGES = [{"lr": 2e-2}, {"variant": "b"}, {"start": 2}, {"seed": 2}, *({"first": change} for change in OF_PHASE)]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_another_phase_is_trained_by_itself(tmp_path: Path, change: dict) -> None:
    fit(tmp_path / "first", tmp_path / "shared")
    assert fit(tmp_path / "second", tmp_path / "shared", **change).updates > 0


def test_a_run_stopped_within_the_phase_still_shares_it(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        fit(tmp_path / "first", tmp_path / "shared", deadline=time.monotonic())
    fit(tmp_path / "first", tmp_path / "shared")
    second = fit(tmp_path / "second", tmp_path / "shared")
    assert second.updates == 0
    alone = fit(tmp_path / "alone", None)
    assert torch.equal(alone.module[0].weight, second.module[0].weight)


def test_a_damaged_outcome_is_named_and_trained_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = fit(tmp_path / "first", tmp_path / "shared")
    [stored] = (tmp_path / "shared").glob("*/*.ckpt")
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    second = fit(tmp_path / "second", tmp_path / "shared")
    assert f"{stored}: damaged checkpoint" in capsys.readouterr().out
    assert second.updates == alone.updates
    third = fit(tmp_path / "third", tmp_path / "shared")
    assert third.updates == 0
    for run in (second, third):
        assert torch.equal(alone.module[0].weight, run.module[0].weight)


def test_all_ablations_share_the_warm_up_but_that_without_autoencoder() -> None:
    runs = yaml.safe_load((ROOT / "params.yaml").read_text())["runs"]
    starts = {}
    for name, item in runs.items():
        if item["method"] == "mtun":
            options = {k: v for k, v in item.items() if k not in ("method", "seeds")}
            method = MTUN({"width": 4, "random_vgg_width": 4, **options})
            starts[name] = method.phases(Context(CPU, seed=3))[0].module.state_dict()
    ours, other = starts.pop("ours"), starts.pop("ours_no_autoencoder")
    assert len(starts) == 11
    assert other.keys() != ours.keys()
    for name, start in starts.items():
        assert all(torch.equal(ours[key], start[key]) for key in ours), name


@pytest.mark.parametrize("freeze_front", [True, False])
def test_mtun_ends_bit_equal_however_it_came_by_its_warm_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freeze_front: bool
) -> None:
    options = {"width": 4, "stacks": 1, "feature": False, "adversarial": False, "freeze_front": freeze_front}
    options |= {"epochs": 1, "batch_size": 4, "front_epochs": 1, "front_batch_size": 4}

    def fit_mtun(folder: Path, shared: Path | None) -> dict[str, torch.Tensor]:
        method = MTUN(options)
        train(method, tiny.make_pairs(), Context(CPU, 1, folder, folder / "log.csv", shared))
        return method.module.state_dict()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    whole = fit_mtun(tmp_path / "whole", tmp_path / "shared")
    taken_over = fit_mtun(tmp_path / "second", tmp_path / "shared")
    with monkeypatch.context() as patch:
        patch.setattr("methods.mtun.losses.L_h", killed)
        with pytest.raises(KeyboardInterrupt):
            fit_mtun(tmp_path / "broken", None)
    gone_on = fit_mtun(tmp_path / "broken", None)
    for name, weight in whole.items():
        assert torch.equal(weight, taken_over[name]), name
        assert torch.equal(weight, gone_on[name]), name
