"""VDSR: network, pairs, three steps of x2, luma."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from torch import Tensor, nn

from datasets import degrade
from datasets.batch import Batch
from methods.interface import Context
from methods.vdsr.method import VDSR, random_crops
from methods.vdsr.model import VDSRNet
from tests.methods.common import CPU, assert_same, descend

TINY = {"depth": 3, "width": 4, "crop": 128}
RGB = TINY | {"colour": "rgb"}


def still(method: VDSR) -> VDSR:
    """The method with a network that changes nothing."""
    for p in method.module.parameters():
        nn.init.zeros_(p)
    return method


def ycbcr(image: Tensor) -> np.ndarray:
    """Y of 16 to 235, Cb and Cr by scikit-image, channels last."""
    return rgb2ycbcr(image.permute(0, 2, 3, 1).numpy())


def test_receptive_field_is_41_px() -> None:
    image = torch.zeros(1, 1, 61, 61, requires_grad=True)
    network = VDSRNet(width=8)
    for p in network.parameters():
        nn.init.constant_(p, 0.01)  # positive everywhere, so that no ReLU cuts the gradient
    (network(image + 1)[0, 0, 30, 30]).backward()
    assert image.grad[0, 0].nonzero().aminmax() == (10, 50)
    assert isinstance(network.body[-1], nn.Conv2d)  # a residual has both signs


@pytest.mark.parametrize("options", [TINY, RGB])
def test_without_a_residual_it_is_bicubic_three_times(options: dict) -> None:
    expected = lr = torch.rand(2, 3, 16, 16)
    for size in (32, 64, 128):
        expected = degrade.resize(expected, size).clamp(0, 1)
    assert_same(still(VDSR(options)).upscale(lr), expected)


def test_luma_which_is_bt601s_alone_changes() -> None:
    """Chroma stays that of bicubic interpolation, luma does not."""
    lr = 0.4 + 0.2 * torch.rand(2, 3, 16, 16)  # far from black and white, where clamping would change chroma
    torch.manual_seed(0)
    method = VDSR(TINY)
    method.module.body[-1].weight.data *= 0.05
    sr = method.upscale(lr)
    assert 0 < sr.min() < sr.max() < 1
    change = abs(ycbcr(sr) - ycbcr(still(VDSR(TINY)).upscale(lr)))
    # Chroma must be the bicubic one at every step, not only at the last.
    assert change[..., 1:].max() < 0.02
    assert change[..., 0].max() > 1
    np.testing.assert_allclose(VDSR(TINY).view(sr)[:, 0], (ycbcr(sr)[..., 0] - 16) / 219, rtol=0, atol=1e-5)
    assert_same(VDSR(RGB).view(sr), sr)


def test_loss_is_the_squared_error_of_image_plus_residual(batch: Batch) -> None:
    """A network that adds half of what bicubic interpolation lacks leaves half of the error."""

    class HalfWay(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return (degrade.resize(batch.hr, image.shape[-1]).clamp(0, 1) - image) / 2

    method, expected = VDSR(RGB), 0.0
    method.module = HalfWay()
    for size in (32, 64, 128):
        large, small = degrade.resize(batch.hr, size), degrade.resize(batch.hr, size // 2)
        error = degrade.resize(small.clamp(0, 1), size) - large.clamp(0, 1)
        expected += (error / 2).square().sum().item() / 2 / len(batch.hr)
    terms, _ = method.loss(replace(batch, lr=torch.rand_like(batch.lr)), 0)  # the aligned LR faces play no part
    assert terms["L_p"].item() == pytest.approx(expected, rel=1e-5)


def test_random_crops_cut_the_same_part_of_both_images() -> None:
    image = torch.arange(5.0 * 2 * 12 * 12).view(1, 5, 2, 12, 12)
    torch.manual_seed(0)
    squares = random_crops(torch.cat([image, image + 10_000]), 7)
    assert squares.shape == (2, 5, 2, 7, 7)
    assert_same(squares[1] - 10_000, squares[0])
    for whole, square in zip(image[0], squares[0], strict=True):
        y, x = divmod(int(square[0, 0, 0] - whole[0, 0, 0]), 12)
        assert_same(whole[:, y : y + 7, x : x + 7], square)
    corners = random_crops(torch.arange(9.0).view(1, 1, 1, 3, 3).expand(1, 200, 1, 3, 3), 2)[0, :, 0, 0, 0]
    assert {*corners.tolist()} == {0, 1, 3, 4}


@pytest.mark.slow
def test_learns_to_sharpen_edges(batch: Batch) -> None:
    """On patterns of black and white, a hundred steps halve the error of bicubic interpolation, on unseen ones too."""
    torch.manual_seed(0)
    pattern = (degrade.resize(torch.rand(8, 1, 12, 12), 128) > 0.5).float().expand(-1, 3, -1, -1)
    seen, unseen = (replace(batch, hr=hr) for hr in pattern.chunk(2))
    method, bicubic = VDSR({"depth": 4, "width": 16, "crop": 128}), still(VDSR(TINY))
    descend(*method.phases(Context(CPU)), seen, updates=100, lr=3e-3)
    assert method.loss(unseen, 0)[0]["L_p"].item() < bicubic.loss(unseen, 0)[0]["L_p"].item() / 2
