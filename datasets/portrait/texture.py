"""The texture of the head's grid: where its pixels lie on the template, painting on it, and the light on it.

Colours are float32 RGB in 0..255 before the light. Places are millimetres of the template
(datasets/portrait/template.py), so that what is painted moves with the mesh, and the landmarks with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from datasets.portrait.render import enlarge
from datasets.portrait.template import COLUMNS, ROWS, base, step


@cache
def plane() -> dict[str, np.ndarray]:
    """Return template coordinates of each texture pixel, (H, W) float32: x, y (mm), b (row), |angle| (degrees)."""
    grid = base()
    b = np.broadcast_to(ROWS[:, None], grid.shape[:2])
    angle = np.broadcast_to(COLUMNS[None], grid.shape[:2])
    x, y = enlarge(grid[..., 0]), enlarge(grid[..., 1])
    return {
        "x": x,
        "y": y,
        "b": enlarge(b),
        "angle": np.abs(enlarge(angle)),
        "front": step(85, 60, np.abs(enlarge(angle))),
    }


def _window(x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice]:
    """Return the texture's part on the front that holds template positions x0..x1, y0..y1."""
    p = plane()
    inside = (p["x"] > x0) & (p["x"] < x1) & (p["y"] > y0) & (p["y"] < y1) & (p["angle"] < 80) & (p["b"] < 108)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@cache
def windows() -> dict[str, tuple[slice, slice]]:
    """Return the windows of the features, by name."""
    return {
        "left": _window(-56, -8, -16, 13),
        "right": _window(8, 56, -16, 13),
        "brows": _window(-63, 63, -32, -4),
        "mouth": _window(-30, 30, 52, 82),
        "nose": _window(-24, 24, 22, 60),
        "gap": _window(-26, 26, 63.6, 65.4),
    }


def blend(image: np.ndarray, colour: np.ndarray | float, alpha: np.ndarray) -> None:
    """Lay `colour` over `image` in place where `alpha` (H, W) says so."""
    image += (colour - image) * alpha[..., None]


def at(window: str) -> tuple[np.ndarray, np.ndarray]:
    """Return |x| and y of the template in a window."""
    p, part = plane(), windows()[window]
    return np.abs(p["x"][part]), p["y"][part]


@cache
def _tile() -> np.ndarray:
    """Make white noise to crop from, (1024, 1024) float32; generating it again for each person would be slow."""
    return np.random.default_rng(0).standard_normal((1024, 1024), np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a crop (H, W) of the noise at a random place."""
    top, left = rng.integers(0, [1025 - shape[0], 1025 - shape[1]])
    return _tile()[top : top + shape[0], left : left + shape[1]]


@dataclass(frozen=True)
class Light:
    """A distant lamp and the light from all around; directions are camera coordinates (x right, y down, z to us)."""

    direction: np.ndarray  # (3,) towards the lamp, of any length
    key: np.ndarray  # (3,) RGB factors of the lamp
    ambient: np.ndarray  # (3,) RGB factors of the rest


def lit(texture: np.ndarray, normal: np.ndarray, light: Light, gloss: float) -> np.ndarray:
    """Light the texture (H, W, 3), to uint8, from the grid's posed normals (R, C, 3).

    gloss: brightness of the highlight, 0..255.
    """
    normal = normal.astype(np.float32)
    towards, half = (
        v / np.linalg.norm(v) for v in (light.direction, light.direction / np.linalg.norm(light.direction) + [0, 0, 1])
    )
    wrapped = ((normal @ towards.astype(np.float32) + 0.25) / 1.25).clip(0)
    sky = 0.78 - 0.22 * normal[..., 1:2]
    shine = gloss * (normal @ half.astype(np.float32)).clip(0) ** 14 * light.key.mean()
    shade = enlarge(wrapped[..., None] * light.key + sky * light.ambient)
    return cv2.add(cv2.multiply(texture, shade), cv2.merge([enlarge(shine)] * 3), dtype=cv2.CV_8U)
