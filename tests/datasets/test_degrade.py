"""HR to LR faces and back: resizing, resampling, warps and landmarks agree with independent code and each other."""

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


def picture(size: int, cells: int = 8) -> np.ndarray:
    noise = np.random.default_rng(0).random((cells, cells, 3), np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR)


def tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


@pytest.mark.parametrize(("size", "to"), [(16, 128), (128, 16), (128, 64), (48, 128)])
def test_resize_is_pillows_bicubic(size: int, to: int) -> None:
    pixels = (20 + picture(size, cells=16) * 215).round().astype(np.uint8)
    expected = np.array(Image.fromarray(pixels).resize((to, to), Image.Resampling.BICUBIC))
    found = to_uint8(degrade.resize(to_float(torch.from_numpy(pixels[None])), to))[0]
    np.testing.assert_allclose(found, expected.astype(int), rtol=0, atol=1)
    # Where it overshoots Pillow rounds and clips between its two passes; not so with floating-point images.
    noise = np.random.default_rng(0).integers(0, 2, (size, size)).astype(np.float32)
    expected = np.array(Image.fromarray(noise).resize((to, to), Image.Resampling.BICUBIC))
    assert size > to or expected.max() > 1.1
    np.testing.assert_allclose(degrade.resize(torch.from_numpy(noise)[None, None], to)[0, 0], expected, atol=1e-5)


def turned(image: np.ndarray, warp: Tensor) -> np.ndarray:
    """The image sampled at warp(p) for each pixel p, by scipy, a pixel of black about the image."""
    size = len(image)
    rotation, scale, tx, ty = warp.tolist()
    axis = (np.arange(size) + 0.5) / (size / 2) - 1
    x, y = np.meshgrid(axis, axis)
    from_x = scale * (math.cos(rotation) * x - math.sin(rotation) * y) + tx
    from_y = scale * (math.sin(rotation) * x + math.cos(rotation) * y) + ty
    at = [(from_y + 1) * (size / 2) + 0.5, (from_x + 1) * (size / 2) + 0.5]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    return np.stack([map_coordinates(padded[..., c], at, order=1, mode="constant") for c in range(3)], 2)


@pytest.mark.parametrize("warp", warps(5))
def test_resample_takes_each_pixel_from_where_the_warp_sends_it(warp: Tensor) -> None:
    image = picture(64)
    found = degrade.resample(tensor(image), warp[None])
    np.testing.assert_allclose(found[0].permute(1, 2, 0), turned(image, warp), atol=2e-4)
    exact = degrade.resample(tensor(image).double(), warp[None].double())[0].permute(1, 2, 0)
    np.testing.assert_allclose(exact, turned(image.astype(float), warp), atol=1e-9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(degrade.resample(tensor(image), warp[None]), found)


@pytest.mark.parametrize("warp", warps(5, 1))
def test_degrade_agrees_with_scipy_and_pillow(warp: Tensor) -> None:
    # The inverse by numpy: q = A p + t, so p = A^-1 (q - t).
    rotation, scale, *shift = warp.tolist()
    cos, sin = math.cos(rotation), math.sin(rotation)
    x, y = np.linalg.solve([[cos, -sin], [sin, cos]], shift)
    image = turned(picture(128), torch.tensor([-rotation, 1 / scale, -x / scale, -y / scale])).astype(np.float32)
    small = [Image.fromarray(colour).resize((16, 16), Image.Resampling.BICUBIC) for colour in image.transpose(2, 0, 1)]
    expected = (np.stack(small, 2) * 255).round().clip(0, 255)
    found = to_uint8(degrade.degrade(tensor(picture(128)), warp[None]))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1)


@pytest.mark.parametrize("warp", warps(5, 2))
def test_align_undoes_degrade(warp: Tensor) -> None:
    hr = tensor(picture(128, cells=4))
    lr, small = degrade.degrade(hr, warp[None]), degrade.resize(hr, 16)
    aligned, unaligned = (abs(faces - small)[..., 4:12, 4:12].mean() for faces in (degrade.align(lr, warp[None]), lr))
    assert aligned < min(0.02, unaligned / 2)


def test_a_landmark_goes_where_a_bright_dot_goes() -> None:
    warp, points = warps(8, 3), torch.tensor([[[40.0, 50.0], [90.0, 70.0]]]).expand(8, 2, 2)
    small = degrade.warp_points((points + 0.5) / 8 - 0.5, warp, 16)
    torch.testing.assert_close(small, (degrade.warp_points(points, warp) + 0.5) / 8 - 0.5, rtol=0, atol=1e-5)
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    ys, xs = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    for i in range(2):
        dot = torch.exp(-((x - points[0, i, 0]) ** 2 + (y - points[0, i, 1]) ** 2) / (2 * 6**2))
        lr = degrade.degrade(dot.expand(8, 3, 128, 128), warp)[:, 0]
        centre = torch.stack([(lr * xs).sum((1, 2)), (lr * ys).sum((1, 2))], 1) / lr.sum((1, 2))[:, None]
        torch.testing.assert_close(centre, small[:, i], rtol=0, atol=0.05)


def test_warps_fill_the_protocols_ranges() -> None:
    low, high = torch.tensor([-math.pi / 4, 0.8, -0.1, -0.1]), torch.tensor([math.pi / 4, 1.0, 0.1, 0.1])
    unit = (warps(20000, 4) - low) / (high - low)
    assert ((unit >= 0) & (unit <= 1)).all()
    np.testing.assert_allclose(unit.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(unit.std(0), 12**-0.5, rtol=0, atol=0.01)
    np.testing.assert_allclose(torch.corrcoef(unit.T), np.eye(4), atol=0.03)
    # 5 % of the box: 6.4 of 128 pixels.
    centre = degrade.warp_points(torch.full((1, 1, 2), 63.5), torch.tensor([[0.0, 1.0, 0.1, -0.1]]))
    torch.testing.assert_close(centre, torch.tensor([[[69.9, 57.1]]]))
