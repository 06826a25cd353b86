"""TDAE: layers, composed warps, frontal faces, and what each phase trains."""

import copy
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
from methods.layers import STN
from methods.tdae import TDAE
from methods.tdae.model import compose
from methods.trained import Phase
from tests.methods.common import CPU, assert_reached, assert_same, total

SMALL = {"width": 0.1, "critic_width": 2}


def stns(method: TDAE) -> list[STN]:
    """In the order in which they act."""
    return [*method.module.decoder.stns, method.module.encoder.stn_32, method.module.encoder.stn_16]


def made(**options: object) -> tuple[TDAE, list[Phase]]:
    """A small TDAE and its phases, its STNs' last layers not zero, which would stop gradients on their way."""
    torch.manual_seed(0)
    method = TDAE(SMALL | options)
    for stn in stns(method):
        nn.init.normal_(stn.locnet[-1].weight, std=0.01)
        # A narrow locnet may start with all its ReLUs closed.
        for layer in stn.locnet[:-1]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.constant_(layer.bias, 0.1)
    return method, method.phases(Context(CPU))


def test_composed_warp_acts_as_one_warp_after_the_other() -> None:
    warps = [degrade.sample_warps(5, torch.Generator().manual_seed(s)).double() for s in range(4)]
    points = moved = torch.rand(5, 7, 2, dtype=torch.float64)
    for warp in reversed(warps):  # a point goes through the last warp first
        moved = degrade.warp_points(moved, warp)
    torch.testing.assert_close(degrade.warp_points(points, compose(*warps)), moved, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "frontal_only"),
    [({}, [True] * 3), ({"retrain_decoder": True}, [True, True, False]), ({"frontal_only": False}, [False] * 3)],
)
def test_phases_see_the_faces_below_the_threshold_of_yaw_or_all(
    options: dict, frontal_only: list[bool], pairs: Pairs
) -> None:
    data = replace(pairs, faces=pd.DataFrame({"yaw": [0.0, -19.9, 20.0, 19.9, -20.0, 85.0, -60.0]}))
    _, phases = made(**options)
    assert [phase.faces is not None for phase in phases] == frontal_only
    for mask in (phase.faces(data) for phase in phases if phase.faces is not None):
        np.testing.assert_array_equal(mask, [True, True, False, True, False, False, False], strict=True)


@pytest.mark.parametrize("phase_index", [0, 1, 2])
def test_a_phase_trains_all_of_its_part_and_leaves_the_others_as_they_are(batch: Batch, phase_index: int) -> None:
    method, phases = made(adversarial=0.5)
    phase, parts = phases[phase_index], dict(method.module.train().named_children())
    before = copy.deepcopy({name: part.state_dict() for name, part in parts.items()})
    total(phase.loss(batch, 0)[0]).backward()
    assert_reached(phase.module, some_frozen=True)
    torch.optim.SGD(phase.module.parameters(), 0.1).step()
    own = parts.pop(phase.name)
    assert phase.module is own
    for name, part in parts.items():
        assert all(p.grad is None for p in part.parameters())
        assert_same(part.state_dict(), before[name])
        assert part.training
    changed = [k for k, v in own.state_dict().items() if not torch.equal(v, before[phase.name][k])]
    assert any("running_mean" in k for k in changed)


def test_decoders_have_critics_whose_weight_decays_to_half(batch: Batch) -> None:
    first, encoder, second = made(adversarial=0.02)[1]
    assert encoder.critic is None
    assert first.critic.module is not second.critic.module
    second.critic.module.eval()
    start, *later = (second.loss(batch, epoch)[0]["L_U"].item() for epoch in (0, 1, 10, 500))
    assert [loss / start for loss in later] == pytest.approx([0.99, 0.99**10, 0.5], rel=1e-4)
    _, phases = made(adversarial=0.0)
    assert [phase.critic for phase in phases] == [None] * 3
    assert set(phases[0].loss(batch, 0)[0]) == {"L_p"}


def test_noise_is_added_in_units_of_the_image_range_and_clipped(batch: Batch) -> None:
    method = TDAE(SMALL | {"noise": 0.1})
    torch.manual_seed(0)
    noisy = (method._noisy(replace(batch, lr=torch.full((64, 3, 16, 16), 0.5))) + 1) / 2
    assert (noisy - 0.5).std().item() == pytest.approx(0.1, rel=0.02)
    noisy = method._noisy(replace(batch, lr=torch.ones(64, 3, 16, 16)))
    assert noisy.max() == 1
    assert noisy.min() < 0.9


def test_inspect_reports_the_decoders_warp_and_that_of_all_stns() -> None:
    method = TDAE(SMALL)
    turns = [(0.1, 0.9), (0.2, 1.0), (0.05, 1.1), (-0.1, 1.0)]
    for stn, (rotation, scale) in zip(stns(method), turns, strict=True):
        stn.locnet[-1].bias.data.copy_(torch.tensor([rotation, scale, 0.0, 0.0]))
    seen = method.upscale_and_inspect(torch.rand(1, 3, 16, 16))[1]
    expected = {"warp_stn": torch.tensor([[0.3, 0.9, 0, 0]]), "warp_encoder": torch.tensor([[0.25, 0.99, 0, 0]])}
    torch.testing.assert_close(seen, expected, rtol=1e-5, atol=1e-6)
