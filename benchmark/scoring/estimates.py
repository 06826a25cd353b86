"""How well a run locates components and turns faces upright: its heatmaps and STNs against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor

from datasets import degrade
from datasets.components import COMPONENTS
from datasets.heatmaps import SIGMA, heatmaps
from datasets.pairs import Pairs

VISIBLE = 0.5  # a component is visible where its true map passes half a kernel's peak


def estimates(path: Path) -> dict[str, Tensor]:
    """What a run estimated beside its images (see Method.inspect), float32, from its file; {} where it wrote none."""
    if not path.is_file():
        return {}
    return {name: values.float() for name, values in load_file(path).items()}


def score_estimates(found: dict[str, Tensor], pairs: Pairs, sigma: float = SIGMA) -> dict[str, Any]:
    """Rounded errors of a run's estimates; {} where the method wrote none. sigma: of the maps that it learnt from."""
    scores: dict[str, Any] = {}
    for name, values in found.items():
        if name.startswith("heatmaps"):
            scores |= heatmap_errors(values, pairs, name == "heatmaps", sigma)
        else:
            scores[name] = warp_errors(values, torch.from_numpy(np.array(pairs.warp)))
    return rounded(scores)


def rounded(errors: dict[str, Any]) -> dict[str, Any]:
    """Errors to 0.01 px, degrees or percent, shares to 0.001, so that other machines' last bits do not show."""
    return {
        name: rounded(value) if isinstance(value, dict) else round(value, 3 if name.startswith("visib") else 2)
        for name, value in errors.items()
    }


def error_rows(found: dict[str, Tensor], pairs: Pairs, sigma: float = SIGMA) -> pd.DataFrame:
    """Errors of a run's estimates, a row a face: columns rotation_degrees, shift_percent, scale_percent, peak_px.

    The warp is the method's `warp_stn`, else its first; peak_px is the mean over visible components. A method without
    warps or heatmaps lacks their columns; the table is empty without both.
    """
    warps = [name for name in found if name.startswith("warp")]
    maps = [name for name in found if name.startswith("heatmaps")]
    columns: dict[str, Tensor] = {}
    if warps:
        warp = found["warp_stn" if "warp_stn" in warps else warps[0]]
        columns = _warp_errors(warp, torch.from_numpy(np.array(pairs.warp)))
    if maps:
        distance, seen, _ = _distances(found[maps[0]], pairs, maps[0] == "heatmaps", sigma)
        columns["peak_px"] = (distance * seen).sum(1) / seen.sum(1)  # NaN where nothing is visible
    return pd.DataFrame({name: values.double().numpy() for name, values in columns.items()}).round(3)


def heatmap_errors(maps: Tensor, pairs: Pairs, upright: bool, sigma: float = SIGMA) -> dict[str, float]:
    """Distance of predicted and true component centres in pixels of the 128 px face, and visibility accuracy.

    maps: (N, 4, S, S). sigma: of the true maps, in pixels of a 64 px map. A centre is the mean of a map's values over
    half its peak, in the target as in the estimate; it is compared where the component is visible.
    A component is called visible where its map's sum reaches half of the true map's (of a hidden one, half of what true
    maps sum to on average). The sum and not the peak: of a component that is surely there, but not where, least squares
    make a wide, flat map of the right sum. visible_share, of the truth, is what calling all of them visible reaches.
    """
    distance, seen, targets = _distances(maps, pairs, upright, sigma)
    total = targets.sum((2, 3))
    average = (total * seen).sum(0) / seen.sum(0).clamp(min=1)
    called = maps.sum((2, 3)) >= 0.5 * torch.where(seen, total, average)
    scores = {
        f"peak_px_{c}": float(distance[seen[:, i], i].mean()) for i, c in enumerate(COMPONENTS) if seen[:, i].any()
    }
    scores["peak_px"] = float(distance[seen].mean())
    scores["visibility_accuracy"] = float((called == seen).float().mean())
    scores["visible_share"] = float(seen.float().mean())
    return scores


def _distances(maps: Tensor, pairs: Pairs, upright: bool, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Distances of centres (N, 4) in pixels of the 128 px face, which components are visible, and the true maps."""
    size = maps.shape[-1]
    points = torch.from_numpy(np.array(pairs.landmarks))
    if not upright:
        points = degrade.warp_points(points, torch.from_numpy(np.array(pairs.warp)))
    targets = heatmaps(points, torch.from_numpy(pairs.component), size, sigma * size / 64)
    distance = (_centre(maps) - _centre(targets)).norm(dim=-1) * (128 / size)
    return distance, targets.amax((2, 3)) >= VISIBLE, targets


def _centre(maps: Tensor) -> Tensor:
    weight = maps.clamp(min=0) * (maps >= 0.5 * maps.amax((2, 3), keepdim=True))
    axis = torch.arange(maps.shape[-1], dtype=maps.dtype)
    total = weight.sum((2, 3)).clamp(min=1e-12)
    return torch.stack([(weight.sum(2) * axis).sum(2) / total, (weight.sum(3) * axis).sum(2) / total], -1)


def warp_errors(estimate: Tensor, truth: Tensor) -> dict[str, float]:
    """Mean errors of warps (N, 4): rotation in degrees, shift in % of the box's side, scale in % of the true one."""
    return {name: errors.mean().item() for name, errors in _warp_errors(estimate, truth).items()}


def _warp_errors(estimate: Tensor, truth: Tensor) -> dict[str, Tensor]:
    turn = degrade.wrapped(estimate[:, 0] - truth[:, 0]).abs().double()
    shift = (estimate[:, 2:] - truth[:, 2:]).norm(dim=1).double() / 2  # the box is 2 wide
    scale = (estimate[:, 1] / truth[:, 1] - 1).abs().double()
    return {
        "rotation_degrees": torch.rad2deg(turn),
        "shift_percent": 100 * shift,
        "scale_percent": 100 * scale,
    }
