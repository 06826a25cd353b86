"""VDSR: network, pairs, three steps of x2, luma."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from skimage.color import rgb2ycbcr
from torch import nn

from datasets import degrade
from methods.interface import Context
from methods.layers import count
from methods.vdsr.method import VDSR, random_crops
from methods.vdsr.model import VDSRNet

TINY = {"depth": 3, "width": 4, "crop": 128}


def still(method: VDSR) -> VDSR:
    """The method with a network that changes nothing."""
    for p in method.module.parameters():
        nn.init.zeros_(p)
    return method


def test_network_is_the_originals():
    network = VDSRNet()
    convolutions = [m for m in network.body if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 20
    assert {m.kernel_size for m in convolutions} == {(3, 3)}
    assert count(network) == 664_704  # the 665 K of the literature
    assert count(VDSRNet(3)) == 664_704 + 2 * 2 * 9 * 64
    assert isinstance(network.body[-1], nn.Conv2d)  # a residual has both signs


def test_receptive_field_is_41_px():
    image = torch.zeros(1, 1, 61, 61, requires_grad=True)
    network = VDSRNet(width=8)
    for p in network.parameters():
        nn.init.constant_(p, 0.01)  # positive everywhere, so that no ReLU cuts the gradient
    (network(image + 1)[0, 0, 30, 30]).backward()
    reached = image.grad[0, 0].nonzero()
    assert reached.min() == 10
    assert reached.max() == 50


def test_without_a_residual_it_is_bicubic_three_times():
    lr = torch.rand(2, 3, 16, 16)
    expected = lr
    for size in (32, 64, 128):
        expected = degrade.resize(expected, size).clamp(0, 1)
    for colour in ("y", "rgb"):
        assert torch.equal(still(VDSR({**TINY, "colour": colour})).upscale(lr), expected)


def test_luma_alone_changes():
    """Y, Cb and Cr by scikit-image: chroma stays that of bicubic interpolation, luma does not."""
    lr = 0.4 + 0.2 * torch.rand(2, 3, 16, 16)  # far from black and white, where clamping would change chroma
    torch.manual_seed(0)
    method = VDSR(TINY)
    method.module.body[-1].weight.data *= 0.05
    plain = still(VDSR(TINY)).upscale(lr)
    sr = method.upscale(lr)
    assert sr.min() > 0
    assert sr.max() < 1
    before, after = (rgb2ycbcr(x.permute(0, 2, 3, 1).numpy()) for x in (plain, sr))
    # Chroma must be the bicubic one at every step, not only at the last.
    assert abs(after[..., 1:] - before[..., 1:]).max() < 0.02
    assert abs(after[..., 0] - before[..., 0]).max() > 1


def test_luma_is_bt601s():
    """scikit-image gives luma the range 16 to 235."""
    image = torch.rand(2, 3, 8, 8)
    expected = (rgb2ycbcr(image.permute(0, 2, 3, 1).numpy())[..., 0] - 16) / 219
    assert abs(VDSR(TINY).view(image)[:, 0].numpy() - expected).max() < 1e-5
    rgb = VDSR({**TINY, "colour": "rgb"})
    assert torch.equal(rgb.view(image), image)


def test_loss_is_the_error_of_bicubic_where_nothing_is_added(batch):
    terms, sr = still(VDSR({**TINY, "colour": "rgb"})).loss(batch, 0)
    expected = 0.0
    for size in (32, 64, 128):
        large, small = degrade.resize(batch.hr, size), degrade.resize(batch.hr, size // 2)
        error = degrade.resize(small.clamp(0, 1), size) - large.clamp(0, 1)
        expected += error.square().sum().item() / 2 / len(batch.hr)
    assert sr is None
    assert terms["L_p"].item() == pytest.approx(expected, rel=1e-5)


def test_loss_is_zero_for_the_true_residual(batch):
    """The sum of input and residual is compared, at the right size: a network that knows the answer scores 0."""
    method = VDSR({**TINY, "colour": "rgb"})

    class Knows(nn.Module):
        def forward(self, image):
            return degrade.resize(batch.hr, image.shape[-1]).clamp(0, 1) - image

    method.module = Knows()
    assert method.loss(batch, 0)[0]["L_p"].item() == pytest.approx(0, abs=1e-6)


def test_the_aligned_lr_plays_no_part_in_training(batch):
    method = VDSR(TINY)
    before = method.loss(batch, 0)[0]["L_p"].item()
    batch = type(batch)(batch.hr, torch.rand_like(batch.lr), batch.warp, batch.landmarks, batch.component)
    assert method.loss(batch, 0)[0]["L_p"].item() == before


def test_random_crops_cut_the_same_part_of_both_images():
    image = torch.arange(5.0 * 2 * 12 * 12).view(1, 5, 2, 12, 12)
    torch.manual_seed(0)
    squares = random_crops(torch.cat([image, image + 10_000]), 7)
    assert squares.shape == (2, 5, 2, 7, 7)
    assert torch.equal(squares[1] - 10_000, squares[0])
    corners = set()
    for whole, square in zip(image[0], squares[0], strict=True):
        y, x = divmod(int(square[0, 0, 0] - whole[0, 0, 0]), 12)
        assert torch.equal(whole[:, y : y + 7, x : x + 7], square)
        corners.add((y, x))
    assert len(corners) > 1


def test_random_crops_reach_every_corner():
    image = torch.arange(9.0).view(1, 1, 1, 3, 3).expand(1, 200, 1, 3, 3)
    torch.manual_seed(0)
    assert set(random_crops(image, 2)[0, :, 0, 0, 0].int().tolist()) == {0, 1, 3, 4}


def test_recipe_is_the_originals():
    (phase,) = VDSR().phases(Context(device=torch.device("cpu")))
    o = phase.optimiser
    assert (phase.epochs, phase.batch_size) == (80, 64)
    assert (o.kind, o.lr, o.momentum, o.weight_decay) == ("sgd", 0.1, 0.9, 1e-4)
    assert (o.schedule, o.step_epochs, o.step_factor) == ("step", 20, 0.1)
    assert o.clip > 0


@pytest.mark.slow
def test_learns_to_sharpen_edges(batch):
    """On patterns of black and white, a hundred steps halve the error of bicubic interpolation, on unseen ones too."""
    torch.manual_seed(0)
    pattern = (degrade.resize(torch.rand(8, 1, 12, 12), 128) > 0.5).float().expand(-1, 3, -1, -1)
    seen, unseen = (dataclasses.replace(batch, hr=hr) for hr in pattern.chunk(2))
    method, bicubic = VDSR({"depth": 4, "width": 16, "crop": 128}), still(VDSR(TINY))
    (phase,) = method.phases(Context(device=torch.device("cpu")))
    optimiser = torch.optim.Adam(phase.module.parameters(), 3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        phase.loss(seen, 0)[0]["L_p"].backward()
        optimiser.step()
    assert method.loss(unseen, 0)[0]["L_p"].item() < bicubic.loss(unseen, 0)[0]["L_p"].item() / 2
