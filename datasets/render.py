"""From sheets of textured quadrilaterals to pixels: a painter's rasteriser with sub-pixel texture look-up."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

TEXELS = 5  # texture pixels from one grid vertex to the next
_SHIFT = 4  # fractional bits of OpenCV's polygon coordinates


@dataclass(frozen=True)
class Sheet:
    """A grid of camera-space vertices (R, C, 3), z towards the camera, and its texture.

    texture: ((R - 1) * TEXELS + 1, (C - 1) * TEXELS + 1, 3) uint8. two_sided sheets are seen from behind too.
    """

    grid: np.ndarray
    texture: np.ndarray
    two_sided: bool = False


def corners(grid: np.ndarray) -> np.ndarray:
    """The quadrilaterals of a grid (R, C, k) as ((R - 1) * (C - 1), 4, k), clockwise on the screen if they face us."""
    quads = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], 2)
    return quads.reshape(-1, 4, grid.shape[2])


def signed_area(quads: np.ndarray) -> np.ndarray:
    """Twice the area of screen quadrilaterals (n, 4, 2), positive where they face the camera."""
    a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def normals(grid: np.ndarray) -> np.ndarray:
    """Unit normals (R, C, 3) of a grid, towards the outside."""
    along, down = np.empty_like(grid), np.empty_like(grid)
    along[:, 1:-1], along[:, 0], along[:, -1] = grid[:, 2:] - grid[:, :-2], grid[:, 1] - grid[:, 0], grid[:, -1] - grid[:, -2]
    down[1:-1], down[0], down[-1] = grid[2:] - grid[:-2], grid[1] - grid[0], grid[-1] - grid[-2]
    (ax, ay, az), (dx, dy, dz) = np.moveaxis(along, 2, 0), np.moveaxis(down, 2, 0)
    normal = np.stack([ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx], 2)
    return normal / np.sqrt((normal**2).sum(2, keepdims=True)).clip(1e-6)


def enlarge(values: np.ndarray) -> np.ndarray:
    """Values at the vertices (R, C[, k]) interpolated to texture pixels."""
    rows, columns = values.shape[:2]
    size = (columns - 1) * TEXELS + 1, (rows - 1) * TEXELS + 1
    matrix = np.array([[1 / TEXELS, 0, 0], [0, 1 / TEXELS, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _atlas(sheets: list[Sheet]) -> tuple[np.ndarray, list[int]]:
    """All textures, one under another, as RGBA with alpha 255; and the first row of each."""
    height, width = sum(s.texture.shape[0] for s in sheets), max(s.texture.shape[1] for s in sheets)
    atlas, tops = np.full((height, width, 4), 255, np.uint8), []
    top = 0
    for sheet in sheets:
        rows, columns = sheet.texture.shape[:2]
        atlas[top : top + rows, :columns, :3] = sheet.texture
        tops.append(top)
        top += rows
    return atlas, tops


def _lookup(quads: np.ndarray, columns: int, top: int) -> np.ndarray:
    """Affine maps (n, 6) from screen (x, y) to texture (u, v) that fit each quadrilateral best."""
    p0, p1, p2, p3 = np.moveaxis(quads, 1, 0)
    along, down, centre = (p1 + p2 - p0 - p3) / 2, (p2 + p3 - p0 - p1) / 2, quads.mean(1)
    det = along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0]
    det = np.where(det < 0, -1, 1) * np.abs(det).clip(0.7)  # one seen edge-on would stretch its texture without end
    s = np.stack([down[:, 1], -down[:, 0]], 1) * (TEXELS / det[:, None])
    t = np.stack([-along[:, 1], along[:, 0]], 1) * (TEXELS / det[:, None])
    row, column = np.divmod(np.arange(len(quads)), columns - 1)
    u = (column + 0.5) * TEXELS - (s * centre).sum(1)
    v = (row + 0.5) * TEXELS + top - (t * centre).sum(1)
    return np.column_stack([u, s, v, t])


def rasterise(sheets: list[Sheet], matrix: np.ndarray, size: tuple[int, int], oversample: int = 2) -> np.ndarray:
    """Draw sheets, far ones first, into premultiplied RGBA uint8 (H, W, 4) of size (H, W).

    matrix: (2, 3) from a vertex's (x, y, 1) to pixels, whose centres are whole numbers from 0.
    """
    atlas, tops = _atlas(sheets)
    height, width = size[0] * oversample, size[1] * oversample
    screen, depth, maps = [], [], []
    for sheet, top in zip(sheets, tops, strict=True):
        pixels = sheet.grid[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        quads = corners((pixels + 0.5) * oversample - 0.5)
        low, high = quads.min(1), quads.max(1)
        keep = ((high > -1) & (low < [width, height])).all(1) & ((signed_area(quads) > 0) | sheet.two_sided)
        screen.append(quads[keep])
        depth.append(corners(sheet.grid[..., 2:]).mean((1, 2))[keep])
        maps.append(_lookup(quads, sheet.grid.shape[1], top)[keep])
    order = np.argsort(np.concatenate(depth), kind="stable")
    polygons = np.round(np.concatenate(screen)[order] * (1 << _SHIFT)).astype(np.int32)
    ids = np.zeros((height, width), np.int32)
    for number, polygon in enumerate(polygons, 1):
        cv2.fillConvexPoly(ids, polygon, number, cv2.LINE_8, _SHIFT)
    table = np.zeros((len(order) + 1, 6), np.float32)
    table[0, [0, 3]] = -10  # outside the atlas: transparent
    table[1:] = np.concatenate(maps)[order]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    u, v = (a.take(ids) + b.take(ids) * x + c.take(ids) * y for a, b, c in np.split(np.ascontiguousarray(table.T), 2))
    image = cv2.remap(atlas, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
