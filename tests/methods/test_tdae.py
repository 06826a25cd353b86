"""TDAE: layers, composed warps, frontal faces, and what each phase trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from datasets import degrade
from datasets.batch import Batch
from datasets.pairs import Pairs
from methods.interface import Context
from methods.layers import count
from methods.tdae import TDAE
from methods.tdae.method import near_frontal
from methods.tdae.model import Decoder, Encoder, compose
from methods.trained import Phase

SMALL = {"width": 0.1, "critic_width": 2}


def pairs(yaw: list[float]) -> Pairs:
    n = len(yaw)
    images = np.zeros((n, 16, 16, 3), np.uint8)
    faces = pd.DataFrame({"points": 68, "yaw": yaw, "validation": 0})
    warp = np.zeros((n, 4), np.float32)
    return Pairs(images, images, warp, np.zeros((n, 68, 2), np.float32), np.ones((n, 68), bool), faces)


def context(tmp_path) -> Context:
    return Context(torch.device("cpu"), workdir=tmp_path)


def made(options: dict, tmp_path) -> tuple[TDAE, list[Phase]]:
    """A small TDAE and its phases, its STNs' last layers not zero, which would stop gradients on their way."""
    torch.manual_seed(0)
    method = TDAE({**SMALL, **options})
    for stn in [*method.module.decoder.stns, method.module.encoder.stn_32, method.module.encoder.stn_16]:
        nn.init.normal_(stn.locnet[-1].weight, std=0.01)
        # A narrow locnet may start with all its ReLUs closed.
        for layer in stn.locnet[:-1]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.constant_(layer.bias, 0.1)
    return method, method.phases(context(tmp_path))


def conv(i: int, o: int, k: int) -> int:
    return i * o * k * k + o


def block(i: int, o: int, k: int) -> int:
    return conv(i, o, k) + 2 * o


def locnet_32(i: int) -> int:
    return conv(i, 20, 5) + conv(20, 20, 5) + 80 * 20 + 20 + 20 * 4 + 4


def test_parameter_counts_of_the_authors_layers():
    tail = block(512, 256, 3) + block(256, 128, 5) + block(128, 64, 5) + conv(64, 3, 5)
    locnet_64 = conv(256, 128, 5) + conv(128, 20, 5) + conv(20, 20, 3) + 180 * 20 + 20 + 20 * 4 + 4
    first = conv(3, 64, 5) + conv(64, 128, 3) + block(128, 512, 3) + locnet_32(512) + tail + locnet_64
    assert count(Decoder(aligns=True)) == first
    assert count(Decoder(aligns=False)) == block(3, 512, 3) + tail
    encoder = block(3, 32, 5) + block(32, 64, 5) + block(64, 128, 3) + block(128, 256, 3) + conv(256, 3, 3)
    assert count(Encoder()) == encoder + locnet_32(128) + locnet_32(256)


def matrix3(warp: torch.Tensor) -> torch.Tensor:
    bottom = torch.tensor([0.0, 0.0, 1.0], dtype=warp.dtype).expand(len(warp), 1, 3)
    return torch.cat([degrade.matrix(warp), bottom], 1)


def test_composed_warp_is_the_product_of_the_matrices():
    warps = [degrade.sample_warps(5, torch.Generator().manual_seed(s)).double() for s in range(4)]
    expected = matrix3(warps[0]) @ matrix3(warps[1]) @ matrix3(warps[2]) @ matrix3(warps[3])
    assert torch.allclose(matrix3(compose(*warps)), expected, atol=1e-9)


def test_near_frontal_takes_exactly_the_faces_below_the_threshold():
    mask = near_frontal(pairs([0.0, -19.9, 20.0, 19.9, -20.0, 85.0, -60.0]), 20.0)
    assert mask.dtype == bool
    assert mask.tolist() == [True, True, False, True, False, False, False]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 1, 1]),
        ({"retrain_decoder": True}, [1, 1, 3]),
        ({"frontal_only": False}, [3, 3, 3]),
    ],
)
def test_which_faces_each_phase_sees(options: dict, expected: list[int], tmp_path):
    data = pairs([0.0, 45.0, -45.0])
    _, phases = made(options, tmp_path)
    assert [len(data) if p.faces is None else int(p.faces(data).sum()) for p in phases] == expected


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items()}


