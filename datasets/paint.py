"""The colours of a head, painted on the texture of its grid: skin, lips, brows, hair and beard; eyes and mouth by photo.

Colours are float32 RGB in 0..255 before the light. Places are millimetres of the template (datasets/head.py), so that
what is painted moves with the mesh, and the landmarks with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from datasets.head import COLUMNS, EYE, EYE_HALF, LOWER_LID, ROWS, SEAM, UPPER_LID, base, lid, step
from datasets.render import enlarge


@dataclass(frozen=True)
class Looks:
    """What a person looks like apart from the shape: colours (3,) RGB 0..255, amounts 0..1, hair by style."""

    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    blush: float
    freckles: float
    brow_weight: float
    beard: float
    moustache: float
    stubble: float
    makeup: float
    style: str
    seed: int


# Hairlines: row b (mm below the eyes) above which there is hair, by the angle from the front in degrees.
_ANGLES = np.array([0, 18, 32, 45, 55, 63, 70, 76, 83, 90, 98, 106, 114, 124, 180])
_LINE = np.array([-72, -71, -66, -58, -45, -30, -8, 14, 18, -4, -14, -8, 22, 55, 66], float)
_FRINGE = np.array([-33, -34, -37, -38, -34, -24, -4, 20, 24, 0, -12, -4, 25, 58, 70], float)
_RECEDING = np.array([-88, -95, -98, -80, -52, -30, -8, 10, 14, -4, -14, -8, 22, 55, 66], float)
_BALD = np.array([-140, -140, -140, -140, -140, -40, -12, 6, 10, -6, -14, -8, 22, 50, 60], float)
_COVER = np.array([-70, -70, -66, -58, -44, -20, 14, 40, 60, 70, 75, 75, 75, 75, 75], float)
_COVER_FRINGE = np.array([-33, -33, -35, -36, -30, -8, 20, 44, 60, 70, 75, 75, 75, 75, 75], float)

# style: hairline, thickness on top and at the sides (mm), opacity, curtain (y of its end, angle where it opens) or None
STYLES: dict[str, tuple[np.ndarray, float, float, float, tuple[float, float] | None]] = {
    "none": (_BALD, 0, 0, 0.0, None),
    "horseshoe": (_BALD, 0, 3, 0.8, None),
    "buzz": (_LINE, 2, 1.5, 0.8, None),
    "short": (_LINE, 9, 5, 1.0, None),
    "top": (_LINE, 20, 5, 1.0, None),
    "fringe": (_FRINGE, 12, 8, 1.0, None),
    "receding": (_RECEDING, 6, 5, 0.95, None),
    "tied": (_LINE, 6, 4, 1.0, None),
    "afro": (_LINE, 30, 22, 1.0, None),
    "long": (_COVER, 12, 9, 1.0, (175, 68)),
    "long behind": (_LINE, 11, 6, 1.0, (165, 118)),
    "long fringe": (_COVER_FRINGE, 12, 9, 1.0, (160, 68)),
    "bob": (_COVER_FRINGE, 13, 11, 1.0, (88, 66)),
    "bob parted": (_COVER, 13, 11, 1.0, (84, 66)),
}


@cache
def _plane() -> dict[str, np.ndarray]:
    """Template coordinates of each texture pixel, (H, W) float32: x, y (mm), b (row), angle (degrees, absolute)."""
    grid = base()
    b = np.broadcast_to(ROWS[:, None], grid.shape[:2])
    angle = np.broadcast_to(COLUMNS[None], grid.shape[:2])
    x, y = enlarge(grid[..., 0]), enlarge(grid[..., 1])
    return {"x": x, "y": y, "b": enlarge(b), "angle": np.abs(enlarge(angle)), "front": step(85, 60, np.abs(enlarge(angle)))}


def _window(x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice]:
    """The texture's part on the front that holds template positions x0..x1, y0..y1."""
    p = _plane()
    inside = (p["x"] > x0) & (p["x"] < x1) & (p["y"] > y0) & (p["y"] < y1) & (p["angle"] < 80) & (p["b"] < 108)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@cache
def _windows() -> dict[str, tuple[slice, slice]]:
    return {
        "left": _window(-56, -8, -16, 13),
        "right": _window(8, 56, -16, 13),
        "brows": _window(-60, 60, -32, -4),
        "mouth": _window(-30, 30, 52, 82),
        "nose": _window(-24, 24, 22, 60),
        "gap": _window(-26, 26, 63.6, 65.4),
    }


def _blend(image: np.ndarray, colour: np.ndarray | float, alpha: np.ndarray) -> None:
    """Lay `colour` over `image` in place where `alpha` (H, W) says so."""
    image += (colour - image) * alpha[..., None]


