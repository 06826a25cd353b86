"""SRGAN: networks, phases and losses."""

import pytest
import torch
from torch import nn

from datasets.batch import Batch
from methods.interface import Context
from methods.layers import count
from methods.srgan import TINY
from methods.srgan.method import SRGAN, critic_loss
from methods.srgan.model import SRGANDiscriminator, SRResNet
from methods.trained import Phase
from tests.methods.common import CPU


def phases(**options: object) -> tuple[Phase, Phase]:
    mse, gan = SRGAN(TINY | options).phases(Context(CPU))
    return mse, gan


def test_generator_has_the_originals_parameters() -> None:
    """1.5 M at x4 (Ledig et al., table of SRResNet's depth); a third x2 step adds a convolution and a PReLU."""
    assert count(SRResNet(scale=4)) == 1_549_462
    assert count(SRResNet(scale=8)) == 1_549_462 + 64 * 256 * 9 + 256 + 1


def test_discriminator_is_the_originals() -> None:
    network = SRGANDiscriminator()
    convolutions = [m for m in network.body if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.stride[0] for m in convolutions] == [1, 2] * 4
    assert {m.negative_slope for m in network.body if isinstance(m, nn.LeakyReLU)} == {0.2}
    dense = [(m.in_features, m.out_features) for m in network.body if isinstance(m, nn.Linear)]
    assert dense == [(512 * 8 * 8, 1024), (1024, 1)]
    assert network(torch.zeros(2, 3, 128, 128)).shape == (2,)


def test_two_phases_pixels_then_adversary() -> None:
    method, context = SRGAN(TINY | {"epochs_gan": 20}), Context(CPU)
    mse, gan = method.phases(context)
    assert "vgg" not in context.notes  # its content is pixels
    assert mse.module is gan.module is method.module
    assert mse.critic is None
    assert isinstance(gan.critic.module, SRGANDiscriminator)
    assert mse.optimiser.lr == gan.optimiser.lr == 1e-4
    for o in (gan.optimiser, gan.critic.optimiser):  # the rate falls half way
        assert (o.schedule, o.step_epochs, o.step_factor) == ("step", 10, 0.1)


def test_pixel_loss_is_in_the_range_of_the_network(batch: Batch) -> None:
    terms, sr = phases()[0].loss(batch, 0)
    assert list(terms) == ["L_p"]
    assert terms["L_p"].item() == pytest.approx((sr - (2 * batch.hr - 1)).square().mean().item(), rel=1e-5)


def test_adversarial_loss_is_minus_log_d(batch: Batch) -> None:
    _, gan = phases()
    critic = gan.critic.module.eval()  # batch statistics would differ between the calls
    terms, sr = gan.loss(batch, 0)
    assert set(terms) == {"L_p", "L_U"}
    assert terms["L_U"].item() == pytest.approx(1e-3 * -critic(sr).sigmoid().log().mean().item(), rel=1e-4)


def test_critic_loss_is_binary_cross_entropy() -> None:
    torch.manual_seed(0)
    critic = SRGANDiscriminator(2).eval()
    hr, sr = torch.rand(2, 3, 3, 128, 128) * 2 - 1
    expected = -(critic(hr).sigmoid().log() + (1 - critic(sr).sigmoid()).log()).mean()
    assert critic_loss(critic, hr, sr)["L_D"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_content_loss_compares_features_and_is_stated(batch: Batch) -> None:
    """The VGG term is zero for the HR face itself, positive otherwise; where its weights come from is noted."""
    method, context = SRGAN(TINY | {"content": "vgg"}), Context(CPU)
    _, gan = method.phases(context)
    assert "random" in context.notes["vgg"]
    terms, _ = gan.loss(batch, 0)
    assert set(terms) == {"L_f", "L_U"}
    assert terms["L_f"].item() > 0
    terms["L_f"].backward()
    assert any(p.grad is not None and p.grad.any() for p in method.module.parameters())

    class Knows(nn.Module):
        def forward(self, lr):
            return 2 * batch.hr - 1

    method.module = Knows()
    assert gan.loss(batch, 0)[0]["L_f"].item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("value", "expected"), [(-1.0, 0.0), (0.0, 0.5), (1.0, 1.0), (3.0, 1.0)])
def test_upscale_maps_to_unit_range(value: float, expected: float) -> None:
    """The network's -1 is black and 1 is white."""
    method = SRGAN(TINY)
    nn.init.zeros_(method.module.tail[-1].weight)
    nn.init.constant_(method.module.tail[-1].bias, value)
    assert (method.upscale(torch.rand(1, 3, 16, 16)) == expected).all()