@pytest.mark.parametrize("phase_index", [0, 1, 2])
def test_a_phase_trains_all_of_its_part_and_leaves_the_others_as_they_are(batch: Batch, phase_index: int, tmp_path):
    method, phases = made({"adversarial": 0.5}, tmp_path)
    method.module.train()
    phase = phases[phase_index]
    parts = {"decoder", "encoder", "second_decoder"}
    before = {name: state(getattr(method.module, name)) for name in parts}
    terms, _ = phase.loss(batch, 0)
    torch.stack(list(terms.values())).sum().backward()
    for name, parameter in phase.module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
    torch.optim.SGD(phase.module.parameters(), 0.1).step()
    assert phase.module is getattr(method.module, phase.name)
    for name in parts - {phase.name}:
        module = getattr(method.module, name)
        assert all(p.grad is None for p in module.parameters())
        assert all(torch.equal(v, before[name][k]) for k, v in module.state_dict().items())
        assert module.training
    changed = [k for k, v in phase.module.state_dict().items() if not torch.equal(v, before[phase.name][k])]
    assert any("running_mean" in k for k in changed)


def test_critics_belong_to_the_decoders_and_see_both_kinds(batch: Batch, tmp_path):
    _, phases = made({}, tmp_path)
    assert [p.critic is not None for p in phases] == [True, False, True]
    first, _, second = phases
    assert first.critic.module is not second.critic.module
    _, sr = first.loss(batch, 0)
    assert sr is not None
    assert first.critic is not None
    first.critic.module.eval()
    terms = first.critic.loss(batch, sr.detach())
    for image, real, name in ((2 * batch.hr - 1, 1.0, "D_real"), (sr.detach(), 0.0, "D_fake")):
        p = torch.sigmoid(first.critic.module(image))
        expected = -torch.log(p if real else 1 - p).mean() / 2
        assert terms[name].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("epoch", "factor"), [(0, 1.0), (1, 0.99), (10, 0.99**10), (500, 0.5)])
def test_adversarial_weight_decays_to_half(batch: Batch, epoch: int, factor: float, tmp_path):
    _, phases = made({"adversarial": 0.02}, tmp_path)
    phase = phases[2]
    assert phase.critic is not None
    phase.critic.module.eval()
    terms, sr = phase.loss(batch, epoch)
    bce = -torch.log(torch.sigmoid(phase.critic.module(sr))).mean()
    assert terms["L_U"].item() == pytest.approx(0.02 * factor * bce.item(), rel=1e-4)


def test_without_adversarial_loss_there_is_no_critic(batch: Batch, tmp_path):
    _, phases = made({"adversarial": 0.0}, tmp_path)
    assert all(p.critic is None for p in phases)
    terms, _ = phases[0].loss(batch, 0)
    assert set(terms) == {"L_p"}


def test_noise_is_added_in_units_of_the_image_range_and_clipped(batch: Batch):
    method = TDAE({**SMALL, "noise": 0.1})
    torch.manual_seed(0)
    grey = replace(batch, lr=torch.full((64, 3, 16, 16), 0.5))
    noisy = (method._noisy(grey) + 1) / 2
    assert (noisy - 0.5).std().item() == pytest.approx(0.1, rel=0.02)
    noisy = method._noisy(replace(batch, lr=torch.ones(64, 3, 16, 16)))
    assert noisy.max() == 1
    assert noisy.min() < 0.9


def test_inspect_reports_the_decoders_warp_and_that_of_all_stns():
    method = TDAE(SMALL)
    turns = [(0.1, 0.9), (0.2, 1.0), (0.05, 1.1), (-0.1, 1.0)]
    stns = [*method.module.decoder.stns, method.module.encoder.stn_32, method.module.encoder.stn_16]
    for stn, (rotation, scale) in zip(stns, turns, strict=True):
        stn.locnet[-1].bias.data.copy_(torch.tensor([rotation, scale, 0.0, 0.0]))
    seen = method.upscale_and_inspect(torch.rand(2, 3, 16, 16))[1]
    assert torch.allclose(seen["warp_stn"], torch.tensor([0.3, 0.9, 0.0, 0.0]).expand(2, 4), atol=1e-6)
    assert torch.allclose(seen["warp_encoder"], torch.tensor([0.25, 0.99, 0.0, 0.0]).expand(2, 4), atol=1e-6)
