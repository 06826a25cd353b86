"""What varies between heads: blendshapes of the template (datasets/portrait/template.py), its ears and long hair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from datasets.portrait.template import COLUMNS, JAW, ROWS, SEAM, base, bump, nose, step

Field = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple]

# Each field gives (dx, dy, dz) in millimetres for one standard deviation, from the template's |x|, y, z; dx outwards.
IDENTITY: dict[str, Field] = {
    "width": lambda x, y, z: (0.045 * x, 0, 0),
    "length": lambda x, y, z: (0, 0.035 * y, 0),
    "jaw_width": lambda x, y, z: (0.06 * x * step(20, 75, y), 0, 0),
    "chin_length": lambda x, y, z: (0, 3.5 * step(72, 105, y) * step(-10, 60, z), 0),
    "chin_forward": lambda x, y, z: (0, 0, 3 * bump(x, y, 0, 100, 24, 15)),
    "nose_length": lambda x, y, z: (0, 2.2 * bump(x, y, 0, 42, 15, 11), 0),
    "nose_width": lambda x, y, z: (1.7 * bump(x, y, 13, 42, 7, 8), 0, 0),
    "nose_height": lambda x, y, z: (0, 0, 0.11 * nose(x, y)),
    "nose_hump": lambda x, y, z: (0, 0, 1.5 * bump(x, y, 0, 15, 6, 8)),
    "nose_upturn": lambda x, y, z: (0, -2.0 * bump(x, y, 0, 38, 9, 6), 0),
    "eyes_apart": lambda x, y, z: (1.4 * bump(x, y, 32, -2, 19, 16), 0, 0),
    "eyes_size": lambda x, y, z: (*(0.07 * d * bump(x, y, 32, 0, 15, 9) for d in (x - 32, 1.3 * y)), 0),
    "eyes_slant": lambda x, y, z: (0, -0.06 * (x - 30) * bump(x, y, 32, -3, 20, 14), 0),
    "eyes_depth": lambda x, y, z: (0, 0, 1.4 * bump(x, y, 31, 0, 17, 10)),
    "brow_height": lambda x, y, z: (0, -1.6 * bump(x, y, 30, -18, 26, 7), 0),
    "brow_ridge": lambda x, y, z: (0, 0, 1.8 * bump(x, y, 20, -18, 18, 6)),
    "mouth_width": lambda x, y, z: (0.07 * x * bump(x, y, 0, 66, 32, 13), 0, 0),
    "mouth_height": lambda x, y, z: (0, 1.5 * bump(x, y, 0, 66, 38, 12), 0),
    "lips": lambda x, y, z: (
        0,
        1.1 * (bump(x, y, 0, 75, 24, 5) - bump(x, y, 0, 58, 24, 4)),
        1.0 * bump(x, y, 0, 66, 20, 8),
    ),
    "cheekbones": lambda x, y, z: (1.6 * bump(x, y, 46, 20, 16, 14), 0, 2.4 * bump(x, y, 42, 20, 15, 12)),
    "plumpness": lambda x, y, z: (3.2 * bump(x, y, 52, 58, 18, 24), 0, 3 * bump(x, y, 44, 56, 15, 18)),
    "forehead": lambda x, y, z: (0, 0, 3.5 * step(-15, -70, y) * step(0, 60, z)),
    "skull": lambda x, y, z: (0, 0, 5.0 * step(0, -70, z)),
}


def _opened(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the share of the jaw's turn that each vertex follows: 0 above the lips, 1 below, a slit to x = 25."""
    slit = np.sqrt(np.clip(1 - (x / 25) ** 2, 0, 1))
    cheek = 0.45
    inside = np.where(
        y > SEAM,
        cheek + (1 - cheek) * np.maximum(slit, step(SEAM, 92, y)),
        cheek * (1 - slit) * step(38, SEAM, y),
    )
    # Within the lips' gap the rows go from the upper to the lower lip.
    gap = np.clip((y - 64) / 1.0, 0, 1)
    between = cheek + slit * (gap * (1 - cheek) - (1 - gap) * cheek)
    inside = np.where((y > 63.99) & (y < 65.01), between, inside)
    outside = step(35, 92, y)
    blend = step(22, 34, x)
    return inside * (1 - blend) + outside * blend


