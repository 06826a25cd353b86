"""DIC: landmark maps and groups, both branches, the attention's three settings, losses, phases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from datasets.batch import Batch, is_complete
from datasets.components import COMPONENTS, POINTS
from datasets.face import BadInput
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs
from methods.dic import DIC, TINY
from methods.dic.landmarks import GROUPS, components, grouped, in_order, landmark_maps, true_groups
from methods.dic.method import landmark_loss, pixel_loss, with_68_points
from methods.dic.model import DICNet
from methods.dic.recovery import Fusion
from methods.interface import Context
from methods.layers import count

CPU = torch.device("cpu")
SMALL = TINY | {"width": 0.1}
PROFILE = 3  # the row of `batch` whose face has 39 points


def made(heatmaps: str, **options: object) -> DIC:
    torch.manual_seed(0)
    method = DIC(SMALL | {"heatmaps": heatmaps} | options)
    method.module.eval()
    return method


def weights(i: int, o: int, kernel: int, groups: int = 1) -> int:
    """Weights and biases of a convolution."""
    return kernel**2 * i * o // groups + o


def residual(i: int, o: int) -> int:
    skip = weights(i, o, 1) if i != o else 0
    return weights(i, o // 2, 1) + weights(o // 2, o // 2, 3) + weights(o // 2, o, 1) + skip


def test_parameter_counts_are_the_originals() -> None:
    """The layers of the authors' code: 48 channels, 6 groups, 7 fusion blocks, hourglass of 256; a PReLU has one."""
    network, f = DICNet(1.0, 4, 6, 7), 48
    pairs = 6 * 2 * (weights(f, f, 12) + 1)
    transitions = sum(2 * (weights(k * f, f, 1) + 1) for k in range(2, 7))
    feedback = pairs + transitions + weights(6 * f, f, 1) + 1
    fusion = weights(f, 5 * f, 1) + 7 * 2 * weights(5 * f, 5 * f, 3, groups=5)
    blocks = 2 * feedback + weights(f, f, 1) + 1 + weights(2 * f, f, 1) + 1 + fusion
    ends = weights(3, 4 * f, 3) + 1 + weights(f, f, 8) + 1 + weights(f, 3, 3)
    assert count(network.recovery) == blocks + ends == 9_804_677
    stem = weights(3, 64, 7) + residual(64, 128) + residual(128, 128) + residual(128, 256)
    head = residual(256, 256) + weights(256, 256, 1) + weights(256, 68, 1)
    alignment = stem + weights(512, 512, 1) + 13 * residual(512, 512) + head
    assert network.alignment is not None
    assert count(network.alignment) == alignment == 11_999_172
    assert count(network) == 21_803_849


def test_every_step_gives_a_face_and_maps() -> None:
    torch.manual_seed(0)
    images, maps = DICNet(0.05, 3, 2, 1)(torch.rand(2, 3, 16, 16))
    assert [tuple(image.shape) for image in images] == [(2, 3, 128, 128)] * 3
    assert [tuple(found.shape) for found in maps] == [(2, POINTS, 32, 32)] * 3


def test_without_a_residual_the_faces_are_bilinear() -> None:
    network, lr = DICNet(0.05, 2, 2, 1), torch.rand(2, 3, 16, 16)
    nn.init.zeros_(network.recovery.residual[1].weight)
    for image in network(lr)[0]:
        assert torch.equal(image, nn.functional.interpolate(lr, scale_factor=8, mode="bilinear"))


def test_each_landmark_belongs_to_one_group_and_profiles_show_one_eye() -> None:
    for points in (68, 39):
        assert len(GROUPS[points]) == 5
        members = [set(range(first, end)) for first, end in GROUPS[points]]
        assert set.union(*members) == set(range(points))
        assert sum(map(len, members)) == points + (5 if points == 39 else 0)


