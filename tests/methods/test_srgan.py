"""SRGAN: its discriminator's layers, its phases and its content loss."""

import pytest
import torch
from torch import nn

from datasets.batch import Batch
from methods.interface import Context
from methods.srgan import TINY
from methods.srgan.method import SRGAN
from methods.srgan.model import SRGANDiscriminator
from tests.methods.common import CPU


def test_discriminator_is_the_originals() -> None:
    layers = list(SRGANDiscriminator().body)
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.stride[0] for m in convolutions] == [1, 2] * 4
    assert {m.negative_slope for m in layers if isinstance(m, nn.LeakyReLU)} == {0.2}
    dense = [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)]
    assert dense == [(512 * 8 * 8, 1024), (1024, 1)]


def test_two_phases_pixels_then_adversary(batch: Batch) -> None:
    method, context = SRGAN(TINY), Context(CPU)
    mse, gan = method.phases(context)
    assert "vgg" not in context.notes  # its content is pixels
    assert mse.module is gan.module is method.module
    assert (mse.critic, mse.optimiser.lr, mse.optimiser.schedule) == (None, 1e-4, "exponential")
    terms, sr = mse.loss(batch, 0)
    assert list(terms) == ["L_p"]
    assert terms["L_p"].item() == pytest.approx((sr - (2 * batch.hr - 1)).square().mean().item(), rel=1e-5)
    assert list(gan.loss(batch, 0)[0]) == ["L_p", "L_U"]


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
        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            return 2 * batch.hr - 1

    method.module = Knows()
    assert gan.loss(batch, 0)[0]["L_f"].item() == pytest.approx(0, abs=1e-7)
