"""What stays on a person's head from photo to photo: skin, lips, nostrils, brows, hair and beard."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from datasets.portrait.looks import STYLES, Looks, above_hairline
from datasets.portrait.render import TEXELS
from datasets.portrait.template import COLUMNS, ROWS, SEAM, step
from datasets.portrait.texture import at, blend, noise, plane, windows


@cache
def _lips() -> tuple[np.ndarray, np.ndarray]:
    """Return masks (h, w) in the mouth's window: both lips, and the dark line where they meet."""
    x, y = at("mouth")
    top = np.interp(x, [0, 5.5, 15, 25], [57.6, 56.6, 59.2, SEAM])
    bottom = np.interp(x, [0, 6.5, 15, 25], [76.4, 75.9, 72.6, SEAM])
    mask = step(-0.6, 0.9, np.minimum(y - top, bottom - y)) * step(26, 24, x)
    line = np.exp(-(((y - SEAM) / 0.9) ** 2)) * step(27.5, 23, x)
    return mask, line


@cache
def _folds() -> tuple[np.ndarray, np.ndarray]:
    """Return where a face is red (cheeks, nose), and where folds and hollows darken it, (H, W) float32."""
    p = plane()
    x, y = np.abs(p["x"]), p["y"]
    red = np.exp(-(((x - 38) / 15) ** 2) - ((y - 30) / 14) ** 2) + 0.7 * np.exp(-((x / 13) ** 2) - ((y - 40) / 9) ** 2)
    socket = np.exp(-(((x - 29) / 15) ** 2) - ((y + 2) / 8.5) ** 2)
    fold = np.exp(-(((x - np.interp(y, [40, 52, 66], [19, 25, 31])) / 2.2) ** 2)) * step(38, 46, y) * step(68, 58, y)
    wing = np.exp(-(((np.hypot(x - 12, (y - 41) / 1.1) - 6.3) / 1.2) ** 2)) * (x > 11.5)
    under = np.exp(-((x / 14) ** 2) - ((y - 50.5) / 3.0) ** 2) + 0.8 * np.exp(-((x / 13) ** 2) - ((y - 81) / 3.5) ** 2)
    dark = (0.20 * socket + 0.13 * fold + 0.3 * wing + 0.2 * under) * p["front"] * (p["b"] < 107)
    dark += 0.24 * step(105, 119, p["b"]) * step(190, 120, p["b"]) * step(95, 60, p["angle"])
    return (red * p["front"] * (p["b"] < 108)).astype(np.float32), dark.astype(np.float32)


def _skin(looks: Looks, rng: np.random.Generator) -> np.ndarray:
    """Paint skin all over the texture, with the folds, shades and red parts of a face."""
    red, dark = _folds()
    soft = cv2.resize(rng.standard_normal((9, 8), np.float32), red.shape[::-1], interpolation=cv2.INTER_CUBIC)
    light = 1 - dark + 0.015 * soft + 0.012 * noise(rng, red.shape)
    image = looks.skin * light[..., None]
    image += red[..., None] * (looks.blush * np.array([6, -16, -13], np.float32))
    if looks.freckles:
        spots = step(0.14, 0.25, cv2.GaussianBlur(noise(rng, red.shape), (0, 0), 1.0)) * red
        image -= (spots * looks.freckles)[..., None] * looks.skin * np.array([0.12, 0.2, 0.24], np.float32)
    return image


def _features(image: np.ndarray, looks: Looks, rng: np.random.Generator) -> None:
    """Paint lips, nostrils and brows."""
    part = windows()["mouth"]
    mask, line = _lips()
    x, y = at("mouth")
    relief = 0.88 + 0.22 * step(SEAM, 71, y) * step(76, 71, y)
    blend(image[part], looks.lips * relief[..., None], mask * 0.85)
    blend(image[part], looks.skin * [0.32, 0.2, 0.18], line * 0.8)
    part, (x, y) = windows()["nose"], at("nose")
    hole = np.exp(-(((x - 7.2) / 3.4) ** 4) - ((y - 46.3 + 0.12 * (x - 7)) / 1.7) ** 4)
    blend(image[part], looks.skin * 0.22, hole * 0.85)
    part, (x, y) = windows()["brows"], at("brows")
    middle = np.interp(x, [10, 13, 23.5, 34.5, 45, 55, 60], [-15, -15.6, -19.3, -20.9, -19, -12.4, -9])
    half = np.interp(x, [9, 13, 24, 40, 57], [1.2, 2.6, 2.9, 2.2, 0.7]) * (0.75 + 0.5 * looks.brow_weight)
    hairs = 0.8 + 0.25 * noise(rng, x.shape)
    mask = step(1.25, 0.45, np.abs(y - middle) / half) * step(9, 13, x) * step(58, 53, x)
    blend(image[part], looks.hair * 0.62, np.clip(mask * hairs * (0.45 + 0.5 * looks.brow_weight), 0, 0.95))