def test_maps_peak_at_the_landmarks(batch: Batch) -> None:
    """Against the datasets' own heatmaps: the maximum over a component's landmarks."""
    maps = landmark_maps(batch.landmarks, 2.0)
    expected = heatmaps(batch.landmarks, batch.component, 32, 1.0)
    assert torch.allclose(components(maps)[:PROFILE], expected[:PROFILE], atol=1e-6)
    assert maps[PROFILE, 39:].abs().max() == 0
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


def test_a_mirrored_face_has_mirrored_maps(batch: Batch) -> None:
    mirrored = torch.stack([127 - batch.landmarks[..., 0], batch.landmarks[..., 1]], 2)
    for_frontal, seen = true_groups(batch.landmarks, 2.0), true_groups(mirrored, 2.0)
    swapped = seen.flip(3)[:, [1, 0, 2, 3, 4]]
    assert torch.allclose(swapped, for_frontal, atol=1e-5)
    assert torch.equal(in_order(batch.landmarks)[:PROFILE], batch.landmarks[:PROFILE])
    assert torch.equal(is_complete(batch.landmarks), torch.tensor([True, True, True, False]))


def test_a_profile_has_groups_too(batch: Batch) -> None:
    found = true_groups(batch.landmarks, 2.0)[PROFILE]
    assert found.isfinite().all()
    assert torch.equal(found[0], found[1])
    expected = heatmaps(batch.landmarks, batch.component, 32, 1.0)[PROFILE]
    for group, component in ((0, "eyes"), (2, "nose"), (3, "mouth")):
        places = expected[COMPONENTS.index(component)] > 0.9
        assert bool((found[group][places] > 0.9).all())


def test_attention_weighs_groups_by_their_maps() -> None:
    torch.manual_seed(0)
    fusion, x = Fusion(2, 1), torch.randn(1, 2, 4, 4)
    parts = fusion.blocks(fusion.split(x)).unflatten(1, (5, 2))
    assert torch.allclose(fusion(x, torch.zeros(1, 5, 4, 4)), parts.mean(1), atol=1e-6)
    sure = torch.zeros(1, 5, 4, 4)
    sure[:, 3] = 100.0
    assert torch.allclose(fusion(x, sure), parts[:, 3], atol=1e-6)


def test_the_settings_share_one_recovery_network() -> None:
    [size] = {count(made(heatmaps).module.recovery) for heatmaps in ("estimated", "true", "zero")}
    assert made("true").parameters_count() == made("zero").parameters_count() == size
    assert made("estimated").parameters_count() > size


def test_true_maps_change_the_output_and_empty_ones_do_not(batch: Batch) -> None:
    moved = replace(batch, landmarks=batch.landmarks + 20)
    true, zero = made("true"), made("zero")
    faces = [true.upscale(batch.lr, truth) for truth in (batch, moved, batch)]
    assert torch.equal(faces[0], faces[2])
    assert (faces[0] - faces[1]).abs().amax((1, 2, 3)).min() > 1e-5  # of each face, the profile too
    for method in (zero, made("estimated")):
        assert not method.requires_ground_truth
        assert torch.equal(method.upscale(batch.lr, batch), method.upscale(batch.lr, moved))
        assert torch.equal(method.upscale(batch.lr, batch), method.upscale(batch.lr))
    with torch.no_grad():
        handed = zero.module(batch.lr, torch.zeros(4, 5, 32, 32))[0][-1].clamp(0, 1)
    assert torch.equal(zero.upscale(batch.lr), handed)


def test_without_the_truth_it_is_refused(batch: Batch) -> None:
    method = made("true")
    assert method.requires_ground_truth
    for lr, truth in ((batch.lr, None), (batch.lr[:3], batch)):
        with pytest.raises(BadInput, match="dic: the true landmarks of these faces are not known"):
            method.upscale(lr, truth)


def test_losses_have_their_known_values() -> None:
    hr = torch.full((2, 3, 128, 128), 0.5)
    assert pixel_loss([hr + 0.1, hr - 0.2], hr).item() == pytest.approx(0.3)
    target, known = torch.zeros(2, 68, 32, 32), torch.tensor([True, False])
    maps = torch.stack([torch.full((68, 32, 32), 0.1), torch.full((68, 32, 32), 7.0)]).requires_grad_()
    error = landmark_loss([maps, 2 * maps], target, known)
    assert error.item() == pytest.approx(0.05)
    error.backward()
    assert maps.grad is not None
    assert maps.grad[0].abs().min() > 0
    assert maps.grad[1].abs().max() == 0
    assert landmark_loss([maps], target, known & False).item() == 0


