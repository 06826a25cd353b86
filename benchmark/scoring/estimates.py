"""How well a run locates components and turns faces upright: its heatmaps and STNs against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets import degrade
from datasets.components import COMPONENTS
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs

VISIBLE = 0.5  # a component counts as seen where its map passes half a kernel's peak
SIGMA = 1.5  # of the true maps at 64 px, so that runs trained on other kernels are measured alike


def score_estimates(path: Path, pairs: Pairs) -> dict[str, Any]:
    """Errors of the estimates in inspect.npz; {} where the method wrote none."""
    if not path.exists():
        return {}
    scores: dict[str, Any] = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            values = torch.from_numpy(arrays[name].astype(np.float32))
            if name.startswith("heatmaps"):
                scores |= heatmap_errors(values, pairs, upright=name == "heatmaps")
            else:
                scores[name] = warp_errors(values, torch.from_numpy(np.array(pairs.warp)))
    return scores


def heatmap_errors(maps: torch.Tensor, pairs: Pairs, upright: bool) -> dict[str, float]:
    """Distance of predicted and true component centres in pixels of the 128 px face, and visibility accuracy.

    maps: (N, 4, S, S). A centre is the mean of a map's values over half its peak, in the target as in the estimate;
    it is compared where the component is visible. A component is called visible where its map passes 0.5.
    """
    size = maps.shape[-1]
    points = torch.from_numpy(np.array(pairs.landmarks))
    if not upright:
        points = degrade.warp_points(points, torch.from_numpy(np.array(pairs.warp)))
    targets = heatmaps(points, torch.from_numpy(pairs.component), size, SIGMA * size / 64)
    seen = targets.amax((2, 3)) >= VISIBLE
    distance = (_centre(maps) - _centre(targets)).norm(dim=-1) * (128 / size)
    called = maps.amax((2, 3)) >= VISIBLE
    scores = {
        f"peak_px_{c}": float(distance[seen[:, i], i].mean()) for i, c in enumerate(COMPONENTS) if seen[:, i].any()
    }
    scores["peak_px"] = float(distance[seen].mean())
    scores["visibility_accuracy"] = float((called == seen).float().mean())
    return scores


def _centre(maps: torch.Tensor) -> torch.Tensor:
    weight = maps.clamp(min=0) * (maps >= 0.5 * maps.amax((2, 3), keepdim=True))
    axis = torch.arange(maps.shape[-1], dtype=maps.dtype)
    total = weight.sum((2, 3)).clamp(min=1e-12)
    return torch.stack([(weight.sum(2) * axis).sum(2) / total, (weight.sum(3) * axis).sum(2) / total], -1)


def warp_errors(estimate: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """Mean errors of warps (N, 4): rotation in degrees, shift in % of the box's side, scale in % of the true one."""
    turn = (estimate[:, 0] - truth[:, 0] + torch.pi).remainder(2 * torch.pi) - torch.pi
    shift = (estimate[:, 2:] - truth[:, 2:]).norm(dim=1) / 2  # the box is 2 wide
    scale = estimate[:, 1] / truth[:, 1] - 1
    return {
        "rotation_degrees": torch.rad2deg(turn.abs().double().mean()).item(),
        "shift_percent": 100 * shift.double().mean().item(),
        "scale_percent": 100 * scale.abs().double().mean().item(),
    }
