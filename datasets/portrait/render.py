"""From sheets of textured quadrilaterals to pixels: a painter's rasteriser with sub-pixel texture look-up."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

TEXELS = 4  # texture pixels from one grid vertex to the next
_SHIFT = 4  # fractional bits of OpenCV's polygon coordinates


@dataclass(frozen=True)
class Sheet:
    """A grid of camera-space vertices (R, C, 3), z towards the camera, and its texture.

    texture: ((R - 1) * TEXELS + 1, (C - 1) * TEXELS + 1, 3) uint8. two_sided sheets are seen from behind too.
    """

    grid: np.ndarray
    texture: np.ndarray
    two_sided: bool = False
    bias: float = 0.0  # millimetres by which it is drawn as if nearer


def corners(grid: np.ndarray) -> np.ndarray:
    """Return a grid's (R, C, k) quadrilaterals, ((R - 1) * (C - 1), 4, k), clockwise on the screen if they face us."""
    quads = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], 2)
    return quads.reshape(-1, 4, grid.shape[2])


def signed_area(quads: np.ndarray) -> np.ndarray:
    """Return twice the area of screen quadrilaterals (n, 4, 2), positive where they face the camera."""
    a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def normals(grid: np.ndarray) -> np.ndarray:
    """Return the unit normals (R, C, 3) of a grid, towards the outside."""
    along, down = np.empty_like(grid), np.empty_like(grid)
    along[:, 1:-1], along[:, 0], along[:, -1] = (
        grid[:, 2:] - grid[:, :-2],
        grid[:, 1] - grid[:, 0],
        grid[:, -1] - grid[:, -2],
    )
    down[1:-1], down[0], down[-1] = grid[2:] - grid[:-2], grid[1] - grid[0], grid[-1] - grid[-2]
    (ax, ay, az), (dx, dy, dz) = np.moveaxis(along, 2, 0), np.moveaxis(down, 2, 0)
    normal = np.stack([ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx], 2)
    return normal / np.sqrt((normal**2).sum(2, keepdims=True)).clip(1e-6)


