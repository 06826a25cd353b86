"""The deformable face of CBN: a mean of 68 landmarks and its main modes, and masks drawn from landmarks."""

import numpy as np
import torch
from torch import Tensor, nn

from datasets.components import COMPONENTS, MIRROR, POINTS, component_of
from datasets.face import BadInput
from datasets.heatmaps import kernels


def groups() -> Tensor:
    """Which of the masks each landmark is drawn in: (5, 68), the components in their order, then the brows."""
    index = component_of(POINTS)
    return torch.from_numpy(np.stack([index == c for c in (*range(len(COMPONENTS)), -1)])).float()


def masks(points: Tensor, group: Tensor, size: int, sigma: float) -> Tensor:
    """Masks (B, G, size, size) in [0, 1) of the landmarks (B, n, 2), in pixels of the 128 px crop, in groups (G, n).

    Gaussians of `sigma` pixels of a 64 px map, added up and bent towards 1: smooth, so that a loss on the image reaches
    the landmarks, and a product of two thin matrices rather than a map for each landmark.
    """
    kernel = kernels(points, size, sigma * size / 64)
    rows = group[None, :, None, :] * kernel[:, :, 1].transpose(1, 2)[:, None]
    return 1 - torch.exp(-(rows @ kernel[:, None, :, 0]))


class ShapeBasis(nn.Module):
    """Mean shape and principal modes, fitted once; a face is mean + sum of coefficients x modes.

    A mode is scaled by its standard deviation, so coefficients of a typical face are within a few units of 0.
    """

    mean: Tensor  # (68, 2), pixels of the 128 px crop
    modes: Tensor  # (K, 68, 2), pixels a standard deviation

    def __init__(self, n_modes: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(POINTS, 2))
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

    def forward(self, coefficients: Tensor) -> Tensor:
        """Landmarks (B, 68, 2) in pixels of the 128 px crop, from coefficients (B, K)."""
        # Not a product of matrices, which half precision would blur.
        return self.mean + (coefficients[:, :, None, None] * self.modes).sum(1)
