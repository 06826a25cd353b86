"""Speed of inference, scoring, preparing and training: `pytest benchmark/test_speed.py --benchmark-enable`.

Times are compared within a run only: each group's table shows every row as a multiple of its fastest. Under
--benchmark-disable, the default, everything is executed once, the networks in their smallest size.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.metrics import luma, psnr, ssim
from benchmark.step import make_step
from datasets import align, batch, degrade
from datasets.batch import DeviceFaces
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs
from methods.interface import Context, Method, TrainedMethod, create, discover

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 64 if DEVICE.type == "cuda" else 4
FACES = 64


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Faces of smooth noise with landmarks anywhere: speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    hr = degrade.quantise(degrade.resize(torch.from_numpy(rng.random((FACES, 3, 8, 8), np.float32)), degrade.HR))
    warp = degrade.sample_warps(FACES, torch.Generator().manual_seed(0))
    landmarks = rng.uniform(20, 108, (FACES, 68, 2)).astype(np.float32)
    names = [f"{i:02d}" for i in range(FACES)]
    faces = pd.DataFrame({"name": names, "person": names, "points": 68, "yaw": 0.0, "validation": 0})
    lr = batch.to_uint8(degrade.degrade(hr, warp)).numpy()
    return Pairs(batch.to_uint8(hr).numpy(), lr, warp.numpy(), landmarks, np.ones((FACES, 68), bool), faces)


def synchronised(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, ended only when the GPU has ended it."""

    def run(*arguments: Any) -> Any:
        result = work(*arguments)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return result

    return run


def make(name: str, full: bool) -> Method:
    """The method in its default size, or the smallest that it names."""
    options = {} if full else getattr(importlib.import_module(f"methods.{name}"), "TINY", {})
    return create(name, options).to(DEVICE)


@pytest.mark.benchmark(group="inference of a batch")
@pytest.mark.parametrize("name", sorted(discover()))
def test_inference(benchmark: BenchmarkFixture, pairs: Pairs, name: str) -> None:
    method = make(name, full=not benchmark.disabled)
    if not isinstance(method, TrainedMethod):
        method.fit(pairs, Context(DEVICE))
    lr = batch.to_float(torch.from_numpy(pairs.lr[:BATCH])).to(DEVICE)
    sr = benchmark(synchronised(torch.no_grad()(method.upscale)), lr)
    assert sr.shape == (BATCH, 3, 128, 128)


@pytest.mark.benchmark(group="training step")
@pytest.mark.parametrize("name", sorted(n for n, method in discover().items() if issubclass(method, TrainedMethod)))
def test_training_step(benchmark: BenchmarkFixture, pairs: Pairs, name: str, tmp_path: Path) -> None:
    method = make(name, full=not benchmark.disabled)
    assert isinstance(method, TrainedMethod)
    context = Context(DEVICE, workdir=tmp_path, align=(lambda lr: lr) if method.wants == "aligned" else None)
    phase = method.phases(context)[-1]
    step = make_step(phase, DeviceFaces(pairs, DEVICE), context)
    rows = torch.arange(min(BATCH, phase.batch_size), device=DEVICE)
    warp = torch.from_numpy(pairs.warp[: len(rows)]).to(DEVICE) if phase.fresh else None
    flip = rows % 2 == 0 if phase.flip else None
    for _ in range(0 if benchmark.disabled else 5):  # until compiled and captured
        step(rows, warp, flip, 0)
    terms = benchmark(synchronised(step), rows, warp, flip, 0)
    assert torch.isfinite(terms).all()


@pytest.mark.benchmark(group="scoring of a face")
def test_scoring(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    image, reference = pairs.hr[0], pairs.hr[1]

    def score() -> list[float]:
        y, y_reference = luma(image), luma(reference)
        return [psnr(image, reference), ssim(image, reference), psnr(y, y_reference), ssim(y, y_reference)]

    assert np.isfinite(benchmark(score)).all()


@pytest.mark.benchmark(group="preparing")
def test_cropping_a_photo(benchmark: BenchmarkFixture) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (768, 1024, 3), np.uint8)
    matrix = np.array([[0.25, 0.05, -60.0], [-0.05, 0.25, -20.0]])
    assert benchmark(align.warp, photo, matrix).shape == (128, 128, 3)


@pytest.mark.benchmark(group="preparing")
def test_degrading_a_batch(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    hr = batch.to_float(torch.from_numpy(pairs.hr[:BATCH])).to(DEVICE)
    warp = torch.from_numpy(pairs.warp[:BATCH]).to(DEVICE)
    assert benchmark(synchronised(degrade.degrade), hr, warp).shape == (BATCH, 3, 16, 16)


@pytest.mark.benchmark(group="preparing")
def test_heatmaps_of_a_batch(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    points = torch.from_numpy(pairs.landmarks[:BATCH]).to(DEVICE)
    component = torch.from_numpy(pairs.component[:BATCH]).to(DEVICE)
    assert benchmark(synchronised(heatmaps), points, component, 64, 1.5).shape == (BATCH, 4, 64, 64)
