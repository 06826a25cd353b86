"""A sheet of the prepared faces: crop with landmarks, LR face, aligned LR face, heatmaps over the crop."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.components import COMPONENTS
from datasets.heatmaps import SIGMA, heatmaps
from datasets.pairs import Pairs

mpl.use("Agg")
COLOURS = np.array([(0.2, 0.6, 1.0), (1.0, 0.8, 0.1), (1.0, 0.2, 0.3), (0.3, 0.9, 0.3)])
COLUMNS = 10


def overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Heatmaps (N, 4, H, W) in [0, 1] over images (N, H, W, 3) uint8, a colour a component; uint8."""
    tint = np.einsum("nchw,ck->nhwk", maps, COLOURS)
    weight = maps.max(1)[..., None] * 0.7
    return np.clip(images * (1 - weight) + 255 * np.clip(tint, 0, 1) * weight, 0, 255).astype(np.uint8)


def spread_over_yaw(yaw: np.ndarray, count: int) -> np.ndarray:
    """Rows of `count` faces evenly spread over the range of yaw, from left- to right-looking."""
    order = np.argsort(yaw, kind="stable")
    targets = np.linspace(yaw.min(), yaw.max(), count)
    rows: list[int] = []
    for target in targets:
        free = order[~np.isin(order, rows)]
        rows.append(int(free[np.argmin(np.abs(yaw[free] - target))]))
    return np.array(rows)


def corpus_sheet(pairs: Pairs) -> plt.Figure:
    """Draw ten faces spread over yaw."""
    yaw = pairs.faces["yaw"].to_numpy()
    rows = spread_over_yaw(yaw, min(COLUMNS, len(pairs)))
    faces = pairs[rows]
    lr, warp = to_float(torch.from_numpy(faces.lr)), torch.from_numpy(faces.warp)
    upright = to_uint8(degrade.align(lr, warp)).numpy()
    maps = heatmaps(torch.from_numpy(faces.landmarks), torch.from_numpy(faces.component), 128, 2 * SIGMA).numpy()
    lines = {
        "HR, landmarks": faces.hr,
        "LR": faces.lr,
        "LR, oracle": upright,
        ", ".join(COMPONENTS): overlay(faces.hr, maps),
    }
    figure, axes = plt.subplots(len(lines), len(rows), figsize=(1.3 * len(rows), 1.35 * len(lines)), squeeze=False)
    for line, (label, images) in zip(axes, lines.items(), strict=True):
        line[0].set_ylabel(label, fontsize=7)
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.autoscale(False)  # landmarks below the crop must not shrink it
    for axis, points, seen, degrees in zip(axes[0], faces.landmarks, faces.visible, yaw[rows], strict=True):
        axis.scatter(*points[seen].T, s=0.6, c="lime", linewidths=0)
        axis.set_title(f"yaw {degrees:+.0f}°", fontsize=7)
    return figure
