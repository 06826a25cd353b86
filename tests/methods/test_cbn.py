"""CBN: shape basis, masks, gate, cascades and loss."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from datasets.batch import Batch
from datasets.components import MIRROR
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.cbn import CBN
from methods.cbn.method import landmark_error
from methods.cbn.model import BiNetwork, Cascades, Locator, branch, gated
from methods.cbn.shape import ShapeBasis, groups, masks
from methods.interface import Context
from methods.layers import count


def shapes(n: int, seed: int = 0) -> np.ndarray:
    """n faces of three degrees of freedom around a fixed one, (n, 68, 2) pixels."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(20, 108, (68, 2))
    mean[0], mean[16] = (20, 60), (108, 60)
    return mean + np.einsum("nk,kpd->npd", rng.normal(size=(n, 3)), rng.normal(size=(3, 68, 2)))


def fitted(n_modes: int = 6) -> ShapeBasis:
    basis = ShapeBasis(n_modes)
    basis.fit(shapes(30))
    return basis


def test_basis_reproduces_the_landmarks_it_was_fitted_on():
    data = shapes(30)
    basis = fitted(7)  # three directions, their mirror images and the one between the two means
    flat = basis.modes.reshape(7, -1).double()
    target = torch.from_numpy(data).reshape(30, -1) - basis.mean.reshape(-1).double()
    coefficients = torch.linalg.lstsq(flat.T, target.T).solution.T
    assert torch.allclose(basis(coefficients.float()).double(), torch.from_numpy(data), atol=1e-3)


def test_basis_modes_are_orthogonal_and_scaled_by_standard_deviation():
    basis = fitted(7)
    flat = basis.modes.reshape(7, -1).double()
    variances = torch.diagonal(flat @ flat.T)
    assert torch.allclose(flat @ flat.T, torch.diag(variances), atol=1e-3)
    data = shapes(30)
    data = np.concatenate([data, data[:, MIRROR] * [-1, 1] + [127, 0]]).reshape(60, -1)
    expected = np.linalg.svd(data - data.mean(0), compute_uv=False)[:7] ** 2 / 60
    assert np.allclose(variances.numpy(), expected, rtol=1e-4)


def test_basis_leaves_out_faces_with_fewer_points():
    data = shapes(30).astype(np.float32)
    profile = np.full((1, 68, 2), np.nan, np.float32)
    profile[:, :39] = 1000
    basis = ShapeBasis(4)
    basis.fit(np.concatenate([data, profile]))
    expected = ShapeBasis(4)
    expected.fit(data)
    assert torch.equal(basis.mean, expected.mean)
    assert torch.equal(basis.modes, expected.modes)


def test_basis_needs_a_face_with_68_points():
    with pytest.raises(BadInput, match="68 landmarks"):
        ShapeBasis(4).fit(np.full((3, 68, 2), np.nan))


def test_in_order_undoes_a_mirrored_batch_and_leaves_others():
    basis = fitted()
    straight = torch.from_numpy(shapes(2)).float()
    mirrored = straight * torch.tensor([-1.0, 1.0]) + torch.tensor([127.0, 0.0])
    assert torch.equal(basis.in_order(straight), straight)
    assert torch.equal(basis.in_order(mirrored), mirrored[:, MIRROR])


def test_every_landmark_belongs_to_one_mask():
    assert torch.equal(groups().sum(0), torch.ones(68))
    assert groups().sum(1).tolist() == [12, 9, 20, 17, 10]


@pytest.mark.parametrize("size", [32, 64, 128])
def test_masks_equal_a_loop_over_pixels(size: int):
    points = torch.tensor([[[40.0, 90.0], [60.5, 20.25], [100.0, 64.0]]], dtype=torch.float64)
    group = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    sigma = 2.0
    got = masks(points, group, size, sigma)
    expected = torch.zeros(1, 2, size, size, dtype=torch.float64)
    for g, members in enumerate([[0, 2], [1]]):
        for y in range(size):
            for x in range(size):
                # Pixel centres of the map, in pixels of the 128 px crop.
                u, v = (x + 0.5) * 128 / size - 0.5, (y + 0.5) * 128 / size - 0.5
                squares = [float((points[0, i, 0] - u) ** 2 + (points[0, i, 1] - v) ** 2) for i in members]
                expected[0, g, y, x] = 1 - np.exp(-sum(np.exp(-d / (2 * (2 * sigma) ** 2)) for d in squares))
    assert torch.allclose(got, expected, atol=1e-9)


def test_gate_mixes_the_branches():
    high, common = torch.full((1, 3, 2, 2), 5.0), torch.full((1, 3, 2, 2), -1.0)
    assert torch.equal(gated(torch.full((1, 1, 2, 2), 0.25), high, common), torch.full((1, 3, 2, 2), 0.5))


