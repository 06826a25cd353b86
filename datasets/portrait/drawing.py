"""One photograph of a synthetic person: pose, camera, background and clothes, with exact landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from datasets.align import anchor_points, similarity
from datasets.portrait import people, shapes
from datasets.portrait.features import paint_eyes, paint_mouth
from datasets.portrait.head import landmark_grid, pose_matrix
from datasets.portrait.render import Sheet, normals, rasterise
from datasets.portrait.template import COLUMNS, sample
from datasets.portrait.texture import Light, lit

SEMIFRONTAL = 45.0  # degrees of yaw up to which a face has 68 points
PROFILE_SHARE = 0.25
CELEBA_SIZE = 218, 178
CELEBA_POINTS = np.array([[69.5, 111], [108, 111], [88, 134], [74.5, 152], [104, 152]])


@dataclass(frozen=True)
class View:
    """How a head is seen: angles in degrees (head.pose_matrix), the light, and whether in CelebA's aligned frame."""

    yaw: float
    pitch: float
    roll: float
    light: Light
    aligned: bool


@dataclass(frozen=True)
class Drawing:
    """One synthetic face with everything that is known about it.

    image: (H, W, 3) uint8 RGB. landmarks: (n, 2) pixels, centres on whole numbers from 0; n = 68 for |yaw| <= 45, else
    39. Hidden points of the contour lie on the visible outline, as Menpo's do; all others are projections of points of
    the head. points: (n, 3) the head's own points before the pose, head coordinates. five: (5, 2) CelebA's points.
    matrix: (2, 3) from posed millimetres (x, y, 1) before the roll to pixels.
    """

    image: np.ndarray
    landmarks: np.ndarray
    five: np.ndarray
    points: np.ndarray
    matrix: np.ndarray
    view: View


