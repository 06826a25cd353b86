"""HR to LR faces and back: resizing, resampling, warps and landmarks agree with independent code and each other."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import map_coordinates
from torch import Tensor

from datasets import degrade
from datasets.batch import to_float, to_uint8


def warps(n: int, seed: int = 0) -> Tensor:
    return degrade.sample_warps(n, torch.Generator().manual_seed(seed))


def picture(size: int, seed: int = 0, cells: int = 8) -> np.ndarray:
    noise = np.random.default_rng(seed).random((cells, cells, 3), np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR)


def tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def test_resampling_stays_in_full_precision_under_autocast() -> None:
    image, warp = tensor(picture(64)), warps(1)
    expected = degrade.resample(image, warp)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = degrade.resample(image, warp)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("size", "to"), [(16, 128), (128, 16), (128, 64), (48, 128)])
@pytest.mark.parametrize("cells", [4, 16])
def test_resize_is_pillows_bicubic(size: int, to: int, cells: int) -> None:
    pixels = (20 + picture(size, cells=cells) * 215).round().astype(np.uint8)
    expected = np.array(Image.fromarray(pixels).resize((to, to), Image.Resampling.BICUBIC))
    found = to_uint8(degrade.resize(to_float(torch.from_numpy(pixels[None])), to))[0].numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("size", "to"), [(16, 128), (128, 16)])
def test_resize_is_pillows_bicubic_where_it_overshoots(size: int, to: int) -> None:
    # Pillow rounds and clips between its two passes; not so with floating-point images.
    noise = np.random.default_rng(0).integers(0, 2, (size, size)).astype(np.float32)
    expected = np.array(Image.fromarray(noise).resize((to, to), Image.Resampling.BICUBIC))
    found = degrade.resize(torch.from_numpy(noise)[None, None], to)[0, 0].numpy()
    assert size > to or expected.max() > 1.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_resample_takes_each_pixel_from_where_the_warp_sends_it() -> None:
    image = picture(64)
    for warp in warps(5):
        rotation, scale, tx, ty = warp.tolist()
        # Independent: by scipy, in pixels, a pixel of black about the image.
        axis = (np.arange(64) + 0.5) / 32 - 1
        x, y = np.meshgrid(axis, axis)
        from_x = scale * (math.cos(rotation) * x - math.sin(rotation) * y) + tx
        from_y = scale * (math.sin(rotation) * x + math.cos(rotation) * y) + ty
        at = [(from_y + 1) * 32 - 0.5 + 1, (from_x + 1) * 32 - 0.5 + 1]
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        expected = np.stack([map_coordinates(padded[..., c], at, order=1, mode="constant") for c in range(3)], 2)
        found = degrade.resample(tensor(image), warp[None])[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(found, expected, atol=2e-4)
        exact = degrade.resample(tensor(image).double(), warp[None].double())[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(exact, expected, atol=1e-9)


def test_degrade_agrees_with_scipy_and_pillow() -> None:
    image = picture(128)
    y, x = np.mgrid[:128, :128]
    for warp in warps(5, 1):
        rotation, scale, tx, ty = warp.tolist()
        linear = scale * np.array([[math.cos(rotation), -math.sin(rotation)], [math.sin(rotation), math.cos(rotation)]])
        shift = 64 * (np.array([tx, ty]) + 1 - linear @ [1, 1]) + linear @ [0.5, 0.5] - 0.5  # from box to pixels
        from_x, from_y = np.linalg.solve(linear, np.stack([x.ravel(), y.ravel()]) - shift[:, None])
        at = np.stack([from_y, from_x]).reshape(2, 128, 128) + 1  # a pixel of black about the image
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        turned = [map_coordinates(padded[..., c], at, np.float32, order=1) for c in range(3)]
        small = [np.array(Image.fromarray(c).resize((16, 16), Image.Resampling.BICUBIC)) for c in turned]
        expected = (np.stack(small, 2) * 255).round().clip(0, 255)
        found = to_uint8(degrade.degrade(tensor(image), warp[None]))[0].numpy()
        assert np.abs(found - expected).max() <= 1


def test_shrunk_face_leaves_black_corners() -> None:
    lr = degrade.degrade(torch.ones(1, 3, 128, 128), torch.tensor([[0.0, 0.8, 0.0, 0.0]]))
    assert lr[..., 0, :].max() == 0
    assert lr[..., 8, 8].min() == 1


def test_inverse_of_inverse_is_the_warp_and_their_product_the_identity() -> None:
    warp = warps(50)
    torch.testing.assert_close(degrade.inverse(degrade.inverse(warp)), warp, rtol=0, atol=1e-6)
    whole = torch.tensor([0.0, 0.0, 1.0]).expand(50, 1, 3)
    product = torch.cat([degrade.matrix(warp), whole], 1) @ torch.cat([degrade.matrix(degrade.inverse(warp)), whole], 1)
    torch.testing.assert_close(product, torch.eye(3).expand(50, 3, 3), rtol=0, atol=1e-6)


def test_align_undoes_degrade() -> None:
    hr = tensor(picture(128, cells=4))
    for warp in warps(5, 2):
        upright = degrade.align(degrade.degrade(hr, warp[None]), warp[None])
        small = degrade.resize(hr, 16)
        middle = (upright - small)[..., 4:12, 4:12].abs().mean()
        unaligned = (degrade.degrade(hr, warp[None]) - small)[..., 4:12, 4:12].abs().mean()
        assert middle < 0.02
        assert middle < unaligned / 2


def test_landmark_goes_where_a_bright_dot_goes() -> None:
    warp = warps(8, 3)
    points = torch.tensor([[[40.0, 50.0], [90.0, 70.0]]]).expand(8, 2, 2)
    moved = degrade.warp_points(points, warp)
    small = degrade.warp_points((points + 0.5) / 8 - 0.5, warp, 16)
    torch.testing.assert_close(small, (moved + 0.5) / 8 - 0.5, rtol=0, atol=1e-5)
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    for i in range(2):
        dot = torch.exp(-((x - points[0, i, 0]) ** 2 + (y - points[0, i, 1]) ** 2) / (2 * 6**2))
        lr = degrade.degrade(dot.expand(8, 3, 128, 128), warp)[:, 0]
        ys, xs = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
        mass = lr.sum((1, 2))
        centre = torch.stack([(lr * xs).sum((1, 2)) / mass, (lr * ys).sum((1, 2)) / mass], 1)
        torch.testing.assert_close(centre, small[:, i], rtol=0, atol=0.05)


def test_warps_fill_the_protocols_ranges() -> None:
    warp = warps(20000, 4)
    low = torch.tensor([-math.pi / 4, 0.8, -0.1, -0.1])
    high = torch.tensor([math.pi / 4, 1.0, 0.1, 0.1])
    assert (warp >= low).all()
    assert (warp <= high).all()
    torch.testing.assert_close((warp.mean(0) - low) / (high - low), torch.full((4,), 0.5), rtol=0, atol=0.01)
    torch.testing.assert_close(warp.std(0) / (high - low), torch.full((4,), 12**-0.5), rtol=0, atol=0.01)
    assert (torch.corrcoef(warp.T) - torch.eye(4)).abs().max() < 0.03
    torch.testing.assert_close(warps(5, 4), warps(5, 4), rtol=0, atol=0)
    # 5 % of the box: 6.4 of 128 pixels.
    centre = degrade.warp_points(torch.full((1, 1, 2), 63.5), torch.tensor([[0.0, 1.0, 0.1, -0.1]]))
    torch.testing.assert_close(centre, torch.tensor([[[69.9, 57.1]]]))


def test_quantised_values_are_levels() -> None:
    found = degrade.quantise(torch.tensor([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 1.2]))
    torch.testing.assert_close(found * 255, torch.tensor([0.0, 0, 0, 1, 254, 255]))
