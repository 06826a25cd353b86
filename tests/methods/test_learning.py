"""Networks learn: the loss reaches every parameter, and updates lower it; MTUN's heatmaps rise, its faces sharpen."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from datasets import align, degrade
from datasets.batch import Batch, DeviceFaces, to_float
from datasets.components import component_of
from datasets.pairs import Pairs
from datasets.portrait.drawing import draw
from methods.interface import Context
from tests.methods.common import CPU, assert_reached, descend, made, total
from tests.methods.test_mtun import make, phase_of


@pytest.mark.parametrize(
    ("name", "options", "frozen"),
    [
        ("cbn", {"width": 0.2, "depth": 6}, False),
        ("dic", {"width": 0.1}, False),
        ("mtun", {"stacks": 4, "random_vgg_width": 4}, True),  # biases before a normalisation
        ("sparnet", {}, False),
    ],
)
def test_the_loss_reaches_every_parameter(name: str, options: dict, frozen: bool, batch: Batch, pairs: Pairs) -> None:
    method = made(name, **options)
    method.fit(pairs, Context(CPU, train=lambda *_: None))
    phase = method.phases(Context(CPU))[-1]
    assert phase.module is method.module
    for parameter in phase.module.parameters():
        if parameter.ndim > 1 and not parameter.any():  # which stops the gradient at the start
            nn.init.normal_(parameter, std=0.01)
    terms, sr = phase.loss(batch, 0)
    total(terms).backward()
    assert_reached(phase.module, frozen)
    if phase.critic is not None:
        phase.critic.module.zero_grad()
        total(phase.critic.loss(batch, sr.detach())).backward()
        assert_reached(phase.critic.module)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "updates", "rate", "least"),
    [
        ("dic", {"width": 0.1}, 6, 4e-3, 0.95),
        ("sparnet", {}, 10, 3e-3, 0.9),
        ("mtun_trunk", {"autoencoder": False}, 60, 1e-3, 0.25),
    ],
)
def test_updates_lower_every_loss(
    name: str, options: dict, updates: int, rate: float, least: float, pairs: Pairs
) -> None:
    two = DeviceFaces(pairs, CPU).batch(torch.arange(2))
    for phase in made(name, **options).phases(Context(CPU)):
        first, *_, last = descend(phase, two, updates, rate)
        for term, loss in last.items():
            assert loss < least * first[term], (phase.name, term)
        assert phase.name != "trunk" or first.keys() == {"L_w", "L_64"}


def drawn_faces(n: int) -> Batch:
    """n upright drawn faces of as many people, in three poses, and their LR faces under random warps."""
    hr, landmarks = [], []
    for who in range(n):
        drawing = draw(who, 0, 0, yaw=20.0 * (who % 3 - 1))
        anchors, rows = align.anchor_points(drawing.landmarks)
        matrix = align.similarity(anchors, align.TEMPLATE[rows])
        hr.append(align.warp(drawing.image, matrix))
        landmarks.append(align.transform(matrix, drawing.landmarks))
    faces, warp = to_float(torch.from_numpy(np.stack(hr))), degrade.sample_warps(n, torch.Generator().manual_seed(0))
    component = torch.from_numpy(component_of(68)).expand(n, 68)
    return Batch(faces, degrade.degrade(faces, warp), warp, torch.from_numpy(np.stack(landmarks)).float(), component)


@pytest.mark.slow
def test_narrow_network_learns_to_align_and_sharpen_four_faces_and_to_draw_their_heatmaps() -> None:
    faces, method, updates = drawn_faces(4), make(feature=False, adversarial=False, width=8, recipe="paper"), 150
    phase = phase_of(method)
    phase.module.train().to(memory_format=torch.channels_last)  # faster on the CPU
    optimiser = torch.optim.Adam([p for p in phase.module.parameters() if p.requires_grad], 6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, updates)
    for _ in range(updates):
        optimiser.zero_grad()
        total(phase.loss(faces, 0)[0]).backward()
        optimiser.step()
        schedule.step()
    # The statistics of the batch that the network learnt on, with its last weights.
    for norm in (m for m in phase.module.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        phase.module(faces.lr)
    sr, found = method.upscale_and_inspect(faces.lr)
    with_true_warps = degrade.resize(degrade.align(faces.lr, faces.warp), degrade.HR).clamp(0, 1)
    psnr, bicubic = (-10 * math.log10(F.mse_loss(images, faces.hr).item()) for images in (sr, with_true_warps))
    assert psnr >= bicubic + 2
    target = faces.heatmaps(64, 1.5)
    assert found["heatmaps"].amax((2, 3)).min() > 0.2
    # Better than nothing and better than the best constant.
    assert F.mse_loss(found["heatmaps"], target) < 0.8 * target.var((2, 3), correction=0).mean()
