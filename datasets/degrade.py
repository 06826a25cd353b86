"""From an upright HR face to its unaligned LR face, and back by a known warp (rotation, scale, shift, bicubic).

A warp is (rotation in radians, scale, tx, ty). It takes a point p of the upright face to q = scale * R(rotation) p + t,
both in box coordinates: [-1, 1] spans the image from edge to edge, so one warp means the same at every resolution.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LR, HR = 16, 128
MAX_ROTATION = math.radians(45)
SCALES = (0.8, 1.0)
MAX_SHIFT = 0.1  # 5 % of a box that is 2 wide


def sample_warps(n: int, generator: torch.Generator) -> Tensor:
    """Draw n random warps (n, 4) float32 from the protocol's uniform ranges, on the generator's device."""
    return warps_from_unit(torch.rand(n, 4, generator=generator, device=generator.device))


def warps_from_unit(unit: Tensor) -> Tensor:
    """Map uniform numbers (n, 4) in [0, 1] to warps (n, 4)."""
    low = unit.new_tensor([-MAX_ROTATION, SCALES[0], -MAX_SHIFT, -MAX_SHIFT])
    high = unit.new_tensor([MAX_ROTATION, SCALES[1], MAX_SHIFT, MAX_SHIFT])
    return low + (high - low) * unit


def matrix(warp: Tensor) -> Tensor:
    """Return warps (B, 4) as matrices (B, 2, 3) from upright to LR-frame coordinates."""
    rotation, scale, tx, ty = warp.unbind(1)
    cos, sin = scale * torch.cos(rotation), scale * torch.sin(rotation)
    return torch.stack([torch.stack([cos, -sin, tx], 1), torch.stack([sin, cos, ty], 1)], 1)


def inverse(warp: Tensor) -> Tensor:
    """Return the parameters (B, 4) of the inverse warps."""
    rotation, scale, tx, ty = warp.unbind(1)
    cos, sin = torch.cos(rotation) / scale, torch.sin(rotation) / scale
    return torch.stack([-rotation, 1 / scale, -(cos * tx + sin * ty), sin * tx - cos * ty], 1)


def resample(image: Tensor, warp: Tensor) -> Tensor:
    """Sample `image` (B, C, H, W) at warp(p) for every output pixel p: bilinear, zero (black in [0, 1]) outside.

    In float32, under autocast too: half precision would blur the sampling coordinates by a pixel. A float64 image is
    sampled in float64.
    """
    kind = torch.promote_types(image.dtype, torch.float32)
    with torch.autocast(image.device.type, enabled=False):
        grid = F.affine_grid(matrix(warp.to(kind)), list(image.shape), align_corners=False)
        return F.grid_sample(image.to(kind), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def resize(image: Tensor, size: int) -> Tensor:
    """Bicubic resize to (B, C, size, size), a = -0.5, antialiased when it shrinks: MATLAB's and Pillow's kernel."""
    return F.interpolate(image, size=(size, size), mode="bicubic", antialias=True, align_corners=False)


def quantise(image: Tensor) -> Tensor:
    """Round an image in [0, 1] to the nearest of 256 levels, as saving it in 8 bits would."""
    return (image.clamp(0, 1) * 255).round() / 255


def degrade(hr: Tensor, warp: Tensor) -> Tensor:
    """Make unaligned LR faces (B, 3, 16, 16), 8-bit values in [0, 1], of HR faces (B, 3, 128, 128) in [0, 1]."""
    return quantise(resize(resample(hr, inverse(warp)), LR))


def align(lr: Tensor, warp: Tensor) -> Tensor:
    """Align LR faces (B, 3, 16, 16), given their warps (B, 4): true ones, or an STN's estimates."""
    return resample(lr, warp).clamp(0, 1)  # interpolation may pass 1 by a rounding error


def warp_points(points: Tensor, warp: Tensor, size: int = HR) -> Tensor:
    """Move landmarks (B, n, 2), in pixels of a size x size image, from the upright to the LR frame."""
    box = (points + 0.5) * (2 / size) - 1
    m = matrix(warp)
    moved = box @ m[:, :, :2].transpose(1, 2) + m[:, None, :, 2]
    return (moved + 1) * (size / 2) - 0.5


def wrapped(angle: Tensor) -> Tensor:
    """Bring angles in radians into [-pi, pi)."""
    return (angle + torch.pi).remainder(2 * torch.pi) - torch.pi