def _at(window: str) -> tuple[np.ndarray, np.ndarray]:
    """|x| and y of the template in a window."""
    p, part = _plane(), _windows()[window]
    return np.abs(p["x"][part]), p["y"][part]


@cache
def _lips() -> tuple[np.ndarray, np.ndarray]:
    """Masks (h, w) in the mouth's window: both lips, and the dark line where they meet."""
    x, y = _at("mouth")
    top = np.interp(x, [0, 5.5, 15, 25], [57.6, 56.6, 59.2, SEAM])
    bottom = np.interp(x, [0, 6.5, 15, 25], [76.4, 75.9, 72.6, SEAM])
    mask = step(-0.6, 0.9, np.minimum(y - top, bottom - y)) * step(26, 24, x)
    line = np.exp(-(((y - SEAM) / 0.9) ** 2)) * step(27.5, 23, x)
    return mask, line


def _skin(looks: Looks, rng: np.random.Generator) -> np.ndarray:
    """Skin all over the texture, with the folds, shades and red parts of a face."""
    p = _plane()
    shape = p["x"].shape
    soft = cv2.resize(rng.standard_normal((9, 8), np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    fine = rng.standard_normal(shape, np.float32)
    image = np.empty((*shape, 3), np.float32)
    image[:] = looks.skin
    x, y = np.abs(p["x"]), p["y"]
    red = np.exp(-(((x - 38) / 15) ** 2) - ((y - 30) / 14) ** 2) + 0.7 * np.exp(-((x / 13) ** 2) - ((y - 40) / 9) ** 2)
    red = red * p["front"] * (p["b"] < 108)
    image += red[..., None] * looks.blush * np.array([6, -20, -16], np.float32)
    spots = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 1.0)
    image -= (step(0.5, 0.9, spots) * red * looks.freckles)[..., None] * np.array([28, 40, 44], np.float32)
    socket = np.exp(-(((x - 29) / 15) ** 2) - ((y + 2) / 8.5) ** 2)
    fold = np.exp(-(((x - np.interp(y, [40, 52, 66], [19, 25, 31])) / 2.2) ** 2)) * step(38, 46, y) * step(68, 58, y)
    wing = np.exp(-(((np.hypot((x - 12) / 1.0, (y - 41) / 1.1) - 6.3) / 1.2) ** 2)) * (x > 11.5)
    under = np.exp(-((x / 14) ** 2) - ((y - 50.5) / 3.0) ** 2) + 0.8 * np.exp(-((x / 13) ** 2) - ((y - 81) / 3.5) ** 2)
    dark = (0.20 * socket + 0.13 * fold + 0.3 * wing + 0.2 * under) * p["front"] * (p["b"] < 107)
    dark += 0.3 * step(109, 118, p["b"]) * step(190, 120, p["b"])
    image *= (1 - dark + 0.015 * soft + 0.012 * fine)[..., None]
    return image


def _features(image: np.ndarray, looks: Looks, rng: np.random.Generator) -> None:
    """Lips, nostrils and brows."""
    part = _windows()["mouth"]
    mask, line = _lips()
    x, y = _at("mouth")
    relief = 0.88 + 0.22 * step(SEAM, 71, y) * step(76, 71, y)
    _blend(image[part], looks.lips * relief[..., None], mask * 0.85)
    _blend(image[part], looks.skin * [0.32, 0.2, 0.18], line * 0.8)
    part, (x, y) = _windows()["nose"], _at("nose")
    hole = np.exp(-(((x - 7.2) / 3.4) ** 4) - ((y - 46.3 + 0.12 * (x - 7)) / 1.7) ** 4)
    _blend(image[part], looks.skin * 0.22, hole * 0.85)
    part, (x, y) = _windows()["brows"], _at("brows")
    middle = np.interp(x, [10, 13, 22.5, 33, 42.5, 51, 56], [-15, -15.6, -19, -20.2, -18.2, -12.2, -9])
    half = np.interp(x, [9, 13, 24, 38, 53], [1.2, 2.6, 2.9, 2.2, 0.7]) * (0.75 + 0.5 * looks.brow_weight)
    hairs = 0.8 + 0.25 * rng.standard_normal(x.shape, np.float32)
    mask = step(1.25, 0.45, np.abs(y - middle) / half) * step(9, 13, x) * step(54, 49, x)
    _blend(image[part], looks.hair * 0.62, np.clip(mask * hairs * (0.45 + 0.5 * looks.brow_weight), 0, 0.95))


def _strands(rng: np.random.Generator, shape: tuple[int, int], curly: bool) -> np.ndarray:
    """Brightness of hair about 1: streaks down the rows, or curls."""
    cells = (shape[0] // 5, shape[1] // 4) if curly else (9, shape[1] // 2)
    streaks = cv2.resize(rng.standard_normal(cells, np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    broad = cv2.resize(rng.standard_normal((6, 16), np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (1 + (0.2 if curly else 0.16) * streaks + 0.1 * broad).clip(0.45, 1.7)


def hairline(looks: Looks, angle: np.ndarray) -> np.ndarray:
    """Row b of the hairline at |angle| degrees from the front."""
    return np.interp(angle, _ANGLES, STYLES[looks.style][0])


def _hair(image: np.ndarray, looks: Looks, rng: np.random.Generator) -> None:
    """Hair on the head, beard, moustache and stubble."""
    p, shape = _plane(), image.shape[:2]
    tips = cv2.resize(rng.standard_normal((1, shape[1] // 3), np.float32), shape[::-1])
    strands = _strands(rng, shape, looks.style == "afro")[..., None]
    edge = hairline(looks, p["angle"]) + tips * (4.5 if "fringe" in looks.style else 2.0)
    mask = step(2.5, -2.5, p["b"] - edge) * STYLES[looks.style][3]
    _blend(image, looks.hair * strands, mask)
    x, y = np.abs(p["x"]), p["y"]
    low = np.interp(p["angle"], [0, 12, 25, 40, 60, 78], [79, 76, 62, 48, 26, 6])
    jaw = step(-4, 5, p["b"] - low) * step(88, 80, p["angle"]) * step(122, 110, p["b"])
    lip = step(26, 21, x) * step(50.5, 53, y) * step(66, 58, y) + step(5, 2.5, np.abs(x - 27)) * step(56, 62, y) * (y < 85)
    lips = np.zeros(shape, np.float32)
    lips[_windows()["mouth"]] = _lips()[0]
    grain = (0.75 + 0.35 * rng.standard_normal(shape, np.float32)).clip(0, 1.3)
    front = p["front"] * (p["b"] < 124) * (1 - lips)
    _blend(image, looks.hair * 0.8 * strands, (front * grain * np.maximum(jaw * looks.beard, lip * looks.moustache)).clip(0, 0.95))
    _blend(image, looks.skin * 0.35, front * grain * np.maximum(jaw, lip).clip(0, 1) * looks.stubble * 0.4)


def albedo(looks: Looks) -> np.ndarray:
    """The person's texture (H, W, 3) float32, eyes and mouth shut."""
    rng = np.random.default_rng(looks.seed)
    image = _skin(looks, rng)
    _features(image, looks, rng)
    _hair(image, looks, rng)
    return image


def thickness(looks: Looks) -> np.ndarray:
    """Thickness of the hair and beard over the grid's vertices, (R, C) float32 millimetres."""
    rng = np.random.default_rng(looks.seed + 1)
    _, top, side, _, _ = STYLES[looks.style]
    angle, b = np.abs(COLUMNS)[None], ROWS[:, None]
    covered = step(3, -16, b - hairline(looks, angle))
    wild = 0.14 if looks.style in ("afro", "top", "fringe") else 0.06
    noise = cv2.GaussianBlur(rng.standard_normal((len(ROWS), len(COLUMNS)), np.float32), (0, 0), 1.2) * 3
    body = (side + (top - side) * step(-40, -95, b)) * (1 + wild * noise)
    return (covered * body).astype(np.float32)


def ear_albedo(looks: Looks) -> np.ndarray:
    """Texture (41, 31, 3) of an ear's sheet, front edge at the left."""
    t, s = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 31), indexing="ij")
    hollow = np.exp(-(((s + 0.12) / 0.38) ** 2) - ((t - 0.1) / 0.42) ** 2)
    groove = np.exp(-(((np.maximum(np.abs(s - 0.02), np.abs(t)) - 0.62) / 0.13) ** 2)) * (t < 0.5) * (s > -0.5)
    shade = (1 - 0.42 * hollow - 0.22 * groove)[..., None]
    return (looks.skin * np.array([1.0, 0.9, 0.88]) * shade).astype(np.float32)


def curtain_albedo(looks: Looks, shape: tuple[int, int]) -> np.ndarray:
    """Texture of the hanging hair's sheet, (H, W, 3) for `shape` (H, W)."""
    strands = _strands(np.random.default_rng(looks.seed + 2), shape, False)
    return looks.hair * strands[..., None]


def paint_eyes(image: np.ndarray, looks: Looks, opening: float, gaze: tuple[float, float]) -> None:
    """Draw both eyes on the texture, open by `opening` (0 shut, 1 usual), looking `gaze` millimetres right and down."""
    for window, side in (("left", -1), ("right", 1)):
        part = _windows()[window]
        p = _plane()
        x, y = p["x"][part] - side * EYE[0], p["y"][part] - EYE[1]
        up = lid(x, UPPER_LID) * opening
        down = lid(x, LOWER_LID) * (0.6 + 0.4 * min(opening, 1.0))
        inside = np.minimum(y + up, down - y)
        mask = step(-0.45, 0.55, inside) * step(EYE_HALF + 0.6, EYE_HALF - 0.6, np.abs(x))
        eye = image[part]
        _blend(eye, looks.skin * 0.55, 0.45 * np.exp(-(((y + up + 3.2) / 1.1) ** 2)) * step(15, 9, np.abs(x)))  # the lid's fold
        distance = np.hypot(x - gaze[0], y - gaze[1])
        white = np.array([232, 226, 222], np.float32) * (1 - 0.28 * step(3.0, 0, y + up) - 0.1 * (np.abs(x) / EYE_HALF) ** 2)[..., None]
        _blend(white, looks.skin * [1.0, 0.7, 0.68], step(EYE_HALF - 3.5, EYE_HALF - 1.5, -side * x) * 0.8)
        _blend(white, looks.iris * (0.75 + 0.35 * step(2, 5, distance))[..., None], step(6.5, 5.7, distance))
        _blend(white, looks.iris * 0.35, step(5.0, 5.8, distance) * step(6.8, 6.0, distance) * 0.7)
        _blend(white, np.float32(14), step(3.1, 2.4, distance))
        _blend(white, np.float32(250), step(1.5, 0.8, np.hypot(x - gaze[0] + 1.6, y - gaze[1] + 2.0)) * 0.9)
        _blend(eye, white, mask)
        lashes = np.exp(-(((y + up) / (0.75 + 0.5 * looks.makeup)) ** 2)) + (0.3 + 0.3 * looks.makeup) * np.exp(-(((y - down) / 0.6) ** 2))
        _blend(eye, looks.hair * 0.3, (lashes * step(EYE_HALF + 1.5, EYE_HALF - 1.5, np.abs(x)) * 0.85).clip(0, 1))


def paint_mouth(image: np.ndarray, gap: float, teeth: float) -> None:
    """Draw the inside of the mouth between the lips, open by `gap` mm, with the upper teeth `teeth` mm long."""
    part = _windows()["gap"]
    p = _plane()
    x, b = p["x"][part], p["b"][part]
    place = (b - 64).clip(0, 1) * gap  # millimetres below the upper lip in the middle of the mouth
    width = np.sqrt((1 - (x / 24) ** 2).clip(0, 1))
    mask = step(63.95, 64.05, b) * step(65.05, 64.95, b) * step(0.0, 0.3, width) * step(1.0, 2.5, gap)
    inside = np.empty((*x.shape, 3), np.float32)
    inside[:] = [70, 26, 28]
    inside += (step(0.55, 1.0, b - 64) * np.exp(-((x / 15) ** 2)))[..., None] * np.array([70, 38, 40], np.float32)
    gaps = 1 - 0.25 * np.exp(-((((x + 4) % 8 - 4) / 0.5) ** 2))
    tooth = (np.array([236, 230, 216]) * (gaps * (1 - 0.35 * (np.abs(x) / 24)))[..., None]).astype(np.float32)
    _blend(inside, tooth, step(teeth + 0.5, teeth - 0.5, place) * step(21, 18, np.abs(x)))
    _blend(image[part], inside, mask)


def lit(texture: np.ndarray, normal: np.ndarray, light: Mapping[str, np.ndarray], gloss: float) -> np.ndarray:
    """The texture (H, W, 3) under a light, uint8. normal: (R, C, 3) at the grid's vertices, camera space.

    light: "direction" (3,) unit towards the light, "key" and "ambient" (3,) RGB factors. gloss: size of the highlight.
    """
    facing = normal @ light["direction"]
    wrapped = ((facing + 0.25) / 1.25).clip(0)
    sky = 0.78 - 0.22 * normal[..., 1:2]
    half = light["direction"] + np.array([0, 0, 1.0])
    shine = gloss * (normal @ (half / np.linalg.norm(half))).clip(0) ** 14 * light["key"].mean()
    shade = enlarge(wrapped[..., None] * light["key"] + sky * light["ambient"])
    return (texture * shade + enlarge(shine)[..., None]).clip(0, 255).astype(np.uint8)
