"""Facial component heatmaps: one map a component, a Gaussian at each of its visible landmarks (paper, section 3.1)."""

import torch
from torch import Tensor

from datasets.components import COMPONENTS, candidates

SIGMA = 1.5  # of the targets' kernels, in pixels of a 64 px map, wherever no option says otherwise


def kernels(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Make the Gaussian of each landmark along x and along y, (B, n, 2, size) in (0, 1]; a map is their product.

    Args:
        landmarks: (B, n, 2) pixels of the 128 px crop.
        sigma: standard deviation in pixels of the map, whose side is `size`.
    """
    centre = (landmarks + 0.5) * (size / 128) - 0.5
    axis = torch.arange(size, dtype=landmarks.dtype, device=landmarks.device)
    return torch.exp(-((axis - centre[..., None]) ** 2) / (2 * sigma**2))


def heatmaps(landmarks: Tensor, component: Tensor, size: int, sigma: float) -> Tensor:
    """Make ground-truth heatmaps (B, 4, size, size) in [0, 1].

    A map is the maximum over its component's kernels, so that it peaks at 1 whatever the number of landmarks; without
    a visible landmark it is zero.

    Args:
        landmarks: (B, 68, 2) pixels of the 128 px crop.
        component: (B, 68), -1 where a landmark is absent or hidden.
        sigma: standard deviation of a kernel, in pixels of this map; SIGMA * size / 64 is the usual one.
    """
    kernel = kernels(torch.nan_to_num(landmarks), size, sigma)
    maps = []
    for c, name in enumerate(COMPONENTS):
        near = torch.cat([kernel[:, places] for places in candidates(name)], 1)
        chosen = torch.cat([component[:, places] == c for places in candidates(name)], 1)
        y, x = near[:, :, 1] * chosen[..., None], near[:, :, 0]
        maps.append((y[..., None] * x[:, :, None]).amax(1))
    return torch.stack(maps, 1)
