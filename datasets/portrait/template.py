"""The template of the synthetic head: a mesh that identity and expression deform.

Coordinates are millimetres of an average adult: x to the image's right at yaw 0, y down, z towards the camera; the eyes
lie at y = 0, the ears' openings near z = 0. The mesh is a grid: each row is a closed ring about the head, from the
crown down the face, along the jaw line and down the neck; each column has one angle about the vertical axis, 0 = front.
"""

from __future__ import annotations

from functools import cache

import numpy as np

# Row parameter b: millimetres below the eyes on the front of the face; past JAW the rows go under the chin and down.
JAW = 108.0
SEAM = 64.5  # where the lips meet
_CROWN = [-118, -116, -111, -103, -92, -80, -67, -54, -42, -33, -26, -21, -17, -13.5]
_EYES_AND_NOSE = [-10, -6.5, -3, 0.5, 4, 7.5, 11.5, 16, 20.5, 25, 29, 32.5, 35.5, 38.5, 41, 43.5, 46, 48.5, 51.5, 54.5]
_MOUTH_AND_CHIN = [57, 59.5, 62, 64, 64.5, 65, 66, 68, 70.5, 73.5, 76.5, 80, 83.5, 87, 91, 95, 99, 103, 106, JAW]
_NECK = [110, 114, 119, 126, 140, 165, 200]
ROWS = np.array([*_CROWN, *_EYES_AND_NOSE, *_MOUTH_AND_CHIN, *_NECK])
_FRONT = [0, 2.6, 5.4, 8.4, 11.6, 15, 18.6, 22.4, 26.4, 30.6, 35, 39.6, 44.4, 49.4, 54.6, 60]
_HALF = np.array([*_FRONT, 66, 73, 80, 87, 95, 105, 118, 134, 156, 180])
COLUMNS = np.concatenate([-_HALF[:0:-1], _HALF])  # degrees about the vertical axis

# The template by rows: half width, depth of the front (nose left out), of the sides and of the back, roundness.
_PROFILE = np.array(
    [
        # b, width, front, side, back, exponent of the ring (1 is an ellipse, below it squarer, above it pointed)
        [-118, 0.3, -5.7, -6, -6.3, 1.0],
        [-116, 20, 18, -6, -28, 1.0],
        [-111, 34, 38, -6, -46, 1.0],
        [-103, 48, 56, -6, -62, 1.0],
        [-92, 59, 71, -6, -76, 1.0],
        [-80, 66.5, 82, -6, -86, 0.98],
        [-67, 71.5, 90, -5, -92, 0.95],
        [-50, 75, 95.5, -4, -96, 0.91],
        [-25, 75.5, 98.5, 0, -97, 0.86],
        [0, 73, 94, 5, -91, 0.87],
        [20, 71.5, 93, 8, -84, 0.9],
        [40, 69.5, 95, 10, -77, 0.95],
        [60, 69, 98.5, 12, -71, 1.02],
        [75, 69.5, 97, 13, -67, 1.18],
        [90, 69.5, 93, 14, -63, 1.38],
        [101, 69, 91, 15, -61, 1.55],
        [JAW, 69, 84, 15, -60, 1.66],
        [110, 64, 75, 13, -59, 1.6],
        [114, 59, 60, 8, -57, 1.3],
        [119, 54, 47, 2, -55, 1.05],
        [126, 51, 41, -2, -54, 1.0],
        [140, 50, 38, -6, -55, 1.0],
        [165, 53, 36, -10, -58, 1.0],
        [200, 66, 36, -12, -64, 1.0],
    ]
)


def bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Return a Gaussian at (cx, cy) and its mirror image at (-cx, cy); only one where cx is 0."""
    return np.exp(-0.5 * (((np.abs(x) - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def step(low: float, high: float, value: np.ndarray | float) -> np.ndarray:
    """Step smoothly from 0 at `low` to 1 at `high` (or down, where high < low)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _smooth(at: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate by cubics without overshoot: the slope at a key is the harmonic mean of its neighbours'."""
    slope = np.diff(values) / np.diff(keys)
    product = slope[1:] * slope[:-1]
    mean = np.where(product > 0, 2 * product / np.where(product > 0, slope[1:] + slope[:-1], 1), 0)
    tangent = np.concatenate([slope[:1], mean, slope[-1:]])
    i = np.clip(np.searchsorted(keys, at, side="right") - 1, 0, len(keys) - 2)
    width = keys[i + 1] - keys[i]
    t = np.clip((at - keys[i]) / width, 0, 1)
    value = values[i] + (values[i + 1] - values[i]) * t * t * (3 - 2 * t)
    return value + width * t * (1 - t) * (tangent[i] * (1 - t) - tangent[i + 1] * t)


def nose(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the height of the nose over the face, millimetres: a ridge with a tip, a steep base and two wings."""
    ridge = _smooth(
        y,
        np.array([-24, -12, -4, 3, 12, 22, 31, 36, 39, 42, 45, 48, 52, 58.0]),
        np.array([0, 2.2, 4.5, 7.5, 12.5, 18.5, 24.5, 27, 26.5, 24, 18.5, 11, 5, 0]),
    )
    half = np.interp(y, [-20, 0, 12, 25, 36, 44, 52], [14, 8, 8.5, 9.5, 10.5, 11, 10])
    return ridge * np.exp(-(np.abs(x / half) ** 2.2) * 0.8) + 11 * bump(x, y, 13.0, 40.5, 4.3, 5.0)


def _relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what the features add to the depth of the smooth face, millimetres."""
    eyes = -7.5 * bump(x, y, 30, -4, 14, 9) + 7.5 * bump(x, y, 32, 0.5, 10, 6.5) - 2 * bump(x, y, 15, -1, 5, 6)
    brow = 4.5 * bump(x, y, 22, -19, 17, 6) + 1.5 * bump(x, y, 46, -14, 7, 7)
    cheeks = 5 * bump(x, y, 40, 24, 14, 12) - 4 * bump(x, y, 45, 58, 12, 15) - 2.5 * bump(x, y, 24, 52, 5, 10)
    lips = 5.5 * bump(x, y, 0, 63, 21, 13) + 4.5 * bump(x, y, 0, 59.5, 15, 3.6) + 4.5 * bump(x, y, 0, 70.5, 13, 4.2)
    mouth = -3.5 * bump(x, y, 0, SEAM, 19, 1.7) - 4.5 * bump(x, y, 26.5, 64, 4.5, 5) - 1.2 * bump(x, y, 0, 53, 2.5, 4)
    chin = -5.5 * bump(x, y, 0, 83.5, 19, 4.8) + 4 * bump(x, y, 0, 97, 13, 8)
    return eyes + brow + cheeks + lips + mouth + chin


@cache
def base() -> np.ndarray:
    """Return the template without hair, (R, C, 3) float32 millimetres."""
    b, angle = np.meshgrid(ROWS, np.radians(COLUMNS), indexing="ij")
    width, front, side, back, power = (_smooth(ROWS, _PROFILE[:, 0], c)[:, None] for c in _PROFILE.T[1:])
    sin, cos = np.sin(angle), np.cos(angle)
    # A pointed ring (power > 1) must still be round at the very front, or the chin gets an edge.
    x = width * sin * ((sin**2 + 0.06) / 1.06) ** ((power - 1) / 2)
    x *= 1 - 0.21 * step(72, 112, np.degrees(np.abs(angle))) * step(25, 95, b) * step(124, 108, b)
    z = np.where(cos > 0, side + (front - side) * np.abs(cos) ** power, side - (side - back) * np.abs(cos) ** 0.9)
    # The jaw line rises from the chin to the ear, and the rows above it with it, the less the nearer to the eyes.
    flat = 0.38 * step(JAW, 60, b)  # about the mouth the rows are level
    lift = 58 * (np.clip(np.abs(sin) - flat, 0, None) / (1 - flat)) ** (2.7 - 1.8 * flat)
    lift = np.where(cos > 0, lift, 58 - 6 * (1 - np.abs(sin)))
    below = np.clip((b - JAW) / 45, 0, 1)
    y = b - lift * np.where(b > JAW, 1 - below**1.1, np.clip(b / JAW, 0, 1) ** 1.4)
    y = np.where(b > 110, y + 5 * step(110, 130, b), y)
    facing = step(0.05, 0.5, cos) * step(JAW + 2, JAW - 3, b)
    z = z + facing * (_relief(x, y) + nose(x, y))
    return np.stack([x, y, z], 2).astype(np.float32)


def sample(grid: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Interpolate `grid` (R, C, ...) bilinearly, as it is rendered, at grid coordinates (n, 2) as (column, row)."""
    corner = np.clip(where.astype(int), 0, [grid.shape[1] - 2, grid.shape[0] - 2])
    (c, r), (fc, fr) = corner.T, (where - corner).T[..., None]
    top = grid[r, c] * (1 - fc) + grid[r, c + 1] * fc
    return top * (1 - fr) + (grid[r + 1, c] * (1 - fc) + grid[r + 1, c + 1] * fc) * fr