def test_loss_sums_pixels_and_weighted_landmarks(batch: Batch) -> None:
    method = made("estimated", landmark_weight=0.5)
    images, maps = method.module(batch.lr)
    terms, sr = method.loss(batch, 0)
    assert sr is None
    assert terms["L_p"].item() == pytest.approx(sum((i - batch.hr).abs().mean().item() for i in images), rel=1e-5)
    target = landmark_maps(batch.landmarks[:PROFILE], 2.0)  # the profile does not count
    errors = [(found[:PROFILE] - target).square().mean().item() for found in maps]
    assert terms["L_landmarks"].item() == pytest.approx(0.5 * sum(errors), rel=1e-5)


@pytest.mark.parametrize("heatmaps", ["true", "zero"])
def test_without_alignment_branch_there_is_no_landmark_loss(heatmaps: str, batch: Batch) -> None:
    method, seen = made(heatmaps), list[Tensor]()
    [phase] = method.phases(Context(CPU))
    fusion = method.module.recovery.block.fusion
    assert fusion is not None
    fusion.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    assert set(phase.loss(batch, 0)[0]) == {"L_p"}
    expected = true_groups(batch.landmarks, 2.0)
    assert torch.equal(seen[0], expected if heatmaps == "true" else torch.zeros_like(expected))


def test_loss_reaches_every_parameter(batch: Batch) -> None:
    method = made("estimated")
    alone, both = method.phases(Context(CPU))
    assert (alone.module, both.module) == (method.module.alignment, method.module)
    torch.stack(list(both.loss(batch, 0)[0].values())).sum().backward()
    for name, parameter in method.module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_few_updates_lower_the_loss(batch: Batch) -> None:
    batch = Batch(batch.hr[:2], batch.lr[:2], batch.warp[:2], batch.landmarks[:2], batch.component[:2])
    for phase in made("estimated").phases(Context(CPU)):
        optimiser, losses = torch.optim.Adam(phase.module.parameters(), 4e-3), list[float]()
        for _ in range(6):
            optimiser.zero_grad()
            total = torch.stack(list(phase.loss(batch, 0)[0].values())).sum()
            total.backward()
            optimiser.step()
            losses.append(total.item())
        assert losses[-1] < 0.95 * losses[0], (phase.name, losses)


def test_alignment_learns_from_faces_with_68_landmarks(pairs: Pairs) -> None:
    alone, both = made("estimated").phases(Context(CPU))
    assert (alone.name, both.name, alone.validate, both.faces) == ("alignment", "collaboration", False, None)
    assert alone.faces is not None
    assert np.array_equal(alone.faces(pairs), np.arange(24) % 4 != 3)
    with pytest.raises(BadInput, match="no training face has 68 landmarks"):
        with_68_points(replace(pairs, faces=pd.DataFrame({"points": [39]})))
    assert len(made("estimated", epochs_alignment=0).phases(Context(CPU))) == 1


def test_inspection_gives_the_components_of_the_last_step(batch: Batch) -> None:
    method = made("estimated")
    found = method.upscale_and_inspect(batch.lr)[1]["heatmaps"]
    _, maps = method.module(batch.lr)
    assert torch.equal(found, components(maps[-1]))
    assert not torch.allclose(maps[0], maps[1])
    assert found.shape == (4, len(COMPONENTS), 32, 32)
    assert made("zero").upscale_and_inspect(batch.lr)[1] == {}


def test_float64_agrees_with_float32(batch: Batch) -> None:
    method = made("true")
    narrow = method.upscale(batch.lr, batch)
    wide = method.to("cpu", torch.float64).upscale(batch.lr.double(), batch)
    assert torch.allclose(wide.float(), narrow, atol=1e-4)
