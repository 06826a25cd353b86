"""What the papers and the authors' code fix: sizes of networks, optimisers, losses of critics, the range of images."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from methods.cbn.model import BiNetwork, Locator, branch
from methods.dic.model import DICNet
from methods.interface import Context
from methods.layers import Discriminator, count
from methods.sparnet.model import SPARNetwork
from methods.srgan.model import SRResNet
from methods.tdae.model import Decoder, Encoder
from methods.trained import Critic, Phase
from methods.vdsr.model import VDSRNet
from tests.methods.common import CPU, made


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (partial(branch, 3, 5, 1.0), 122_659),  # CBN's released model
        (partial(branch, 3, 12, 1.0), 685_443),
        (partial(BiNetwork, 5, 12, 1.0), 1_456_327),
        (partial(Locator, 20, 1.0), 1_414_580),
        (lambda: DICNet(1.0, 4, 6, 7).recovery, 9_804_677),  # 48 channels, 6 groups, 7 fusion blocks
        (lambda: DICNet(1.0, 4, 6, 7).alignment, 11_999_172),  # an hourglass of 256
        (Discriminator, 6_859_425),
        (SPARNetwork, 10_518_867),  # 10.52 M in the authors' README
        (partial(SPARNetwork, 1.0, 1, "3d"), 5_242_211),  # 5.24 M, likewise
        (partial(SRResNet, scale=4), 1_549_462),  # 1.5 M at x4
        (SRResNet, 1_549_462 + 64 * 256 * 9 + 256 + 1),  # a third x2 step adds a convolution and a PReLU
        (partial(Decoder, aligns=True), 4_038_291),
        (partial(Decoder, aligns=False), 2_225_155),
        (Encoder, 646_083),
        (VDSRNet, 664_704),  # the 665 K of the literature
        (partial(VDSRNet, 3), 664_704 + 2 * 2 * 9 * 64),
    ],
)
def test_networks_have_the_published_numbers_of_parameters(make: Callable[[], nn.Module], parameters: int) -> None:
    assert count(make()) == parameters


AUTHORS = {"kind": "rmsprop", "alpha": 0.9, "eps": 1e-8, "floor": 1e-6, "warmup": ((50, 1 / 50), (50, 1 / 5))}


@pytest.mark.parametrize(
    ("name", "options", "phase", "optimiser"),
    [
        ("mtun", {"recipe": "authors"}, {"resample_degradation": False}, AUTHORS),
        ("mtun", {"recipe": "paper"}, {}, {"kind": "rmsprop", "lr": 1e-3, "decay": 0.99, "warmup": ()}),
        (
            "sparnet",
            {"batch_size": 32},
            {"critic": None},
            {
                "kind": "adam",
                "lr": 2e-4,
                "betas": (0.9, 0.99),
                "weight_decay": 0,
                "schedule": "exponential",
                "decay": 1,
            },
        ),
        ("sparnet", {"schedule": "cosine"}, {}, {"schedule": "cosine"}),
        ("srgan", {"epochs_gan": 20}, {}, {"kind": "adam", "lr": 1e-4, "schedule": "step", "step_epochs": 10}),
        ("tdae", {}, {}, AUTHORS | {"decay": 0.99}),
        (
            "vdsr",
            {"step_epochs": 20},
            {"resample_degradation": False},
            {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "schedule": "step", "clip": 0.4},
        ),
    ],
)
def test_recipes_are_the_originals(name: str, options: dict, phase: dict[str, Any], optimiser: dict[str, Any]) -> None:
    last = made(name, **options).phases(Context(CPU))[-1]
    assert {key: getattr(last, key) for key in phase} == phase
    for o in [last.optimiser] + ([last.critic.optimiser] if last.critic else []):
        assert {key: getattr(o, key) for key in optimiser} == optimiser


def critic_of(phase: Phase) -> Critic:
    assert phase.critic is not None
    return phase.critic


@pytest.mark.parametrize("name", ["mtun", "srgan", "tdae"])
def test_adversarial_losses_are_cross_entropies_of_faces_in_minus_one_to_one(name: str, batch) -> None:
    """Of the critic, in one term or in two; and of the generator, in L_U, whose weight may follow the epoch."""
    phase = made(name, **{"random_vgg_width": 4} if name == "mtun" else {}).phases(Context(CPU))[-1]
    critic = critic_of(phase).module.eval()
    terms, sr = phase.loss(batch, 0)
    assert sr is not None
    fooled, real = (critic(faces).sigmoid() for faces in (sr, 2 * batch.hr - 1))
    weight = {"mtun": 0.01, "srgan": 1e-3, "tdae": 0.01}[name]
    assert terms["L_U"].item() == pytest.approx(-weight * fooled.log().mean().item(), rel=1e-4)
    expected = -(real.log().mean() + (1 - fooled).log().mean()).item() / (2 if name == "tdae" else 1)
    assert sum(critic_of(phase).loss(batch, sr.detach()).values()).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("name", "last"), [("sparnet", "decoder"), ("srgan", "tail")])
@pytest.mark.parametrize(("value", "expected"), [(-3.0, 0.0), (-1.0, 0.0), (0.5, 0.75), (1.0, 1.0), (2.0, 1.0)])
def test_minus_one_is_black_and_one_is_white(name: str, last: str, value: float, expected: float) -> None:
    method = made(name)
    layer = getattr(method.module, last)[-1]
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, value)
    assert (method.upscale(torch.rand(1, 3, 16, 16)) == expected).all()
