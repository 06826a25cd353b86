"""Faces on a device, and the batches that a loss sees."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from datasets import degrade
from datasets.components import MIRROR
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs


def to_float(images: Tensor) -> Tensor:
    """Convert uint8 NHWC images to float32 (B, 3, H, W) in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).to(torch.float32) / 255


def to_uint8(images: Tensor) -> Tensor:
    """Convert float images (B, 3, H, W) in [0, 1] to uint8 NHWC, rounded."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@dataclass
class Batch:
    """What a loss sees. Images are float32 in [0, 1]; `lr` is aligned where the method asked for it."""

    hr: Tensor  # (B, 3, 128, 128), upright
    lr: Tensor  # (B, 3, 16, 16)
    warp: Tensor  # (B, 4), the true warp of the unaligned LR face
    landmarks: Tensor  # (B, 68, 2) pixels of the upright crop
    component: Tensor  # (B, 68), -1 where absent or hidden
    rows: Tensor | None = None  # (B,), the faces' places in their set
    mirror: Tensor | None = None  # (B,) bool, whether a face is mirrored

    def heatmaps(self, size: int, sigma: float, frame: str = "upright") -> Tensor:
        """Return target heatmaps (B, 4, size, size); frame "lr": over the unaligned LR face (Table 2, R16, R32)."""
        points = degrade.warp_points(self.landmarks, self.warp) if frame == "lr" else self.landmarks
        return heatmaps(points, self.component, size, sigma)

    def upright_lr(self) -> Tensor:
        """Return the LR faces (B, 3, 16, 16) that a perfect alignment would give, made from the upright HR faces."""
        return degrade.quantise(degrade.resize(self.hr, degrade.LR))


class DeviceFaces:
    """A set of pairs kept whole on a device as uint8; floats are made there, a batch at a time."""

    def __init__(self, pairs: Pairs, device: torch.device | str):
        self.hr, self.lr = (torch.from_numpy(np.array(a)).to(device) for a in (pairs.hr, pairs.lr))
        self.warp, self.landmarks = (torch.from_numpy(np.array(a)).to(device) for a in (pairs.warp, pairs.landmarks))
        self.component = torch.from_numpy(pairs.component).to(device)

    def __len__(self) -> int:
        return len(self.hr)

    def batch(self, rows: Tensor, warp: Tensor | None = None, flip: Tensor | None = None) -> Batch:
        """Return the faces `rows` (B,), a tensor on the device.

        Args:
            warp: (B, 4), makes new LR faces; None takes the stored LR faces.
            flip: (B,) bool, mirrors a face, its landmarks and its warp.
        """
        hr, landmarks = to_float(self.hr[rows]), self.landmarks[rows]
        mirror = torch.zeros(len(rows), dtype=torch.bool, device=hr.device) if flip is None else flip
        hr = torch.where(mirror[:, None, None, None], hr.flip(3), hr)
        sign = 1 - 2 * mirror.to(landmarks.dtype)
        x = torch.where(mirror[:, None], degrade.HR - 1 - landmarks[..., 0], landmarks[..., 0])
        landmarks = torch.stack([x, landmarks[..., 1]], 2)
        if warp is None:
            lr = to_float(self.lr[rows])
            lr = torch.where(mirror[:, None, None, None], lr.flip(3), lr)
            rotation, scale, tx, ty = self.warp[rows].unbind(1)
            warp = torch.stack([sign * rotation, scale, sign * tx, ty], 1)
        else:
            lr = degrade.degrade(hr, warp)
        return Batch(hr, lr, warp, landmarks, self.component[rows], rows, mirror)


def is_complete(landmarks: Tensor) -> Tensor:
    """Whether a face has all 68 landmarks: (B, 68, 2), NaN where one is absent, to (B,) bool."""
    return landmarks.isfinite().all(2).all(1)


@cache
def _mirror(device: torch.device) -> Tensor:
    return torch.tensor(MIRROR, device=device)  # made once: a copy from the processor's memory would stop a CUDA graph


def in_order(landmarks: Tensor) -> Tensor:
    """Give mirrored faces (B, 68, 2) iBUG's order back: a batch mirrors positions only, so the jaw runs left.

    Faces with fewer landmarks stay as they are.
    """
    mirrored = is_complete(landmarks) & (landmarks[:, 0, 0] > landmarks[:, 16, 0])
    return torch.where(mirrored[:, None, None], landmarks[:, _mirror(landmarks.device)], landmarks)
