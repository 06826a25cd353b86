"""The landmarks and poses of the synthetic head, in 68 points (iBUG) and 39 (Menpo's profiles).

Head coordinates are those of datasets/portrait/template.py: millimetres of an average adult, x to the image's right at
yaw 0, y down, z towards the camera.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from datasets.portrait.template import COLUMNS, JAW, ROWS, SEAM, base, sample

Points = list[tuple[float, ...]]

# Landmark positions of the average face, from the image's left to the middle; (x, y, z), nan = wherever the face is.
_NAN = float("nan")
_CONTOUR: Points = [
    (-72, 1, 24),
    (-71, 20, 25),
    (-69, 38, 26),
    (-66, 54, 28),
    (-59, 69, 34),
    (-48, 82, 43),
    (-35, 92, 56),
]
_CONTOUR += [(-18, 102, 73), (0, 107, _NAN)]
_BROW: Points = [(-54, -12.5), (-45, -19.3), (-34.5, -21.3), (-23.5, -19.8), (-13, -16)]
_LIPS: Points = [(-25, SEAM), (-15, 59.3), (-5.5, 56.8), (0, 57.8)]
_LOWER: Points = [(-15, 72.5), (-6.5, 75.8), (0, 76.3)]
_INNER: Points = [(-21, SEAM), (-8, 64.0), (0, 64.0)]
_INNER_LOWER: Points = [(-8, 65.0), (0, 65.0)]
EYE = (31.5, 0.3)  # centre of the right-hand eye's opening, on the template
EYE_HALF, UPPER_LID, LOWER_LID = 12.6, 5.9, 4.6


def lids(offset: np.ndarray, opening: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the upper lid is above and the lower below the line through the eye's corners, millimetres.

    offset: millimetres from the middle of that line. opening: 0 shut, 1 usual.
    """
    arc = np.clip(1 - (offset / EYE_HALF) ** 2, 0, None) ** 0.9
    return UPPER_LID * opening * arc, LOWER_LID * (0.6 + 0.4 * opening) * arc


def _eye(opening: float) -> Points:
    """Return the six points of the left-hand eye: outer corner, upper lid, inner corner, lower lid."""
    (cx, cy), part = (-EYE[0], EYE[1]), 4.6
    upper, lower = (float(height) for height in lids(np.array(part), opening))
    above, below = (
        [(cx - part, cy - upper), (cx + part, cy - upper)],
        [(cx + part, cy + lower), (cx - part, cy + lower)],
    )
    return [(cx - EYE_HALF, cy), *above, (cx + EYE_HALF, cy), *below]


def _mirror(points: Points) -> Points:
    return [(-p[0], *p[1:]) for p in reversed(points)]


def _layout68(opening: float) -> Points:
    """Return the positions on the template in iBUG's order."""
    eye = _eye(opening)
    other: Points = [(-x, y) for x, y in eye]
    nose: Points = [(0, 0), (0, 12), (0, 25), (0, 36.5), (-14, 45), (-7.5, 47.5), (0, 48.5), (7.5, 47.5), (14, 45)]
    contour = _CONTOUR + _mirror(_CONTOUR[:-1])
    lips = _LIPS + _mirror(_LIPS[:-1]) + [(-x, y) for x, y in _LOWER[:-1]] + _LOWER[::-1]
    inner = _INNER + _mirror(_INNER[:-1]) + [(-x, y) for x, y in _INNER_LOWER[:-1]] + _INNER_LOWER[::-1]
    eyes = eye + [other[i] for i in (3, 2, 1, 0, 5, 4)]
    return contour + _BROW + _mirror(_BROW) + nose + eyes + lips + inner


def _layout39(opening: float) -> Points:
    """Return the positions in Menpo's profile order, of the half on the image's right."""
    contour: Points = [
        (72, 1, 24),
        (71, 17, 24),
        (70, 31, 25),
        (67.5, 46, 26),
        (62.5, 60, 30),
        (54, 74, 38),
        (43, 86, 49),
    ]
    contour += [(29, 96, 62), (14, 103.5, 76), (0, 107, _NAN), (0, 96), (0, 84.5)]
    brow: Points = [(14, -16.3), (26, -20.2), (40, -20.5), (54, -12.5)]
    nose: Points = [(0, 3), (0, 14.5), (0, 26), (0, 36.5), (0, 45.5), (15.5, 43.5)]
    outer, _, _, inner, low_in, low_out = ((-x, y) for x, y in _eye(opening))
    up = (EYE[0], EYE[1] - float(lids(np.array(0.0), opening)[0]))
    lips: Points = [(-x, y) for x, y in (*_LIPS[::-1], *_LOWER)]
    mouth: Points = [(-x, y) for x, y in (*_INNER[::-1], *_INNER_LOWER)]
    return contour + brow + nose + [inner, up, outer, low_out, low_in] + lips + mouth


def locate(points: Points) -> np.ndarray:
    """Return grid coordinates (column, row), (n, 2), of the template's face next to `points` (2D or 3D)."""
    target = np.array([(*p, _NAN)[:3] for p in points])
    rows = np.arange(0, np.searchsorted(ROWS, JAW) - 2.5, 0.5)  # not under the edge of the jaw, where none sees them
    columns = np.flatnonzero(np.abs(COLUMNS) < 100)
    columns = np.arange(columns[0], columns[-1] + 0.5, 0.5)
    found = np.tile(np.stack(np.meshgrid(columns, rows), 2).reshape(1, -1, 2), (len(target), 1, 1))
    for spacing in (0.5, 0.125, 0.03, 0.008, 0.002):
        surface = sample(base(), found.reshape(-1, 2)).reshape(*found.shape[:2], 3)
        off = np.nan_to_num((surface - target[:, None]) ** 2).sum(2)
        # A point without a depth lies on the front, not on the back of the head; the small term says so.
        best = np.argmin(off - 1e-4 * surface[..., 2], 1)
        around = np.stack(np.meshgrid(*[np.arange(-5, 6) * spacing / 4] * 2), 2).reshape(1, -1, 2)
        found = found[np.arange(len(target)), best][:, None] + around
    return found[:, found.shape[1] // 2]


@cache
def _located(n: int, opening: float) -> np.ndarray:
    layouts = {68: _layout68, 39: _layout39}
    return locate(layouts[n](opening))


def landmark_grid(n: int, opening: float = 1.0) -> np.ndarray:
    """Return grid coordinates (n, 2) of the n = 68 or 39 landmarks, eyes open by `opening` (0 shut, 1 usual)."""
    shut, wide = _located(n, 0.0), _located(n, 1.0)
    return shut + (wide - shut) * opening


def mean_landmarks(n: int) -> np.ndarray:
    """Return the average face's landmarks in head coordinates, (n, 3) millimetres.

    n = 68: iBUG's order. n = 39: Menpo's profile order, of the half on the image's right at yaw 0, which is what is
    seen when the head looks to the image's left (negative yaw); for the other profile negate x.
    """
    return sample(base(), landmark_grid(n)).astype(np.float64)


def pose_matrix(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return the rotation (3, 3) from head to camera, degrees; pixels = scale * (R @ p)[:2] + shift.

    yaw > 0: the face looks to the image's right. pitch > 0: it looks up. roll > 0: it turns clockwise in the image.
    """
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y