def draw(
    person: int, photo: int, seed: int, yaw: float | None = None, *, aligned: bool = False, **fixed: float | Light
) -> Drawing:
    """Draw photo number `photo` of person number `person`; the same arguments give the same bytes.

    aligned: in CelebA's frame (178 x 218, eyes and mouth in fixed places), else a photograph of Menpo's kind.
    yaw and `fixed` (pitch, roll, light): as in View, sampled from the corpus's distribution where not given.
    """
    who = people.person(person, seed)
    rng = np.random.default_rng([seed, person, photo])
    view = replace(_view(rng, yaw, aligned), **fixed)  # type: ignore[arg-type]
    face = people.expression(rng)
    head = shapes.deform(face.weights, who.head)
    rotation = pose_matrix(view.yaw, view.pitch)
    posed = head @ rotation.T.astype(np.float32)
    all68 = sample(head, landmark_grid(68, face.opening))
    five = anchor_points(all68 @ rotation.T)[0][:, :2]
    where = _landmark_places(view.yaw, face.opening)
    points = sample(head, where)
    seen = points @ rotation.T
    if len(seen) == 68:
        seen[:17] = _on_outline(seen[:17], where[:17], posed, 1 if view.yaw > 0 else -1)
    if aligned:
        matrix, size = similarity(five, CELEBA_POINTS), CELEBA_SIZE
        view = replace(view, roll=float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
    else:
        matrix, size = _camera(rng, seen, view.roll)
    gap = float(np.linalg.norm(all68[62] - all68[66]))
    sheets = _sheets(who, face, head, gap, _gaze(rng, view.yaw), view)
    image = _picture(rng, sheets, matrix, size, view.light)
    landmarks, five = (p[:, :2] @ matrix[:, :2].T + matrix[:, 2] for p in (seen, five))
    return Drawing(image, landmarks, five, points, matrix, view)


def _view(rng: np.random.Generator, yaw: float | None, aligned: bool) -> View:
    """Choose a view; Menpo: a quarter profiles, the rest even up to 45 degrees; CelebA: mostly near-frontal."""
    kind, turn = rng.random(), rng.uniform(-1, 1)
    near = float(np.clip(rng.normal(0, 14), -44, 44))
    if yaw is None:
        profile = float(np.copysign(50 + 40 * abs(turn), turn))
        yaw = near if aligned else profile if kind < PROFILE_SHARE else turn * SEMIFRONTAL
    pitch, roll = (float(v) for v in rng.normal(0, [6.0, 7.0]).clip(-20, 20))
    return View(yaw, pitch, roll, people.light(rng), aligned)


def _gaze(rng: np.random.Generator, yaw: float) -> tuple[float, float]:
    """Choose a gaze, at the camera or where the head points: millimetres right and down."""
    camera = -8 * np.sin(np.radians(yaw)) * (rng.random() < 0.6)
    right, down = rng.normal([camera, 0], [1.1, 0.7]).clip(-4.5, 4.5)
    return float(right), float(down)


def _landmark_places(yaw: float, opening: float) -> np.ndarray:
    """Return grid coordinates of the landmarks that this yaw has: 68, or the 39 of the visible half."""
    if abs(yaw) <= SEMIFRONTAL:
        return landmark_grid(68, opening)
    where = landmark_grid(39, opening)
    return np.stack([len(COLUMNS) - 1 - where[:, 0], where[:, 1]], 1) if yaw > 0 else where


def _on_outline(points: np.ndarray, where: np.ndarray, posed: np.ndarray, side: int) -> np.ndarray:
    """Move the 17 contour points that lie on the far `side` (+1 or -1) along their rows to the visible outline."""
    far = slice(9, 17) if side > 0 else slice(0, 8)
    middle, steps = len(COLUMNS) // 2, 12
    columns = np.linspace(where[far, 0], middle + 0.35 * (where[far, 0] - middle), steps, axis=1)
    rows = np.repeat(where[far, 1:], steps, 1)
    candidates = sample(posed, np.stack([columns, rows], 2).reshape(-1, 2)).reshape(-1, steps, 3)
    moved = points.copy()
    moved[far] = candidates[np.arange(len(candidates)), np.argmax(side * candidates[..., 0], 1)]
    return moved


def _camera(rng: np.random.Generator, seen: np.ndarray, roll: float) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the map (2, 3) to a photograph of Menpo's kind and its size (H, W); the face fills 50 to 75 % of it."""
    height, width = (int(v) for v in rng.integers(160, 261, 2))
    turn = pose_matrix(0, 0, roll)[:2, :2]
    turned = seen[:, :2] @ turn.T
    low, high = turned.min(0), turned.max(0)
    scale = rng.uniform(0.5, 0.75) * min(height, width) / (high - low).max()
    room = np.array([width, height]) - scale * (high - low)
    corner = room * (np.array([0.5, 0.6]) + rng.uniform(-0.22, 0.22, 2))
    return np.column_stack([scale * turn, corner - scale * low]), (height, width)


def _sheets(
    who: people.Person, face: people.Expression, head: np.ndarray, gap: float, gaze: tuple[float, float], view: View
) -> list[Sheet]:
    """Return the head, its ears and long hair, posed and lit."""
    texture = who.albedo.copy()
    paint_eyes(texture, who.looks, face.opening, gaze)
    paint_mouth(texture, gap, face.teeth)
    parts = [(shapes.thicken(head, who.thickness), texture, 22.0, 0.0)]
    if who.ear:
        sides = [s for s in (-1, 1) if s * view.yaw < 60]  # the far ear of a profile is behind the head
        parts += [(shapes.ear(s, head, *who.ear), who.ear_albedo[:, ::s], 12.0, 6.0) for s in sides]
    if who.curtain is not None and who.curtain_albedo is not None:
        parts.append((who.curtain, who.curtain_albedo, 6.0, -8.0))
    rotation = pose_matrix(view.yaw, view.pitch).astype(np.float32)
    sheets = []
    for grid, albedo, gloss, bias in parts:
        posed = grid @ rotation.T
        normal, hanging = normals(posed), grid is who.curtain
        if hanging:  # its inside is seen too, and lies in the dark
            normal *= np.where(normal[..., 2:] < 0, -0.4, 1)
        sheets.append(Sheet(posed, lit(albedo, normal, view.light, gloss), hanging, bias))
    return sheets


def _background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Make a gradient, blurred blobs or stripes, (H, W, 3) uint8."""
    kind = rng.integers(3)
    tone = rng.uniform(10, 235) + rng.normal(0, 16, 3)
    if kind == 0:
        field = tone + rng.normal(0, 35, (2, 2, 1)) + rng.normal(0, 10, (2, 2, 3))
    elif kind == 1:
        cells = int(rng.integers(3, 8))
        field = tone + rng.normal(0, 45, (cells, cells, 1)) + rng.normal(0, 11, (cells, cells, 3))
    else:
        stripes = np.repeat(rng.normal(0, 40, (1, int(rng.integers(4, 16)), 1)), 2, 0)
        field = tone + stripes + rng.normal(0, 7, (2, stripes.shape[1], 3))
    flags = cv2.INTER_CUBIC if kind else cv2.INTER_LINEAR
    return cv2.resize(field.clip(0, 255).astype(np.uint8), (width, height), interpolation=flags)


def _picture(
    rng: np.random.Generator, sheets: list[Sheet], matrix: np.ndarray, size: tuple[int, int], light: Light
) -> np.ndarray:
    """Compose background, head, clothes and the camera's noise, (H, W, 3) uint8."""
    image = _background(rng, *size)
    cloth = ((rng.uniform(15, 225) + rng.normal(0, 30, 3)) * (light.ambient + 0.7 * light.key)).clip(0, 255)
    scale = float(np.hypot(*matrix[:, 0]))
    neck = sheets[0].grid[-3, :, :2].mean(0) @ matrix[:, :2].T + matrix[:, 2]
    collar = np.array([[-58, 0], [-45, -16], [45, -16], [58, 0], [58, 60], [-58, 60]])
    _polygon(image, collar * scale + neck, cloth * 0.6)
    head = rasterise(sheets, matrix, size)
    behind = cv2.multiply(image, cv2.cvtColor(255 - head[..., 3], cv2.COLOR_GRAY2RGB), scale=1 / 255)
    image = cv2.add(head[..., :3], behind)
    t = np.linspace(-1, 1, 13)
    neckline = np.stack([58 * t, -6 + rng.uniform(4, 45) * (1 - np.abs(t) ** 1.6)], 1)
    shoulder = np.array([[240, 260], [215, 66], [150, 30], [70, 6]])
    body = np.concatenate([shoulder * [-1, 1], neckline, shoulder[::-1]])
    _polygon(image, body * scale + neck, cloth)
    noise = rng.standard_normal((size[0] // 2, size[1] // 2), np.float32) * rng.uniform(0, 3)
    grain = cv2.resize(noise, size[::-1])
    return cv2.add(image, cv2.merge([grain] * 3), dtype=cv2.CV_8U)


def _polygon(image: np.ndarray, points: np.ndarray, colour: np.ndarray) -> None:
    cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], colour.tolist(), cv2.LINE_AA, 4)