def _strands(rng: np.random.Generator, shape: tuple[int, int], curly: bool) -> np.ndarray:
    """Return the brightness of hair about 1: streaks down the rows, or curls."""
    cells = (shape[0] // 5, shape[1] // 4) if curly else (9, shape[1] // 2)
    streaks = cv2.resize(rng.standard_normal(cells, np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    broad = cv2.resize(rng.standard_normal((6, 16), np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (1 + (0.2 if curly else 0.16) * streaks + 0.1 * broad).clip(0.45, 1.7)


def _hair(image: np.ndarray, looks: Looks, rng: np.random.Generator) -> None:
    """Paint hair on the head, beard, moustache and stubble."""
    p, shape = plane(), image.shape[:2]
    tips = cv2.resize(rng.standard_normal((1, shape[1] // 3), np.float32), shape[::-1])
    strands = _strands(rng, shape, looks.style == "afro")[..., None]
    angle = p["angle"][:1]
    ends = tips * step(60, 40, angle) * (4.5 if "fringe" in looks.style else 2.0)
    mask = step(-2.5, 2.5, above_hairline(looks, angle, p["b"][:, :1], ends)) * STYLES[looks.style].opacity
    blend(image, looks.hair * strands, mask)
    if looks.beard or looks.moustache or looks.stubble:
        _beard(image, looks, rng, strands)


@cache
def _beard_places() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return masks (H, W): jaw, upper lip with the corners of the mouth, and all that is not lips."""
    p = plane()
    x, y = np.abs(p["x"]), p["y"]
    low = np.interp(p["angle"], [0, 12, 25, 40, 60, 78], [79, 76, 62, 48, 26, 6])
    jaw = step(-7, 8, p["b"] - low) * step(88, 78, p["angle"]) * step(124, 110, p["b"])
    lip = step(26, 21, x) * step(50.5, 53, y) * step(66, 58, y) + step(5, 2.5, np.abs(x - 27)) * step(56, 62, y) * (
        y < 85
    )
    skin = p["front"] * (p["b"] < 124)
    skin[windows()["mouth"]] *= 1 - _lips()[0]
    return jaw, lip, skin


def _beard(image: np.ndarray, looks: Looks, rng: np.random.Generator, strands: np.ndarray) -> None:
    """Paint beard, moustache and stubble."""
    jaw, lip, skin = _beard_places()
    grain = skin * (0.75 + 0.35 * noise(rng, jaw.shape)).clip(0, 1.3)
    blend(image, looks.skin * 0.35, grain * np.maximum(jaw, lip) * looks.stubble * 0.4)
    if looks.beard or looks.moustache:
        hairs = grain * np.maximum(jaw * looks.beard, lip * looks.moustache)
        blend(image, looks.hair * 0.8 * strands, hairs.clip(0, 0.95))


def albedo(looks: Looks) -> np.ndarray:
    """Paint the person's texture (H, W, 3) float32, eyes and mouth shut."""
    rng = np.random.default_rng(looks.seed)
    image = _skin(looks, rng)
    _features(image, looks, rng)
    _hair(image, looks, rng)
    return image


def thickness(looks: Looks) -> np.ndarray:
    """Return the thickness of hair and beard over the grid's vertices, (R, C) float32 millimetres."""
    rng = np.random.default_rng(looks.seed + 1)
    style = STYLES[looks.style]
    angle, b = np.abs(COLUMNS)[None], ROWS[:, None]
    covered = step(-3, 14, above_hairline(looks, angle, b))
    wild = {"afro": 0.08, "top": 0.14, "fringe": 0.12}.get(looks.style, 0.05)
    noise = cv2.GaussianBlur(rng.standard_normal((len(ROWS), len(COLUMNS)), np.float32), (0, 0), 1.2) * 3
    noise *= step(-116, -100, b)  # the crown is one point, however many columns meet there
    body = (style.side + (style.top - style.side) * step(-40, -95, b)) * (1 + wild * noise)
    return (covered * body).astype(np.float32)


def ear_albedo(looks: Looks) -> np.ndarray:
    """Paint the texture (H, W, 3) of an ear's sheet, front edge at the left."""
    t, s = np.meshgrid(np.linspace(-1, 1, 8 * TEXELS + 1), np.linspace(-1, 1, 6 * TEXELS + 1), indexing="ij")
    hollow = np.exp(-(((s + 0.12) / 0.38) ** 2) - ((t - 0.1) / 0.42) ** 2)
    groove = np.exp(-(((np.maximum(np.abs(s - 0.02), np.abs(t)) - 0.62) / 0.13) ** 2)) * (t < 0.5) * (s > -0.5)
    shade = (1 - 0.3 * hollow - 0.2 * groove)[..., None]
    return (looks.skin * np.array([1.0, 0.9, 0.88]) * shade).astype(np.float32)


def curtain_albedo(looks: Looks, shape: tuple[int, int]) -> np.ndarray:
    """Paint the texture of the hanging hair's sheet, (H, W, 3) for `shape` (H, W)."""
    strands = _strands(np.random.default_rng(looks.seed + 2), shape, False)
    return looks.hair * strands[..., None]
