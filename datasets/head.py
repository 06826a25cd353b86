"""A simple 3D head: a mesh that identity and expression deform, with landmarks that are points of the mesh.

Head coordinates are millimetres of an average adult: x to the image's right at yaw 0, y down, z towards the camera; the
eyes lie at y = 0, the ears' openings near z = 0. The mesh is a grid: each row is a closed ring about the head, from the
crown down the face, along the jaw line and down the neck; each column has one angle about the vertical axis (0 = front).
A face is the template plus a sum of smooth displacement fields (blendshapes), all symmetric in x.
"""

from __future__ import annotations

from functools import cache

import numpy as np

# Row parameter b: millimetres below the eyes on the front of the face; past JAW the rows go under the chin and down.
JAW = 108.0
SEAM = 64.5  # where the lips meet
ROWS = np.concatenate(
    [
        [-118, -116, -111, -103, -92, -80, -67, -54, -42, -33, -26],
        np.arange(-21, 60, 3.0),
        [59.5, 61.5, 63, 64.0, 64.25, 64.5, 64.75, 65.0, 66, 67.5, 69.5, 72, 74.5, 77, 80, 83.5],
        [87, 90.5, 94, 97.5, 101, 104, 106, JAW],
        [110, 114, 119, 126, 140, 165, 200],
    ]
)
_HALF = np.concatenate([np.arange(0, 30, 2.6), np.arange(31, 62, 4.0), [66, 73, 80, 87, 95, 105, 118, 134, 156, 180]])
COLUMNS = np.concatenate([-_HALF[:0:-1], _HALF])  # degrees about the vertical axis

