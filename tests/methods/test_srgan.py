"""SRGAN: networks, phases and losses."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from methods.interface import Context
from methods.layers import count
from methods.srgan import TINY
from methods.srgan.method import SRGAN, critic_loss
from methods.srgan.model import SRGANDiscriminator, SRResNet

CPU = torch.device("cpu")


def test_generator_has_the_originals_parameters():
    """1.5 M at x4 (Ledig et al., table of SRResNet's depth); a third x2 step adds a convolution and a PReLU."""
    original = count(SRResNet(scale=4))
    assert 1_500_000 <= original < 1_600_000
    assert count(SRResNet(scale=8)) - original == 64 * 256 * 9 + 256 + 1


def test_generator_upsamples_by_pixel_shuffle():
    network = SRResNet(width=4, blocks=1)
    assert network(torch.rand(2, 3, 16, 16)).shape == (2, 3, 128, 128)
    assert sum(isinstance(m, nn.PixelShuffle) for m in network.modules()) == 3
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 2 * 1 + 1


def test_discriminator_is_the_originals():
    network = SRGANDiscriminator()
    convolutions = [m for m in network.body if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.stride[0] for m in convolutions] == [1, 2] * 4
    assert all(a.out_channels == b.in_channels for a, b in pairwise(convolutions))
    assert {m.negative_slope for m in network.body if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert [(m.in_features, m.out_features) for m in network.body if isinstance(m, nn.Linear)] == [
        (512 * 8 * 8, 1024),
        (1024, 1),
    ]
    assert network(torch.zeros(2, 3, 128, 128)).shape == (2,)


def test_two_phases_pixels_then_adversary():
    method = SRGAN(TINY)
    context = Context(device=CPU)
    mse, gan = method.phases(context)
    assert "vgg" not in context.notes  # its content is pixels
    assert mse.module is gan.module is method.module
    assert mse.critic is None
    assert isinstance(gan.critic and gan.critic.module, SRGANDiscriminator)
    assert mse.optimiser.lr == gan.optimiser.lr == 1e-4


def test_pixel_loss_is_in_the_range_of_the_network(batch):
    method = SRGAN(TINY)
    mse, _ = method.phases(Context(device=CPU))
    terms, sr = mse.loss(batch, 0)
    assert list(terms) == ["L_p"]
    assert terms["L_p"].item() == pytest.approx((sr - (2 * batch.hr - 1)).square().mean().item(), rel=1e-5)


def test_adversarial_loss_is_minus_log_d(batch):
    method = SRGAN(TINY)
    _, gan = method.phases(Context(device=CPU))
    assert gan.critic is not None
    gan.critic.module.eval()  # batch statistics would differ between the calls
    terms, sr = gan.loss(batch, 0)
    d = torch.sigmoid(gan.critic.module(sr))
    assert set(terms) == {"L_p", "L_U"}
    assert terms["L_U"].item() == pytest.approx(1e-3 * -d.log().mean().item(), rel=1e-4)


def test_critic_loss_is_binary_cross_entropy():
    torch.manual_seed(0)
    critic = SRGANDiscriminator(2).eval()
    hr, sr = torch.rand(3, 3, 128, 128) * 2 - 1, torch.rand(3, 3, 128, 128) * 2 - 1
    d_hr, d_sr = torch.sigmoid(critic(hr)), torch.sigmoid(critic(sr))
    expected = -(d_hr.log() + (1 - d_sr).log()).mean()
    assert critic_loss(critic, hr, sr)["L_D"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_content_loss_compares_features_and_is_stated(batch):
    """The VGG term is zero for the HR face itself, positive otherwise; where its weights come from is noted."""
    method, context = SRGAN({**TINY, "content": "vgg"}), Context(device=CPU)
    _, gan = method.phases(context)
    assert "random" in context.notes["vgg"]
    terms, _ = gan.loss(batch, 0)
    assert set(terms) == {"L_f", "L_U"}
    assert terms["L_f"].item() > 0
    terms["L_f"].backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.module.parameters())

    class Knows(nn.Module):
        def forward(self, lr):
            return 2 * batch.hr - 1

    method.module = Knows()
    assert gan.loss(batch, 0)[0]["L_f"].item() == pytest.approx(0, abs=1e-7)


def test_the_second_phase_slows_down_half_way():
    _, gan = SRGAN({**TINY, "epochs_gan": 20}).phases(Context(device=CPU))
    assert gan.critic is not None
    for optimiser in (gan.optimiser, gan.critic.optimiser):
        assert (optimiser.schedule, optimiser.step_epochs, optimiser.step_factor) == ("step", 10, 0.1)


def test_upscale_maps_to_unit_range():
    """The network's -1 is black and 1 is white."""
    method = SRGAN(TINY)
    for value, expected in ((-1.0, 0.0), (0.0, 0.5), (1.0, 1.0), (3.0, 1.0)):
        last = method.module.tail[-1]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, value)
        assert torch.allclose(method.upscale(torch.rand(1, 3, 16, 16)), torch.full((1, 3, 128, 128), expected))
