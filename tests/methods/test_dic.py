"""DIC: landmark maps and groups, both branches, the attention's three settings, losses, phases."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from datasets.batch import Batch, in_order
from datasets.components import COMPONENTS, POINTS
from datasets.face import BadInput
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs
from methods.dic import DIC, TINY
from methods.dic.landmarks import GROUPS, components, grouped, landmark_maps, true_groups
from methods.dic.method import landmark_loss, with_68_points
from methods.dic.model import DICNet
from methods.dic.recovery import Fusion
from methods.interface import Context
from methods.layers import count
from tests.methods.common import CPU, assert_same, inputs_of

SMALL = TINY | {"width": 0.1}
PROFILE = 3  # the row of `batch` whose face has 39 points


def made(heatmaps: str, **options: object) -> DIC:
    torch.manual_seed(0)
    return DIC(SMALL | {"heatmaps": heatmaps} | options)


def test_every_step_gives_maps_and_a_face_that_is_bilinear_without_a_residual() -> None:
    [_] = {count(made(heatmaps).module.recovery) for heatmaps in ("estimated", "true", "zero")}  # one network in all
    network, lr = DICNet(0.05, 3, 2, 1), torch.rand(2, 3, 16, 16)
    nn.init.zeros_(network.recovery.residual[1].weight)
    images, maps = network(lr)
    assert_same(images, [nn.functional.interpolate(lr, scale_factor=8, mode="bilinear")] * 3)
    assert [found.shape for found in maps] == [(2, POINTS, 32, 32)] * 3


@pytest.mark.parametrize(("points", "shared"), [(68, 0), (39, 5)])
def test_each_landmark_belongs_to_one_group_and_profiles_show_one_eye(points: int, shared: int) -> None:
    members = [set(range(first, end)) for first, end in GROUPS[points]]
    assert len(members) == 5
    assert set.union(*members) == set(range(points))
    assert sum(map(len, members)) == points + shared


def test_maps_peak_at_the_landmarks(batch: Batch) -> None:
    """Against the datasets' own heatmaps: the maximum over a component's landmarks."""
    maps = landmark_maps(batch.landmarks, 2.0)
    expected = heatmaps(batch.landmarks, batch.component, 32, 1.0)
    torch.testing.assert_close(components(maps)[:PROFILE], expected[:PROFILE], rtol=1e-5, atol=1e-6)
    assert not maps[PROFILE, 39:].any()
    point = torch.full((1, 68, 2), 4 * 10 + 1.5)  # the centre of pixel 10 of 32
    assert landmark_maps(point, 2.0)[0, 0, 10, 10] == pytest.approx(1.0)
    assert landmark_maps(point, 2.0)[0, 0, 10, 12] == pytest.approx(np.exp(-2))


def test_groups_scale_each_map_to_1_but_no_faint_one() -> None:
    maps = torch.zeros(1, 68, 4, 4)
    maps[0, 30, 1, 1], maps[0, 31, 2, 2], maps[0, 36, 0, 0] = 0.25, 5.0, 0.01
    found = grouped(maps)
    assert found[0, 2, 1, 1] == found[0, 2, 2, 2] == 1
    assert found[0, 0, 0, 0] == pytest.approx(0.2)
    assert found.sum().item() == pytest.approx(2.2)


def test_a_mirrored_face_has_mirrored_maps_and_a_profile_both_eyes_in_one_place(batch: Batch) -> None:
    mirrored = torch.stack([127 - batch.landmarks[..., 0], batch.landmarks[..., 1]], 2)
    found = true_groups(batch.landmarks, 2.0)
    swapped = true_groups(mirrored, 2.0).flip(3)[:, [1, 0, 2, 3, 4]]
    torch.testing.assert_close(swapped, found, rtol=1e-5, atol=1e-5)
    assert_same(in_order(batch.landmarks)[:PROFILE], batch.landmarks[:PROFILE])
    assert_same(found[PROFILE, 0], found[PROFILE, 1])
    expected = heatmaps(batch.landmarks, batch.component, 32, 1.0)[PROFILE]
    for group, component in ((0, "eyes"), (2, "nose"), (3, "mouth")):
        assert (found[PROFILE, group][expected[COMPONENTS.index(component)] > 0.9] > 0.9).all()


def test_attention_weighs_groups_by_their_maps() -> None:
    torch.manual_seed(0)
    fusion, x = Fusion(2, 1), torch.randn(1, 2, 4, 4)
    parts = fusion.blocks(fusion.split(x)).unflatten(1, (5, 2))
    maps = torch.zeros(1, 5, 4, 4)
    torch.testing.assert_close(fusion(x, maps), parts.mean(1), rtol=1e-5, atol=1e-6)
    maps[:, 3] = 100.0
    torch.testing.assert_close(fusion(x, maps), parts[:, 3], rtol=1e-5, atol=1e-6)


def test_loss_sums_pixels_and_weighted_landmarks(batch: Batch) -> None:
    method = made("estimated", landmark_weight=0.5)
    images, maps = method.module(batch.lr)
    terms, _ = method.loss(batch, 0)
    assert terms["L_p"].item() == pytest.approx(sum((i - batch.hr).abs().mean().item() for i in images), rel=1e-5)
    target = landmark_maps(batch.landmarks[:PROFILE], 2.0)  # the profile does not count
    errors = [(found[:PROFILE] - target).square().mean().item() for found in maps]
    assert terms["L_landmarks"].item() == pytest.approx(0.5 * sum(errors), rel=1e-5)
    assert landmark_loss(maps, method.target(batch)[0], torch.zeros(4, dtype=torch.bool)).item() == 0


@pytest.mark.parametrize("heatmaps", ["true", "zero"])
def test_without_alignment_branch_there_is_no_landmark_loss(heatmaps: str, batch: Batch) -> None:
    method = made(heatmaps)
    [phase] = method.phases(Context(CPU))
    seen = inputs_of(method.module.recovery.block.fusion)
    assert set(phase.loss(batch, 0)[0]) == {"L_p"}
    expected = true_groups(batch.landmarks, 2.0)
    assert_same(seen[0][1], expected if heatmaps == "true" else torch.zeros_like(expected))


def test_alignment_learns_from_faces_with_68_landmarks(pairs: Pairs) -> None:
    method = made("estimated")
    alone, both = method.phases(Context(CPU))
    assert (alone.module, both.module) == (method.module.alignment, method.module)
    assert (alone.validate, both.faces) == (False, None)
    assert np.array_equal(alone.faces(pairs), np.arange(24) % 4 != 3)
    with pytest.raises(BadInput, match="no training face has 68 landmarks"):
        with_68_points(replace(pairs, faces=pd.DataFrame({"points": [39]})))
    assert len(made("estimated", epochs_alignment=0).phases(Context(CPU))) == 1


def test_inspection_gives_the_components_of_the_last_step(batch: Batch) -> None:
    method = made("estimated")
    _, maps = method.module(batch.lr)
    assert_same(method.upscale_and_inspect(batch.lr)[1]["heatmaps"], components(maps[-1]))
    assert not torch.allclose(maps[0], maps[1])
    assert made("zero").upscale_and_inspect(batch.lr)[1] == {}
