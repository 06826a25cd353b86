"""CBN: shape basis, masks, gate, cascades and loss."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from datasets.batch import Batch
from datasets.components import MIRROR
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.cbn import CBN, TINY
from methods.cbn.method import landmark_error
from methods.cbn.model import BiNetwork, Cascades
from methods.cbn.shape import ShapeBasis, groups, masks
from methods.interface import Context
from tests.methods.common import CPU, assert_same


def shapes(n: int) -> np.ndarray:
    """n faces of three degrees of freedom around a fixed one, (n, 68, 2) pixels."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(20, 108, (68, 2))
    mean[0], mean[16] = (20, 60), (108, 60)
    return mean + np.einsum("nk,kpd->npd", rng.normal(size=(n, 3)), rng.normal(size=(3, 68, 2)))


def basis_of(landmarks: np.ndarray, modes: int) -> ShapeBasis:
    basis = ShapeBasis(modes)
    basis.fit(landmarks)
    return basis


def test_basis_spans_its_landmarks_by_orthogonal_modes_scaled_by_standard_deviation() -> None:
    data = shapes(30)
    basis = basis_of(data, 7)  # three directions, their mirror images and the one between the two means
    target, flat = torch.from_numpy(data) - basis.mean, basis.modes.flatten(1).double()
    coefficients = torch.linalg.lstsq(flat.T, target.flatten(1).T).solution.T
    torch.testing.assert_close(basis(coefficients.float()).double(), torch.from_numpy(data), rtol=0, atol=1e-3)
    products = flat @ flat.T
    torch.testing.assert_close(products, products.diag().diag(), rtol=0, atol=1e-3)
    data = np.concatenate([data, data[:, MIRROR] * [-1, 1] + [127, 0]]).reshape(60, -1)
    expected = np.linalg.svd(data - data.mean(0), compute_uv=False)[:7] ** 2 / 60
    np.testing.assert_allclose(products.diag().numpy(), expected, rtol=1e-4)


def test_fit_leaves_out_faces_with_fewer_points_and_the_validation_fold(pairs: Pairs) -> None:
    data = shapes(24).astype(np.float32)
    data[3, 39:] = np.nan
    expected = basis_of(np.delete(data[:20], 3, 0), 3).state_dict()
    data[20:] += 1000
    method = CBN({"width": 0.1, "modes": 3})
    method.fit(replace(pairs, landmarks=data), Context(CPU, train=lambda *_: None))
    assert_same(method.module.basis.state_dict(), expected)
    with pytest.raises(BadInput, match="68 landmarks"):
        basis_of(data[3:4], 4)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_masks_equal_their_formula_at_every_pixel(size: int) -> None:
    points = np.array([[40.0, 90.0], [60.5, 20.25], [100.0, 64.0]])
    group, sigma = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64), 2.0
    # Pixel centres of the map, in pixels of the 128 px crop.
    v, u = (np.mgrid[:size, :size] + 0.5) * 128 / size - 0.5
    gaussians = [np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * (2 * sigma) ** 2)) for x, y in points]
    expected = np.stack([1 - np.exp(-gaussians[0] - gaussians[2]), 1 - np.exp(-gaussians[1])])
    found = masks(torch.from_numpy(points)[None], group, size, sigma)[0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("bias", "s"), [(-100.0, 0.0), (-math.log(3), 0.25), (100.0, 1.0)])
def test_the_gate_mixes_the_branch_without_masks_and_that_with_them(bias: float, s: float) -> None:
    torch.manual_seed(0)
    network = BiNetwork(5, 6, 0.1)
    nn.init.zeros_(network.gate[-1].weight)
    nn.init.constant_(network.gate[-1].bias, bias)
    image, mask = torch.rand(1, 3, 32, 32), torch.rand(1, 5, 32, 32)
    mixed = s * network.high(torch.cat([image, mask], 1)) + (1 - s) * network.common(image)
    torch.testing.assert_close(network(image, mask), image + mixed, rtol=0, atol=1e-6)
    assert torch.equal(network(image, mask), network(image, torch.zeros_like(mask))) == (s == 0)


def test_cascades_double_three_times_and_start_at_the_mean_shape() -> None:
    torch.manual_seed(0)
    network = Cascades(4, 1.5, 6, 0.1)
    network.basis.fit(shapes(20))
    images, landmarks = network(torch.rand(2, 3, 16, 16))
    assert [i.shape for i in images] == [(2, 3, 32, 32), (2, 3, 64, 64), (2, 3, 128, 128)]
    assert_same(landmarks, [network.basis.mean.expand(2, -1, -1)] * 3)


def test_landmark_error_counts_faces_with_all_points_only() -> None:
    target = torch.zeros(2, 68, 2)
    target[1, 39:] = torch.nan
    estimate = torch.full((2, 68, 2), 6.4, requires_grad=True)
    error = landmark_error(estimate, target)
    assert error.item() == pytest.approx(0.01)  # 6.4 px of a box that is 128 px and 2 wide
    error.backward()
    assert estimate.grad[0].abs().min() > 0
    assert not estimate.grad[1].any()
    assert landmark_error(estimate, target[1:].expand(2, -1, -1)).item() == 0


def test_loss_and_inspection_use_every_image_and_the_landmarks(batch: Batch) -> None:
    [phase] = CBN(TINY).phases(Context(CPU))
    assert set(phase.loss(batch, 0)[0]) == {"L_p32", "L_p64", "L_p128", "L_landmarks"}
    assert groups().sum(1).tolist() == [12, 9, 20, 17, 10]
    method = CBN({"width": 0.1, "modes": 3})
    method.module.basis.fit(shapes(20))
    maps = method.upscale_and_inspect(torch.rand(2, 3, 16, 16))[1]["heatmaps"]
    x, y = ((method.module.basis.mean[30] + 0.5) / 2 - 0.5).round().long()  # the tip of the nose
    assert maps[0, 1, y, x] > 0.5
