"""What changes from photo to photo: the eyes by gaze and lids, the inside of the mouth by its opening."""

from __future__ import annotations

from functools import cache

import numpy as np

from datasets.portrait.head import EYE, EYE_HALF, lids
from datasets.portrait.looks import Looks
from datasets.portrait.template import step
from datasets.portrait.texture import blend, plane, windows


@cache
def _eye_places() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both eyes' windows side by side: millimetres right of and below the eye's centre, and right of the nose (+-1)."""
    p, parts = plane(), [windows()["left"], windows()["right"]]
    side = np.concatenate([np.full(p["x"][part].shape, s) for part, s in zip(parts, (-1, 1), strict=True)], 1)
    x, y = (np.concatenate([p[axis][part] for part in parts], 1) for axis in "xy")
    return x - side * np.float32(EYE[0]), y - np.float32(EYE[1]), side


def paint_eyes(image: np.ndarray, looks: Looks, opening: float, gaze: tuple[float, float]) -> None:
    """Draw both eyes on the texture, open by `opening` (0 shut, 1 usual), looking `gaze` millimetres right and down."""
    left, right = windows()["left"], windows()["right"]
    x, y, side = _eye_places()
    up, down = lids(x, opening)
    across = np.abs(x)
    eye = np.concatenate([image[left], image[right]], 1)
    blend(eye, looks.skin * 0.55, 0.45 * np.exp(-(((y + up + 3.2) / 1.1) ** 2)) * step(14, 8, across))  # the lid's fold
    ball = _eyeball(x, y, looks, gaze)
    ball *= (1 - 0.28 * step(3.0, 0, y + up) - 0.1 * (across / EYE_HALF) ** 2)[..., None]
    blend(ball, looks.skin * [1.0, 0.7, 0.68], step(EYE_HALF - 3.5, EYE_HALF - 1.5, -side * x) * 0.8)
    mask = step(-0.45, 0.55, np.minimum(y + up, down - y)) * step(EYE_HALF + 0.6, EYE_HALF - 0.6, across)
    blend(eye, ball, mask)
    thick, strong = 0.75 + 0.5 * looks.makeup, 0.3 + 0.3 * looks.makeup
    lashes = np.exp(-(((y + up) / thick) ** 2)) + strong * np.exp(-(((y - down) / 0.6) ** 2))
    blend(eye, looks.hair * 0.3, (lashes * step(EYE_HALF + 1.5, EYE_HALF - 1.5, across) * 0.85).clip(0, 1))
    image[left], image[right] = np.split(eye, [image[left].shape[1]], 1)


def _eyeball(x: np.ndarray, y: np.ndarray, looks: Looks, gaze: tuple[float, float]) -> np.ndarray:
    """Paint white, iris, pupil and highlight at x, y millimetres from the eye's centre, (H, W, 3)."""
    ball = np.empty((*x.shape, 3), np.float32)
    ball[:] = [232, 226, 222]
    distance = np.hypot(x - gaze[0], y - gaze[1])
    blend(ball, looks.iris * (0.75 + 0.35 * step(2, 5, distance))[..., None], step(6.3, 5.5, distance))
    blend(ball, looks.iris * 0.35, step(4.8, 5.6, distance) * step(6.6, 5.8, distance) * 0.7)
    blend(ball, 14.0, step(3.0, 2.3, distance))
    blend(ball, 250.0, step(1.5, 0.8, np.hypot(x - gaze[0] + 1.6, y - gaze[1] + 2.0)) * 0.9)
    return ball


def paint_mouth(image: np.ndarray, gap: float, teeth: float) -> None:
    """Draw the inside of the mouth between the lips, open by `gap` mm, with the upper teeth `teeth` mm long."""
    part = windows()["gap"]
    p = plane()
    x, b = p["x"][part], p["b"][part]
    place = (b - 64).clip(0, 1) * gap  # millimetres below the upper lip in the middle of the mouth
    width = np.sqrt((1 - (x / 24) ** 2).clip(0, 1))
    mask = step(63.95, 64.05, b) * step(65.05, 64.95, b) * step(0.0, 0.3, width) * step(1.0, 2.5, gap)
    inside = np.empty((*x.shape, 3), np.float32)
    inside[:] = [70, 26, 28]
    inside += (step(0.55, 1.0, b - 64) * np.exp(-((x / 15) ** 2)))[..., None] * np.array([70, 38, 40], np.float32)
    gaps = 1 - 0.25 * np.exp(-((((x + 4) % 8 - 4) / 0.5) ** 2))
    tooth = (np.array([236, 230, 216]) * (gaps * (1 - 0.35 * (np.abs(x) / 24)))[..., None]).astype(np.float32)
    blend(inside, tooth, step(teeth + 0.5, teeth - 0.5, place) * step(21, 18, np.abs(x)))
    blend(image[part], inside, mask)