def _jaw(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple:
    """Turn the jaw by 0.1 radians about the joint at (y, z) = (12, 12), with the mouth's inside drawn back."""
    share = _opened(x, y) * step(-5, 25, z)
    hole = ((y > 64.1) & (y < 64.9)) * np.sqrt(np.clip(1 - (x / 25) ** 2, 0, 1))
    return 0, 0.1 * (z - 12) * share, -0.1 * (y - 12) * share - 5 * hole


EXPRESSION: dict[str, Field] = {
    "jaw": _jaw,
    "smile": lambda x, y, z: (
        4.0 * bump(x, y, 25, 64.5, 11, 9),
        -4.2 * bump(x, y, 27, 64.5, 10, 8) - 1.2 * bump(x, y, 40, 34, 14, 12) - 1.3 * bump(x, y, 0, 60, 14, 5),
        -3.0 * bump(x, y, 22, 64.5, 12, 9) + 3 * bump(x, y, 40, 36, 12, 10),
    ),
    "brows_up": lambda x, y, z: (0, -3.5 * bump(x, y, 28, -19, 26, 8), 0),
    "frown": lambda x, y, z: (-1.6 * bump(x, y, 15, -17, 9, 7), 2.2 * bump(x, y, 15, -17, 11, 6), 0),
    "pucker": lambda x, y, z: (-0.16 * x * bump(x, y, 0, 65, 28, 11), 0, 3.0 * bump(x, y, 0, 65, 16, 10)),
}


@cache
def _field(name: str) -> np.ndarray:
    """Return the displacement field `name` over the grid, (R, C, 3) float32 millimetres."""
    x, y, z = np.moveaxis(base().astype(np.float64), 2, 0)
    # A vertex of a lip must know on which side of the seam it lies, however the ring under it is bent.
    flat = y + (ROWS[:, None] - y) * step(52, 30, np.abs(COLUMNS))
    dx, dy, dz = {**IDENTITY, **EXPRESSION}[name](np.abs(x), flat if name == "jaw" else y, z)
    neck = step(200, JAW + 12, ROWS)[:, None]
    return (np.stack([np.sign(x) * dx, dy + 0 * x, dz + 0 * x], 2) * neck[..., None]).astype(np.float32)


def deform(weights: Mapping[str, float], head: np.ndarray | None = None) -> np.ndarray:
    """Return a head's grid (R, C, 3), default the template, plus the named blendshapes, each so many units."""
    grid = (base() if head is None else head).copy()
    for name, weight in weights.items():
        grid += np.float32(weight) * _field(name)
    return grid


def thicken(grid: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Move the skin outwards by `thickness` (R, C) millimetres, as hair does."""
    out = grid - np.array([0, -25, -5], np.float32)
    out[..., 1] *= np.where(out[..., 1] > 0, 0.2, 1.0)  # hair does not sag below its line
    return grid + thickness[..., None] * out / np.linalg.norm(out, axis=2, keepdims=True).clip(1)


def ear(side: int, grid: np.ndarray, size: float, spread: float) -> np.ndarray:
    """Return an ear (9, 7, 3) on side +1 or -1 of the head `grid`; size 1: 60 mm high, spread 1: 15 mm out."""
    t, s = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 7), indexing="ij")
    back, down = s * np.sqrt(1 - t * t / 2), t * np.sqrt(1 - s * s / 2)
    radius = np.hypot(back, down)
    y = 13 + 30 * size * down
    z = -7 - 17 * size * back * (1 - 0.22 * down) + 0.22 * (y - 13)
    root = np.abs(grid[:, np.abs(np.abs(COLUMNS) - 90) < 8]).reshape(-1, 3)
    at = root[np.argsort(np.abs(root[:, 1] - 13))[:4], 0].mean() - 0.5
    out = spread * 15 * np.clip((back + 0.95) / 1.9, 0, 1) * (1 - 0.35 * np.clip(down, 0, 1))
    hollow = -3.5 * np.exp(-(((back + 0.1) / 0.38) ** 2 + ((down - 0.12) / 0.4) ** 2))
    rim = 2.2 * np.exp(-(((radius - 0.82) / 0.16) ** 2)) * (back > -0.6) - 1.5 * (radius > 0.95)
    sheet = np.stack([side * (at + out + hollow + rim), y, z], 2).astype(np.float32)
    return sheet[:, ::side]  # the outside of both ears then winds the same way


def curtain(length: float, opening: float, thickness: float, waves: np.ndarray) -> np.ndarray:
    """Return long hair behind the face as a sheet (9, 25, 3), from ear to ear about the back.

    length: y of its end, millimetres. opening: degrees from the front where it begins. waves: (9, 25) millimetres.
    """
    angle = np.radians(np.linspace(opening, 360 - opening, 25))
    y = np.linspace(-62, length, 9)[:, None] + 0 * angle
    flare = 0.92 + 0.18 * step(-35, 60, y) - 0.06 * step(90, 190, y)  # its top is under the hair of the head
    width = (74 + thickness) * flare + waves
    depth = np.where(np.cos(angle) > 0, 34, 90 + thickness) * flare + waves
    y = y + 0.6 * waves * step(60, 120, y)
    sheet = np.stack([width * np.sin(angle), y, -4 + depth * np.cos(angle)], 2)
    return sheet.astype(np.float32)