# The template by rows: half width, depth of the front (nose left out), of the sides and of the back, roundness.
_PROFILE = np.array(
    [
        # b, width, front, side, back, exponent of the ring (1 is an ellipse, below it squarer, above it pointed)
        [-118, 3, -1, -6, -11, 1.0],
        [-116, 20, 18, -6, -28, 1.0],
        [-111, 37, 40, -6, -47, 1.0],
        [-103, 51, 58, -6, -63, 0.98],
        [-92, 62, 73, -6, -77, 0.95],
        [-80, 69, 83, -6, -86, 0.92],
        [-67, 73, 90, -5, -92, 0.9],
        [-50, 75.5, 95.5, -4, -96, 0.88],
        [-25, 75.5, 98.5, 0, -97, 0.86],
        [0, 73, 94, 5, -91, 0.87],
        [20, 71.5, 93, 8, -84, 0.9],
        [40, 69.5, 95, 10, -77, 0.95],
        [60, 67.5, 98.5, 12, -71, 1.05],
        [75, 66.5, 97, 13, -67, 1.18],
        [90, 66, 93, 14, -63, 1.38],
        [101, 66, 91, 15, -61, 1.55],
        [JAW, 66, 84, 15, -60, 1.66],
        [110, 64, 75, 13, -59, 1.6],
        [114, 59, 60, 8, -57, 1.3],
        [119, 55, 47, 2, -55, 1.05],
        [126, 53, 41, -2, -54, 1.0],
        [140, 53, 38, -6, -55, 1.0],
        [165, 55, 36, -10, -58, 1.0],
        [200, 66, 36, -12, -64, 1.0],
    ]
)


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """A Gaussian at (cx, cy) and its mirror image at (-cx, cy); only one where cx is 0."""
    return np.exp(-0.5 * (((np.abs(x) - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high` (or down, where high < low)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _nose(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the nose over the face, millimetres: a ridge with a tip, a steep base and two wings."""
    ridge = np.interp(
        y,
        [-24, -12, -4, 3, 12, 22, 31, 36, 39, 42, 45, 48, 52, 58],
        [0, 2.2, 4.5, 7.5, 12.5, 19, 25.5, 28, 27.5, 25, 19, 11, 5, 0],
    )
    half = np.interp(y, [-20, 0, 12, 25, 36, 44, 52], [14, 8, 8.5, 9.5, 10.5, 11, 10])
    return ridge * np.exp(-np.abs(x / half) ** 2.2 * 0.8) + 11 * _bump(x, y, 13.0, 40.5, 4.3, 5.0)


def _relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the features add to the depth of the smooth face, millimetres."""
    eyes = -7.5 * _bump(x, y, 30, -4, 14, 9) + 7.5 * _bump(x, y, 32, 0.5, 10, 6.5) - 2 * _bump(x, y, 15, -1, 5, 6)
    brow = 4.5 * _bump(x, y, 22, -19, 17, 6) + 1.5 * _bump(x, y, 46, -14, 7, 7)
    cheeks = 5 * _bump(x, y, 40, 24, 14, 12) - 4 * _bump(x, y, 45, 58, 12, 15) - 2.5 * _bump(x, y, 24, 52, 5, 10)
    lips = 5.5 * _bump(x, y, 0, 63, 21, 13) + 4.5 * _bump(x, y, 0, 59.5, 15, 3.6) + 4.5 * _bump(x, y, 0, 70.5, 13, 4.2)
    mouth = -3.5 * _bump(x, y, 0, SEAM, 19, 1.7) - 4.5 * _bump(x, y, 26.5, 64, 4.5, 5) - 1.2 * _bump(x, y, 0, 53, 2.5, 4)
    chin = -5.5 * _bump(x, y, 0, 83.5, 19, 4.8) + 4 * _bump(x, y, 0, 97, 13, 8)
    return eyes + brow + cheeks + lips + mouth + chin


@cache
def base() -> np.ndarray:
    """The template without hair, (R, C, 3) float32 millimetres."""
    b, angle = np.meshgrid(ROWS, np.radians(COLUMNS), indexing="ij")
    width, front, side, back, power = (np.interp(ROWS, _PROFILE[:, 0], c)[:, None] for c in _PROFILE.T[1:])
    sin, cos = np.sin(angle), np.cos(angle)
    x = width * np.sign(sin) * np.abs(sin) ** power
    z = np.where(cos > 0, side + (front - side) * np.abs(cos) ** power, side - (side - back) * np.abs(cos) ** 0.9)
    # The jaw line rises from the chin to the ear, and the rows above it with it, the less the nearer to the eyes.
    lift = 58 * np.abs(sin) ** 2.7
    lift = np.where(cos > 0, lift, 58 - 6 * (1 - np.abs(sin)))
    y = b - lift * np.where(b > JAW, 1 - step(JAW, 200, b), np.clip(b / JAW, 0, 1) ** 1.4)
    y = np.where(b > 110, y + 5 * step(110, 130, b), y)
    facing = step(0.05, 0.5, cos) * step(JAW + 2, JAW - 3, b)
    z = z + facing * (_relief(x, y) + _nose(x, y))
    return np.stack([x, y, z], 2).astype(np.float32)


# Landmark positions of the average face, from the image's left to the middle; (x, y, z), nan = wherever the face is.
_NAN = float("nan")
_CONTOUR = [(-72, 1, 24), (-71, 20, 25), (-69, 38, 26), (-66, 54, 28), (-59, 69, 34), (-48, 82, 43), (-35, 92, 56)]
_CONTOUR += [(-18, 102, 73), (0, 107, _NAN)]
_BROW = [(-50, -12), (-42.5, -18.5), (-33, -20.5), (-22.5, -19.5), (-13, -16)]
_LIPS = [(-25, SEAM), (-15, 59.3), (-5.5, 56.8), (0, 57.8)]
_LOWER = [(-15, 72.5), (-6.5, 75.8), (0, 76.3)]
_INNER = [(-21, SEAM), (-8, 64.0), (0, 64.0)]
_INNER_LOWER = [(-8, 65.0), (0, 65.0)]
EYE = (32.0, 0.3)  # centre of the right-hand eye's opening, on the template
EYE_HALF, UPPER_LID, LOWER_LID = 14.0, 6.4, 4.9


def lid(offset: np.ndarray, height: float) -> np.ndarray:
    """How far a lid is from the line through the eye's corners, `offset` mm from the centre: an arc of `height`."""
    return height * np.clip(1 - (offset / EYE_HALF) ** 2, 0, None) ** 0.9


def _eye(opening: float) -> list[tuple[float, float]]:
    """The six points of the left-hand eye: outer corner, upper lid, inner corner, lower lid."""
    cx, cy = -EYE[0], EYE[1]
    upper, lower = float(lid(np.array(5.0), UPPER_LID)) * opening, float(lid(np.array(5.0), LOWER_LID))
    lower *= 0.6 + 0.4 * min(opening, 1.0)
    corners = [(cx - EYE_HALF, cy), (cx + EYE_HALF, cy)]
    return [corners[0], (cx - 5, cy - upper), (cx + 5, cy - upper), corners[1], (cx + 5, cy + lower), (cx - 5, cy + lower)]


def _mirror(points: list) -> list:
    return [(-p[0], *p[1:]) for p in reversed(points)]


def _layout68(opening: float) -> list[tuple[float, ...]]:
    """Template positions in iBUG's order."""
    eye = _eye(opening)
    other = [(-x, y) for x, y in eye]
    nose = [(0, 0), (0, 12), (0, 25), (0, 36.5), (-14, 45), (-7.5, 47.5), (0, 48.5), (7.5, 47.5), (14, 45)]
    contour = _CONTOUR + _mirror(_CONTOUR[:-1])
    lips = _LIPS + _mirror(_LIPS[:-1]) + [(-x, y) for x, y in _LOWER[:-1]] + _LOWER[::-1]
    inner = _INNER + _mirror(_INNER[:-1]) + [(-x, y) for x, y in _INNER_LOWER[:-1]] + _INNER_LOWER[::-1]
    eyes = eye + [other[i] for i in (3, 2, 1, 0, 5, 4)]
    return contour + _BROW + _mirror(_BROW) + nose + eyes + lips + inner


def _layout39(opening: float) -> list[tuple[float, ...]]:
    """Template positions in Menpo's profile order, of the half on the image's right."""
    contour = [(72, 1, 24), (71, 17, 24), (70, 31, 25), (67.5, 46, 26), (62.5, 60, 30), (54, 74, 38), (43, 86, 49)]
    contour += [(29, 96, 62), (14, 103.5, 76), (0, 107, _NAN), (0, 96), (0, 84.5)]
    brow = [(14, -16.3), (25, -20), (38, -20), (50, -12)]
    nose = [(0, 3), (0, 14.5), (0, 26), (0, 36.5), (0, 45.5), (15.5, 43.5)]
    outer, up_out, up_in, inner, low_in, low_out = ((-x, y) for x, y in _eye(opening))
    up = ((up_out[0] + up_in[0]) / 2, EYE[1] - UPPER_LID * opening)
    lips = [(-x, y) for x, y in (*_LIPS[::-1], *_LOWER)]
    mouth = [(-x, y) for x, y in (*_INNER[::-1], *_INNER_LOWER)]
    return contour + brow + nose + [inner, up, outer, low_out, low_in] + lips + mouth


def locate(points: list[tuple[float, ...]]) -> np.ndarray:
    """Grid coordinates (column, row), (n, 2), of the points of the template's front next to `points` (2D or 3D)."""
    target = np.array([(*p, _NAN)[:3] for p in points])
    flat = np.isnan(target[:, 2])
    fine = 8
    rows = np.arange((len(ROWS) - 7) * fine) / fine
    columns = np.arange((len(COLUMNS) - 1) * fine + 1) / fine
    columns = columns[np.abs(np.interp(columns, np.arange(len(COLUMNS)), COLUMNS)) < 100]
    grid = np.stack(np.meshgrid(columns, rows), 2).reshape(-1, 2)
    surface = sample(base(), grid)
    found = np.empty((len(target), 2))
    for i, (point, is_flat) in enumerate(zip(target, flat, strict=True)):
        distance = (surface[:, :2] - point[:2]) ** 2 @ [1, 1] + (0 if is_flat else (surface[:, 2] - point[2]) ** 2)
        # A flat point lies on the front, not on the back of the head; the small term says so.
        found[i] = grid[np.argmin(distance - 1e-3 * surface[:, 2])]
    return found


def sample(grid: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Bilinear values of `grid` (R, C, ...) at grid coordinates `where` (n, 2) as (column, row): the drawn surface."""
    corner = np.minimum(where.astype(int), [grid.shape[1] - 2, grid.shape[0] - 2])
    (c, r), (fc, fr) = corner.T, (where - corner).T[..., None]
    top = grid[r, c] * (1 - fc) + grid[r, c + 1] * fc
    return top * (1 - fr) + (grid[r + 1, c] * (1 - fc) + grid[r + 1, c + 1] * fc) * fr


@cache
def _located(n: int, opening: float) -> np.ndarray:
    layouts = {68: _layout68, 39: _layout39}
    return locate(layouts[n](opening))


def landmark_grid(n: int, opening: float = 1.0) -> np.ndarray:
    """Grid coordinates (n, 2) of the n = 68 or 39 landmarks, with eyes open by `opening` (0 shut, 1 usual)."""
    shut, wide = _located(n, 0.0), _located(n, 1.0)
    return shut + (wide - shut) * opening


def mean_landmarks(n: int) -> np.ndarray:
    """The average face's landmarks in head coordinates, (n, 3) millimetres.

    n = 68: iBUG's order. n = 39: Menpo's profile order, of the half on the image's right at yaw 0, which is what is
    seen when the head looks to the image's left (negative yaw); for the other profile negate x.
    """
    return sample(base(), landmark_grid(n)).astype(np.float64)


def pose_matrix(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Rotation (3, 3) from head to camera coordinates; angles in degrees, pixels = scale * (R @ p)[:2] + shift.

    yaw > 0: the face looks to the image's right. pitch > 0: it looks up. roll > 0: it turns clockwise in the image.
    """
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y
