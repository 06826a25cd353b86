"""Landmark maps: one a landmark, their five groups for the attention, and the four components for the scores."""

import torch
from torch import Tensor

from datasets.batch import in_order, is_complete
from datasets.components import COMPONENTS, candidates
from datasets.heatmaps import kernels

SIZE = 32  # px of a map
FLOOR = 0.05  # a map whose maximum is lower is not raised to 1 (authors' code, merge_heatmap_5)
# First landmark of each group and the one after its last: left eye, right eye, nose, mouth, outline with brows. Of
# faces with 39 points, Menpo's profiles, the one visible eye is in both eyes' groups.
GROUPS = {
    68: ((36, 42), (42, 48), (27, 36), (48, 68), (0, 27)),
    39: ((22, 27), (22, 27), (16, 22), (27, 39), (0, 16)),
}


def landmark_maps(landmarks: Tensor, sigma: float) -> Tensor:
    """Draw a Gaussian at each landmark: (B, 68, 2) pixels of the 128 px crop to (B, 68, 32, 32) in [0, 1].

    sigma: standard deviation in pixels of a 64 px map. A landmark that is absent, NaN, makes a map of zeros.
    """
    kernel = kernels(torch.nan_to_num(landmarks), SIZE, sigma * SIZE / 64)
    known = landmarks.isfinite().all(2)
    return kernel[:, :, 1, :, None] * kernel[:, :, 0, None, :] * known[..., None, None]


def grouped(maps: Tensor, points: int = 68) -> Tensor:
    """Scale each landmark's map to a maximum of 1 and sum them by group: (B, 68, S, S) to (B, 5, S, S)."""
    scaled = maps / maps.amax((2, 3), keepdim=True).clamp(min=FLOOR)
    return torch.stack([scaled[:, first:end].sum(1) for first, end in GROUPS[points]], 1)


def true_groups(landmarks: Tensor, sigma: float) -> Tensor:
    """The groups (B, 5, 32, 32) of a perfect alignment branch, from landmarks (B, 68, 2) of 68 or 39 points."""
    maps = landmark_maps(in_order(landmarks), sigma)
    complete = is_complete(landmarks)[:, None, None, None]
    return torch.where(complete, grouped(maps, 68), grouped(maps, 39))


def components(maps: Tensor) -> Tensor:
    """Maximum over each component's landmarks: (B, 68, S, S) to (B, 4, S, S), in the order of COMPONENTS."""
    return torch.stack([maps[:, candidates(name)[0]].amax(1) for name in COMPONENTS], 1)
