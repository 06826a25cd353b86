"""Speed of inference and training: `pytest benchmark/test_speed.py --benchmark-enable`.

Times are compared within a run only: each group's table shows every row as a multiple of its fastest, and where a bound
is held, what it is held against runs beside it. Under --benchmark-disable, the default, everything is executed once,
the networks in their smallest size, for its result alone.
"""

from __future__ import annotations

import importlib
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.training.step import make_step
from datasets import batch
from datasets.batch import DeviceFaces
from datasets.pairs import Pairs
from methods.interface import Context, Method, create, discover
from methods.trained import Phase, TrainedMethod
from tests import textbook
from tests.benchmark.tiny import make_pairs

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 64 if DEVICE.type == "cuda" else 4
FACES = 64
TRAIN = 300  # faces that a position-patch customarily learns from
# Three of the thirteen MTUN trainings: nine cost as much as the first, two are in between.
STEPS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours_p": {"feature": False, "adversarial": False},
    "no_heb_p": {"feature": False, "adversarial": False, "stacks": 0},
}
REPEATS = 5  # of what a benchmark is held against


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return make_pairs(FACES, validation=0)


def synchronised(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, ended only when the GPU has ended it."""

    def run(*arguments: Any) -> Any:
        result = work(*arguments)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return result

    return run


def make(name: str, full: bool, **options: Any) -> Method:
    """The method with these options in its default size, or the smallest that it names."""
    size = {} if full else getattr(importlib.import_module(f"methods.{name}"), "TINY", {})
    return create(name, {**size, **options}).to(DEVICE)


def median_seconds(work: Callable[[], Any]) -> float:
    """Median seconds of what a benchmark, which times one thing alone, is held against."""
    return statistics.median(timeit.repeat(work, number=1, repeat=REPEATS))


@pytest.fixture
def compare(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, float]]:
    """compare(images, seconds, **more): images a second of the benchmark, which takes `images` at a time, and of a
    reference that takes `seconds` an image, with their ratio; kept with the benchmark and printed."""

    def figures(images: int, seconds: float, **more: float) -> dict[str, float]:
        assert benchmark.stats is not None
        speed = images / benchmark.stats.stats.median
        found = {"images/s": speed, "reference, images/s": 1 / seconds, "ratio": speed * seconds, **more}
        benchmark.extra_info.update(found)
        with capsys.disabled():
            print(f"\n{benchmark.name}: " + ", ".join(f"{name} {value:,.4g}" for name, value in found.items()))
        return found

    return figures


@pytest.mark.benchmark(group="inference of a batch")
@pytest.mark.parametrize("name", sorted(discover()))
def test_inference(benchmark: BenchmarkFixture, pairs: Pairs, name: str) -> None:
    method = make(name, full=not benchmark.disabled)
    if not isinstance(method, TrainedMethod):
        method.fit(pairs, Context(DEVICE))
    lr = batch.to_float(torch.from_numpy(pairs.lr[:BATCH])).to(DEVICE)
    sr = benchmark(synchronised(torch.no_grad()(method.upscale)), lr)
    assert sr.shape == (BATCH, 3, 128, 128)


@pytest.mark.benchmark(group="position-patch on the CPU")
def test_position_patch_against_the_textbook(
    benchmark: BenchmarkFixture, pairs: Pairs, compare: Callable[..., dict[str, float]]
) -> None:
    full = not benchmark.disabled
    train = make_pairs(TRAIN, validation=0) if full else pairs
    method = create("position_patch", {"overlap": 2 if full else 0})
    method.fit(train, Context(torch.device("cpu")))
    lr = 1 - batch.to_float(torch.from_numpy(pairs.lr))  # negatives, which are no training faces
    train_lr, train_hr = (batch.to_float(torch.from_numpy(a)).double().numpy() for a in (train.lr, train.hr))
    face, patch = lr[0].double().numpy(), method.options.patch
    slow = partial(textbook.position_patch, train_lr, train_hr, face, patch, patch - method.options.overlap)

    sr = benchmark(method.upscale, lr)
    assert np.abs(sr[0].numpy() - slow()).max() < 1e-4
    if full:
        assert compare(len(lr), median_seconds(slow))["ratio"] >= 100


def last_phase(full: bool, context: Context, **options: Any) -> Phase:
    """MTUN's last phase of training, always from the same weights."""
    method = make("mtun", full, **options)
    assert isinstance(method, TrainedMethod)
    return method.phases(context)[-1]


def inputs(phase: Phase, pairs: Pairs) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None, int]:
    """What a step is called with: rows, warps and flips of a batch, and epoch 0."""
    rows = torch.arange(min(BATCH, phase.batch_size), device=DEVICE)
    warp = torch.from_numpy(pairs.warp[: len(rows)]).to(DEVICE) if phase.resample_degradation else None
    return rows, warp, rows % 2 == 0 if phase.flip else None, 0


