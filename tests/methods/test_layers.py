"""The shared blocks against known answers and PyTorch's own layers."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import degrade
from methods.layers import (
    AT_16,
    STN,
    Discriminator,
    DoublingConv2d,
    PlainDropout2d,
    Residual,
    locnet,
)
from tests.methods.common import assert_same, assert_same_layer

WARP = torch.tensor([[0.4, 0.9, 0.08, -0.05], [-0.7, 0.8, -0.1, 0.02]])


def fixed_stn(warp: Tensor, **options) -> STN:
    """An STN of 16 px that answers `warp` (4,) whatever it sees."""
    stn = STN(locnet(3, 16, AT_16), **options)
    with torch.no_grad():
        stn.locnet[-1].bias.copy_(warp)
    return stn


def test_stn_starts_as_the_identity() -> None:
    image = torch.rand(2, 3, 16, 16)
    turned, warp = STN(locnet(3, 16, AT_16))(image)
    torch.testing.assert_close(turned, image, rtol=0, atol=1e-5)
    assert warp.tolist() == [[0, 1, 0, 0]] * 2
    assert STN(locnet(3, 16, AT_16), rotation=1.0)(image)[1].tolist() == [[1, 1, 0, 0]] * 2


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("known", WARP)
def test_stn_undoes_a_warp_in_full_precision_exactly_as_the_oracle_does(known: Tensor, half: bool) -> None:
    image = torch.rand(2, 3, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        turned, warp = fixed_stn(known)(image)
    torch.testing.assert_close(warp, known.expand(2, 4), rtol=0, atol=1e-7)
    assert_same(turned, degrade.resample(image, warp))


@pytest.mark.parametrize("known", WARP)
def test_stn_in_corner_units_is_torch_align_corners(known: Tensor) -> None:
    image = torch.rand(1, 3, 16, 16)
    turned, warp = fixed_stn(known, align_corners=True)(image)
    rotation, scale, tx, ty = known.tolist()
    cos, sin = scale * math.cos(rotation), scale * math.sin(rotation)
    grid = F.affine_grid(torch.tensor([[[cos, -sin, tx], [sin, cos, ty]]]), [1, 3, 16, 16], align_corners=True)
    torch.testing.assert_close(turned, F.grid_sample(image, grid, align_corners=True), rtol=0, atol=1e-5)
    assert_same(turned, degrade.resample(image, warp))  # the warp is in box units


def test_residual_is_the_sum_of_its_published_layers() -> None:
    torch.manual_seed(0)
    block, x = Residual(4, 6), torch.randn(3, 4, 8, 8)
    norm1, _, conv3, norm2, _, conv1 = block.body
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_()
        y = F.batch_norm(x, None, None, norm1.weight, norm1.bias, training=True)
        y = F.conv2d(F.relu(y), conv3.weight, conv3.bias, padding=1)
        y = F.batch_norm(y, None, None, norm2.weight, norm2.bias, training=True)
        y = F.conv2d(F.relu(y), conv1.weight, conv1.bias)
        torch.testing.assert_close(block(x), y + F.conv2d(x, block.skip.weight, block.skip.bias))
    assert isinstance(Residual(4, 4).skip, nn.Identity)


def test_discriminator_gives_a_logit_a_face_and_scales_with_its_width() -> None:
    critic = Discriminator(width=2).eval()
    faces = torch.rand(3, 3, 128, 128)
    assert critic(faces).shape == (3,)
    torch.testing.assert_close(critic(faces[:1]), critic(faces)[:1])
    assert [m.out_channels for m in critic.modules() if isinstance(m, nn.Conv2d)] == [2, 4, 8, 6]


def test_plain_dropout_keeps_the_scale_in_training_and_lowers_it_in_evaluation() -> None:
    torch.manual_seed(0)
    dropout, x = PlainDropout2d(0.2), torch.ones(40, 50, 4, 4)
    dropped = dropout(x)
    assert set(dropped.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(dropped.amin((2, 3)), dropped.amax((2, 3)))  # whole channels
    assert dropped.mean().item() == pytest.approx(0.8, abs=0.03)
    torch.testing.assert_close(dropout.eval()(x), 0.8 * x)


@pytest.mark.parametrize("kernel", [3, 5])
def test_doubling_convolution_is_a_convolution_of_the_enlarged_image(kernel: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 4, kernel, padding=kernel // 2))
    assert_same_layer(DoublingConv2d(3, 4, kernel), plain, torch.randn(2, 3, 7, 7, requires_grad=True))