def enlarge(values: np.ndarray) -> np.ndarray:
    """Interpolate values at the vertices (R, C[, k]) to texture pixels."""
    rows, columns = values.shape[:2]
    size = (columns - 1) * TEXELS + 1, (rows - 1) * TEXELS + 1
    matrix = np.array([[1 / TEXELS, 0, 0], [0, 1 / TEXELS, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


_MARGIN = 2  # each texture is continued by so many pixels in the atlas, for look-ups that pass its edge


def _atlas(sheets: list[Sheet]) -> tuple[np.ndarray, list[int]]:
    """Return all textures, one below another, as RGBA with alpha 255, and the row of each one's first pixel."""
    height = sum(s.texture.shape[0] + 2 * _MARGIN for s in sheets)
    width = max(s.texture.shape[1] for s in sheets) + 2 * _MARGIN
    atlas, tops, top = np.zeros((height, width, 4), np.uint8), [], 0
    for sheet in sheets:
        texture = cv2.copyMakeBorder(sheet.texture, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_REPLICATE)
        rows, columns = texture.shape[:2]
        atlas[top : top + rows, :columns] = cv2.cvtColor(texture, cv2.COLOR_RGB2RGBA)
        tops.append(top + _MARGIN)
        top += rows
    return atlas, tops


def _lookup(quads: np.ndarray, number: np.ndarray, columns: int, top: int) -> np.ndarray:
    """Return affine maps (n, 6) from screen (x, y) to the atlas' (u, v) that fit each quadrilateral (n, 4, 2) best.

    number: which quadrilateral of its grid each is, the grid having so many `columns` of vertices.
    """
    p0, p1, p2, p3 = quads.transpose(1, 2, 0)
    along, down, centre = (p1 + p2 - p0 - p3) / 2, (p2 + p3 - p0 - p1) / 2, (p0 + p1 + p2 + p3) / 4
    det = along[0] * down[1] - along[1] * down[0]
    # One seen edge-on would stretch its texture without end.
    gain = TEXELS / np.where(det < 0, np.minimum(det, -0.7), np.maximum(det, 0.7))
    s, t = np.stack([down[1], -down[0]]) * gain, np.stack([-along[1], along[0]]) * gain
    row, column = np.divmod(number, columns - 1)
    u = (column + 0.5) * TEXELS + _MARGIN - (s * centre).sum(0)
    v = (row + 0.5) * TEXELS + top - (t * centre).sum(0)
    return np.column_stack([u, *s, v, *t])


def _facing(sheet: Sheet, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a sheet's quadrilaterals (n, 4, 2) that an image of `size` can show, in pixels, and their numbers (n,)."""
    pixels = sheet.grid[..., :2] @ matrix[:, :2].T.astype(np.float32) + matrix[:, 2].astype(np.float32)
    quads = corners(pixels)
    area = signed_area(quads)
    number = np.flatnonzero((area != 0) if sheet.two_sided else (area > 0))
    first = quads[number, 0]
    edge = np.array(size[::-1])
    near = (first > -0.25 * edge) & (first < 1.25 * edge)  # no quadrilateral is as large
    number = number[near[:, 0] & near[:, 1]]
    return quads[number], number


def _painted(
    sheets: list[Sheet], tops: list[int], matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return all quadrilaterals (n, 4, 2) in pixels, the farthest first, and their atlas look-ups (n, 6)."""
    screen, depth, maps = [], [], []
    for sheet, top in zip(sheets, tops, strict=True):
        quads, number = _facing(sheet, matrix, size)
        z = sheet.grid[..., 2]
        screen.append(quads)
        depth.append((z[:-1, :-1] + z[:-1, 1:] + z[1:, :-1] + z[1:, 1:]).ravel()[number] / 4 + sheet.bias)
        maps.append(_lookup(quads, number, sheet.grid.shape[1], top))
    order = np.argsort(np.concatenate(depth), kind="stable")
    return np.concatenate(screen)[order], np.concatenate(maps)[order]


def rasterise(sheets: list[Sheet], matrix: np.ndarray, size: tuple[int, int], oversample: int = 2) -> np.ndarray:
    """Draw sheets, far ones first, into premultiplied RGBA uint8 (H, W, 4) of size (H, W).

    matrix: (2, 3) from a vertex's (x, y, 1) to pixels, whose centres are whole numbers from 0.
    """
    atlas, tops = _atlas(sheets)
    fine = np.column_stack([matrix[:, :2], matrix[:, 2] + 0.5]) * oversample - [0, 0, 0.5]
    quads, maps = _painted(sheets, tops, fine, (size[0] * oversample, size[1] * oversample))
    image = np.zeros((*size, 4), np.uint8)
    if not len(quads):
        return image
    # Only the part of the image that the sheets reach is worked on: left, top, right, bottom in its pixels.
    ends = quads.reshape(-1, 2).T
    reach = np.concatenate([ends.min(1) // oversample, ends.max(1) // oversample + 2])
    left, top, right, bottom = reach.clip(0, [size[1], size[0]] * 2).astype(int)
    corner = np.array([left, top], np.float32) * oversample
    ids = np.zeros(((bottom - top) * oversample, (right - left) * oversample), np.int32)
    polygons = np.round((quads - corner) * (1 << _SHIFT)).astype(np.int32)
    for name, polygon in enumerate(polygons, 1):
        cv2.fillConvexPoly(ids, polygon, name, cv2.LINE_8, _SHIFT)
    table = np.concatenate([np.zeros((1, 6)), maps]).T.astype(np.float32, order="C")
    table[[0, 3], 0] = -10  # outside the atlas: transparent
    y, x = (np.arange(n, dtype=np.float32) + start for n, start in zip(ids.shape, corner[::-1], strict=True))
    index = ids.astype(np.intp)
    u, v = (a.take(index) + b.take(index) * x + c.take(index) * y[:, None] for a, b, c in np.split(table, 2))
    part = cv2.remap(atlas, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    image[top:bottom, left:right] = cv2.resize(part, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return image