@pytest.mark.parametrize(("bias", "mask_matters"), [(-100.0, False), (100.0, True)])
def test_a_closed_gate_shuts_the_masks_out(bias: float, mask_matters: bool):
    """With s = 0 the result is the common branch's alone, which never sees the masks; with s = 1 the other's."""
    torch.manual_seed(0)
    network = BiNetwork(5, 6, 0.1)
    torch.nn.init.zeros_(network.gate[-1].weight)
    torch.nn.init.constant_(network.gate[-1].bias, bias)
    image, mask = torch.rand(1, 3, 32, 32), torch.rand(1, 5, 32, 32)
    alone = network.high(torch.cat([image, mask], 1)) if mask_matters else network.common(image)
    assert torch.allclose(network(image, mask), image + alone, atol=1e-6)
    assert torch.equal(network(image, mask), network(image, torch.zeros_like(mask))) != mask_matters


def conv3(*channels: int) -> int:
    return sum(9 * i * o + o for i, o in pairwise(channels))


def test_parameter_counts_at_full_width():
    common = conv3(3, 64, 64, 64, 64, 128, 128, 128, 128, 32, 32, 32, 3)
    assert count(branch(3, 5, 1.0)) == conv3(3, 64, 128, 32, 32, 3)
    assert count(branch(3, 12, 1.0)) == common == 685_443
    assert count(BiNetwork(5, 12, 1.0)) == 2 * common + 9 * 5 * 64 + conv3(14, 64, 64, 64, 1)
    trunk = conv3(3, 32, 32) + conv3(32, 64, 64) + conv3(64, 128, 128)
    head = (16 * 128 + 20) * 512 + 512 + 512 * 128 + 128 + 128 * 20 + 20
    assert count(Locator(20, 1.0)) == trunk + head


def test_cascades_double_three_times_and_start_at_the_mean_shape():
    torch.manual_seed(0)
    network = Cascades(4, 1.5, 6, 0.1)
    network.basis.fit(shapes(20))
    images, landmarks = network(torch.rand(2, 3, 16, 16))
    assert [tuple(i.shape) for i in images] == [(2, 3, 32, 32), (2, 3, 64, 64), (2, 3, 128, 128)]
    for estimate in landmarks:
        assert torch.equal(estimate, network.basis.mean.expand(2, -1, -1))


def test_landmark_error_counts_faces_with_all_points_only():
    target = torch.zeros(2, 68, 2)
    target[1, 39:] = torch.nan
    estimate = torch.full((2, 68, 2), 6.4, requires_grad=True)
    error = landmark_error(estimate, target)
    assert error.item() == pytest.approx(0.01)  # 6.4 px of a box that is 128 px and 2 wide
    error.backward()
    assert estimate.grad is not None
    assert estimate.grad[0].abs().min() > 0
    assert torch.equal(estimate.grad[1], torch.zeros(68, 2))
    assert landmark_error(estimate, target[1:].expand(2, -1, -1)).item() == 0


def test_loss_reaches_every_parameter(batch: Batch, tmp_path):
    torch.manual_seed(0)
    method = CBN({"width": 0.2, "modes": 4})
    method.module.basis.fit(shapes(20))
    for locator in method.module.locators:
        torch.nn.init.normal_(locator.head[-1].weight, std=0.1)  # zero at the start, which stops the gradient
    [phase] = method.phases(Context(torch.device("cpu"), workdir=tmp_path))
    assert phase.module is method.module
    terms, sr = phase.loss(batch, 0)
    assert sr is None
    assert set(terms) == {"L_p32", "L_p64", "L_p128", "L_landmarks"}
    torch.stack(list(terms.values())).sum().backward()
    for name, parameter in method.module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_fit_uses_no_landmark_of_the_validation_fold(tmp_path):
    data = shapes(12).astype(np.float32)
    data[8:] += 1000
    faces = pd.DataFrame({"points": 68, "yaw": 0.0, "validation": [0] * 8 + [1] * 4})
    images = np.zeros((12, 16, 16, 3), np.uint8)
    pairs = Pairs(images, images, np.zeros((12, 4), np.float32), data, np.ones((12, 68), bool), faces)
    method = CBN({"width": 0.1, "modes": 3})
    method.fit(pairs, Context(torch.device("cpu"), workdir=tmp_path, train=lambda *_: None))
    expected = ShapeBasis(3)
    expected.fit(data[:8])
    assert torch.equal(method.module.basis.mean, expected.mean)


def test_inspect_draws_the_components_over_the_upright_face():
    method = CBN({"width": 0.1, "modes": 3})
    method.module.basis.fit(shapes(20))
    maps = method.upscale_and_inspect(torch.rand(2, 3, 16, 16))[1]["heatmaps"]
    assert maps.shape == (2, 4, 64, 64)
    nose = method.module.basis.mean[30]
    x, y = ((nose + 0.5) / 2 - 0.5).round().long().tolist()
    assert maps[0, 1, y, x] > 0.5
