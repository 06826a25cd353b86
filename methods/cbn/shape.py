"""The deformable face of CBN: a mean of 68 landmarks and its main modes, and masks drawn from landmarks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from datasets.components import COMPONENTS, POINTS, component_of
from datasets.face import BadInput

# The landmark that takes each one's place in a mirrored face (iBUG's order).
MIRROR = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
]  # fmt: skip


def groups() -> Tensor:
    """Which of the masks each landmark is drawn in: (5, 68), the components in their order, then the brows."""
    index = component_of(POINTS)
    return torch.from_numpy(np.stack([index == c for c in (*range(len(COMPONENTS)), -1)])).float()


def masks(points: Tensor, group: Tensor, size: int, sigma: float) -> Tensor:
    """Masks (B, G, size, size) in [0, 1) of the landmarks (B, n, 2), in pixels of the 128 px crop, in groups (G, n).

    Gaussians of `sigma` pixels of a 64 px map, added up and bent towards 1: smooth, so that a loss on the image reaches
    the landmarks, and a product of two thin matrices rather than a map for each landmark.
    """
    centre = (points + 0.5) * (size / 128) - 0.5
    axis = torch.arange(size, dtype=points.dtype, device=points.device)
    kernel = torch.exp(-((axis - centre[..., None]) ** 2) / (2 * (sigma * size / 64) ** 2))
    rows = group[None, :, None, :] * kernel[:, :, 1].transpose(1, 2)[:, None]
    return 1 - torch.exp(-(rows @ kernel[:, None, :, 0]))


class ShapeBasis(nn.Module):
    """Mean shape and principal modes, fitted once; a face is mean + sum of coefficients x modes.

    A mode is scaled by its standard deviation, so coefficients of a typical face are within a few units of 0.
    """

    mean: Tensor  # (68, 2), pixels of the 128 px crop
    modes: Tensor  # (K, 68, 2), pixels a standard deviation
    mirror: Tensor

    def __init__(self, n_modes: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(POINTS, 2))
        # A tensor, since indexing with a list copies it to the device at every step.
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)
        self.register_buffer("modes", torch.zeros(n_modes, POINTS, 2))

    def fit(self, landmarks: np.ndarray) -> None:
        """Fit to landmarks (N, 68, 2) and their mirror images, leaving out faces with fewer than 68 points (NaN).

        Raises:
            BadInput: if no face has 68.
        """
        shapes = landmarks[np.isfinite(landmarks).all((1, 2))].astype(np.float64)
        if not len(shapes):
            raise BadInput("cbn: no training face has 68 landmarks, its shape basis needs some; use another corpus")
        mirrored = shapes[:, MIRROR] * [-1, 1] + [127, 0]
        data = np.concatenate([shapes, mirrored]).reshape(-1, 2 * POINTS)
        variance, vectors = np.linalg.eigh(np.cov(data, rowvar=False, bias=True))
        largest = slice(None, -len(self.modes) - 1, -1)
        modes = vectors[:, largest] * np.sqrt(np.maximum(variance[largest], 0))
        modes *= np.sign(modes[np.abs(modes).argmax(0), range(modes.shape[1])])  # an eigenvector's sign is arbitrary
        self.mean.copy_(torch.from_numpy(data.mean(0).reshape(POINTS, 2)))
        self.modes.copy_(torch.from_numpy(modes.T.reshape(-1, POINTS, 2)))

    def in_order(self, landmarks: Tensor) -> Tensor:
        """Give mirrored faces (B, 68, 2) iBUG's order back: a batch mirrors positions only, so the jaw runs left."""
        mirrored = landmarks[:, 0, 0] > landmarks[:, 16, 0]
        return torch.where(mirrored[:, None, None], landmarks[:, self.mirror], landmarks)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Landmarks (B, 68, 2) in pixels of the 128 px crop, from coefficients (B, K)."""
        # Not a product of matrices, which half precision would blur.
        return self.mean + (coefficients[:, :, None, None] * self.modes).sum(1)
