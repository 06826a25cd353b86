"""STN_0: its architecture, its two losses, and that it learns to undo warps."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import torch

from benchmark.scoring.estimates import warp_errors
from benchmark.training.loop import Settings, train
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.pairs import Pairs
from methods.interface import Context
from methods.stn0.method import STN0

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def test_layers_are_the_papers() -> None:
    shapes = [tuple(p.shape) for p in STN0().module.parameters()]
    assert shapes == [(64, 3, 5, 5), (64,), (20, 64, 5, 5), (20,), (20, 80), (20,), (4, 20), (4,)]


def test_the_supervised_one_learns_from_warps_alone() -> None:
    method = STN0({"supervised": True})
    warp = torch.tensor([[0.2, 1.0, 0.15, 0.0], [0.0, 0.9, 0.0, 0.2]])  # 1, 2, 3 and 4 units of each
    batch = SimpleNamespace(lr=torch.rand(2, 3, 16, 16), warp=warp)  # no HR face, which it must not see
    terms, _ = method.loss(batch, 0)  # type: ignore[arg-type]
    assert terms.keys() == {"L_w"}
    assert terms["L_w"].item() == pytest.approx((1 + 4 + 9 + 16) / 8, rel=1e-5)


def look_alikes(n: int, seed: int) -> Pairs:
    """Faces that are one lop-sided pattern with a little of their own, so that their pose shows."""
    generator = torch.Generator().manual_seed(seed)
    pattern = degrade.resize(torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(3)), 128)
    own = degrade.resize(torch.rand(n, 3, 8, 8, generator=generator), 128)
    hr = to_uint8(0.85 * pattern + 0.15 * own)
    warp = degrade.sample_warps(n, generator)
    lr = to_uint8(degrade.degrade(to_float(hr), warp))
    base = tiny.make_pairs(n, 0)
    return Pairs(hr.numpy(), lr.numpy(), warp.numpy(), base.landmarks, base.visible, base.faces)


@pytest.mark.parametrize("supervised", [False, True])
def test_learns_to_undo_warps(supervised: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = STN0({"epochs": 20, "batch_size": 16, "supervised": supervised})
    # Mirrored, a lop-sided pattern is another pattern: too much for a test's time.
    phase = method.phases(Context(CPU))[0]
    method.phases = lambda context: [phase.__class__(**{**vars(phase), "flip": False})]  # type: ignore[method-assign]
    context = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv")
    train(method, look_alikes(256, 0), context, Settings(checkpoint_seconds=1e9))
    test = look_alikes(200, 1)
    truth = torch.from_numpy(test.warp)
    of_identity = warp_errors(truth.new_tensor([0.0, 1.0, 0.0, 0.0]).expand_as(truth), truth)
    lr = to_float(torch.from_numpy(test.lr))
    warp = method.align(lr)[1]
    torch.testing.assert_close(method.upscale_and_inspect(lr)[1]["warp_stn0"], warp)
    errors = warp_errors(warp, truth)
    assert 15 < of_identity["rotation_degrees"] < 30
    assert errors["rotation_degrees"] < of_identity["rotation_degrees"] / 4
    assert errors["shift_percent"] < of_identity["shift_percent"]
    assert errors["scale_percent"] < of_identity["scale_percent"]