def plain_loop(phase: Phase, faces: DeviceFaces) -> Callable[..., torch.Tensor]:
    """The update as one would first write it: eager, in float32, images and weights as they are, plain Adam."""
    critic = phase.critic
    adam = torch.optim.Adam(phase.module.train().parameters(), lr=1e-3)
    critic_adam = torch.optim.Adam(critic.module.train().parameters(), lr=1e-3) if critic else None

    def update(rows: torch.Tensor, warp: torch.Tensor | None, flip: torch.Tensor | None, epoch: int) -> torch.Tensor:
        seen = faces.batch(rows, warp, flip)
        seen.hr, seen.lr = seen.hr.contiguous(), seen.lr.contiguous()  # not channels last
        terms, sr = phase.loss(seen, epoch)
        assert sr is not None
        adam.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        adam.step()
        if critic is None or critic_adam is None:
            return torch.stack(list(terms.values())).detach()
        critic_terms = critic.loss(seen, sr.detach())
        critic_adam.zero_grad()
        torch.stack(list(critic_terms.values())).sum().backward()
        critic_adam.step()
        return torch.stack([*terms.values(), *critic_terms.values()]).detach()

    return update


def two_updates(update: Callable[..., torch.Tensor], given: tuple[Any, ...]) -> torch.Tensor:
    """Loss terms (2, T) of two updates with seeded dropout."""
    terms = []
    for seed in range(2):
        torch.manual_seed(seed)
        terms.append(update(*given).clone())
    return torch.stack(terms)


@pytest.mark.benchmark(group="training step against a plain loop")
@pytest.mark.parametrize("run", STEPS)
def test_training_step_against_a_plain_loop(
    benchmark: BenchmarkFixture, pairs: Pairs, tmp_path: Path, compare: Callable[..., dict[str, float]], run: str
) -> None:
    """MTUN's steps, from the dearest to the cheapest; both updates begin with the same weights and random state."""
    full, cuda = not benchmark.disabled, DEVICE.type == "cuda"
    context, faces = Context(DEVICE, workdir=tmp_path), DeviceFaces(pairs, DEVICE)
    if not cuda:
        context.features = tmp_path
    options = {"trunk_lr_multiplier": 1.0, **STEPS[run], **({"width": 16} if full and not cuda else {})}
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    phase = last_phase(full, context, **options)
    step, given = make_step(phase, faces, context), inputs(phase, pairs)
    own = two_updates(step, given)
    for _ in range(3 if full else 0):  # until compiled and captured
        step(*given)
    benchmark(synchronised(step), *given)
    memory = {"GiB": torch.cuda.max_memory_allocated() / 2**30} if cuda else {}

    plain = synchronised(plain_loop(last_phase(full, Context(DEVICE), **options), faces))
    expected = two_updates(plain, given)
    assert torch.isfinite(expected).all()
    if not step.half:  # else precision is another, and on CUDA dropout's random numbers are
        torch.testing.assert_close(own[0], expected[0], rtol=1e-4, atol=1e-6)
        # Adam's first step enlarges what rounding leaves of small gradients, the more the wider the network.
        torch.testing.assert_close(own[1], expected[1], rtol=0.05 if full else 0.005, atol=1e-5)
    if full:
        size = len(given[0])
        found = compare(size, median_seconds(lambda: plain(*given)) / size, **memory)
        if cuda and run == "ours" and "H100" in torch.cuda.get_device_name():
            assert found["images/s"] >= 2500
            assert found["GiB"] < 40
