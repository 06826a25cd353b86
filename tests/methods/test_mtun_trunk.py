"""MTUN's trunk: trained alone, taken over by the runs that name it, and frozen where they ask for it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmark.training.loop import Settings, train
from benchmark.training.step import make_step
from datasets.batch import Batch, DeviceFaces
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.mtun.method import MTUN
from methods.mtun.trunk import TRUNK
from methods.mtun_trunk.method import MTUNTrunk
from tests.methods.common import CPU, assert_same

SMALL = {"width": 4, "epochs": 1, "batch_size": 4}
MTUN_SMALL = SMALL | {"stacks": 1, "random_vgg_width": 4}


@pytest.fixture(scope="module")
def trunk(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained trunk of seed 3; its log is beside the weights."""
    folder = tmp_path_factory.mktemp("trunk")
    method = MTUNTrunk(SMALL)
    train(method, pairs, Context(CPU, 3, folder / "work", folder / "log.csv"), Settings(precision="float32"))
    method.save(folder)
    return folder


@pytest.fixture
def stored(trunk: Path) -> dict[str, Tensor]:
    """The tensors of that trunk."""
    return load_file(trunk / "weights.safetensors")


def mtun(trunk: Path | None = None, **options: Any) -> tuple[MTUN, Context]:
    method, context = MTUN(MTUN_SMALL | options), Context(CPU, 3, trunk=trunk)
    method.phases(context)
    return method, context


def tensors(method: MTUN | MTUNTrunk, trunk: bool) -> dict[str, Tensor]:
    """The tensors of the trunk, or all others."""
    state = method.module.state_dict()
    return {name: tensor.clone() for name, tensor in state.items() if (name.split(".")[0] in TRUNK) == trunk}


def parts(names: Iterable[str]) -> set[str]:
    """The parts of the network that tensors of these names belong to."""
    return {name.split(".")[0] for name in names}


def moved(method: MTUN, context: Context, pairs: Pairs) -> set[str]:
    """The parts whose parameters one update moves."""
    [phase] = method.phases(context)
    before = {name: value.clone() for name, value in method.module.named_parameters()}
    method.module.eval()
    make_step(phase, DeviceFaces(pairs, CPU), context, precision="float32")(torch.arange(4), None, None, 0)
    return parts(name for name, value in method.module.named_parameters() if not torch.equal(value, before[name]))


@pytest.mark.parametrize("options", [{}, {"stacks": 0}, {"heb_at": 16, "skip": False}, {"recipe": "paper"}], ids=str)
def test_the_trunk_is_drawn_as_mtun_draws_its_own(options: dict) -> None:
    alone = MTUNTrunk(SMALL | {name: value for name, value in options.items() if name == "recipe"})
    alone.phases(Context(CPU, 3))
    assert_same(tensors(alone, True), tensors(mtun(**options)[0], True))


def test_mtun_goes_on_from_the_trunk_and_keeps_its_own_draws(trunk: Path, stored: dict[str, Tensor]) -> None:
    assert parts(stored) == set(TRUNK)  # without its head
    assert not any(tensor.dtype == torch.float16 for tensor in stored.values())
    method, context = mtun(trunk)
    assert_same(tensors(method, True), stored)
    assert_same(tensors(method, False), tensors(mtun()[0], False))
    assert [phase.number for phase in method.phases(context)] == [1]
    assert [phase.number for phase in method.phases(Context(CPU, 3))] == [None]


def test_a_trunk_of_another_network_is_refused(trunk: Path) -> None:
    for other in ({"width": 8}, {"autoencoder": False}):
        with pytest.raises(BadInput, match=rf"^{trunk}: the trunk of another network; train one"):
            mtun(trunk, **other)
    with pytest.raises(BadInput, match="no weights"):
        mtun(trunk / "work")
    with pytest.raises(BadInput, match="option freeze_trunk: the run names no pretrained `trunk`"):
        mtun(freeze_trunk=True)


@pytest.mark.parametrize("options", [{}, {"stacks": 0}], ids=str)
def test_a_frozen_trunk_stays_and_the_rest_learns(options: dict, trunk: Path, stored: dict, pairs: Pairs) -> None:
    method, context = mtun(trunk, freeze_trunk=True, **options)
    assert moved(method, context, pairs) == parts(tensors(method, False))
    assert_same(tensors(method, True), stored)
    still = mtun(trunk, trunk_lr_multiplier=0.0, **options)  # which keeps its statistics, too, in this step
    assert moved(*still, pairs) == parts(tensors(method, False))


def test_with_a_frozen_trunk_only_what_was_trained_is_stored(trunk: Path, batch: Batch, tmp_path: Path) -> None:
    method, _ = mtun(trunk, freeze_trunk=True)
    method.save(tmp_path)
    assert load_file(tmp_path / "weights.safetensors").keys() == tensors(method, False).keys()
    other = MTUN(MTUN_SMALL | {"freeze_trunk": True})
    other.load(tmp_path, trunk)
    assert_same(other.upscale(batch.lr), method.upscale(batch.lr))
    with pytest.raises(BadInput, match="without its frozen trunk; give the folder"):
        other.load(tmp_path)
