"""The synthetic persons: distributions of shapes, colours, hair, expressions and light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from datasets.portrait import paint, shapes
from datasets.portrait.looks import STYLES, Looks
from datasets.portrait.render import TEXELS
from datasets.portrait.texture import Light

_SKINS = np.array(
    [[240, 204, 182], [234, 194, 166], [220, 176, 144], [202, 152, 116], [168, 118, 86], [130, 88, 64], [98, 66, 50]]
)
_HAIRS = np.array(  # black to blond, red, grey, white
    [
        [24, 20, 20],
        [44, 32, 26],
        [76, 52, 36],
        [112, 78, 50],
        [162, 122, 76],
        [198, 164, 112],
        [132, 64, 34],
        [150, 148, 146],
        [206, 204, 200],
    ]
)
_HAIR_CHANCES = {"dark": [5, 5, 1, 0.3, 0, 0, 0, 0.7, 0.2], "light": [3, 3, 4, 3.5, 3, 2, 1.4, 1, 0.6]}
_IRISES = np.array([[74, 46, 28], [96, 62, 34], [120, 98, 56], [92, 122, 92], [96, 130, 160], [70, 104, 140]])
_WOMEN = ("long", "long behind", "long fringe", "bob", "bob parted", "tied", "short", "afro")
_MEN = ("none", "horseshoe", "buzz", "short", "top", "fringe", "receding", "short", "top", "afro")


@dataclass(frozen=True)
class Person:
    """What a person's photos share: head, looks, and the textures and hair made from them."""

    head: np.ndarray  # (R, C, 3), without hair and expression
    looks: Looks
    albedo: np.ndarray  # (H, W, 3) float32
    ear_albedo: np.ndarray
    thickness: np.ndarray  # of the hair over the grid's vertices, millimetres
    ear: tuple[float, float] | None  # size and spread (shapes.ear); None where hair covers the ears
    curtain: np.ndarray | None  # long hair: its sheet
    curtain_albedo: np.ndarray | None


@dataclass(frozen=True)
class Expression:
    """Blendshape weights, opening of the eyes (1 is usual), length of the visible teeth in millimetres."""

    weights: dict[str, float]
    opening: float
    teeth: float


def _looks(rng: np.random.Generator) -> Looks:
    """Choose colours, hair and beard of one person."""
    tone = rng.beta(1.1, 1.5) * (len(_SKINS) - 1)
    skin = np.array([np.interp(tone, range(len(_SKINS)), c) for c in _SKINS.T]) * rng.uniform(0.94, 1.06)
    woman = rng.random() < 0.48
    dark = tone > 3.3
    chances = np.array(_HAIR_CHANCES["dark" if dark else "light"])
    hair = _HAIRS[rng.choice(len(_HAIRS), p=chances / chances.sum())] * rng.uniform(0.85, 1.15)
    beard = 0.0 if woman or rng.random() < 0.65 else rng.uniform(0.6, 1)
    lone_moustache = 0.7 * (not woman and rng.random() < 0.1)
    return Looks(
        skin=skin.astype(np.float32),
        lips=(skin * [0.86, 0.6, 0.6] * (1 - 0.08 * woman) + np.array([14, 0, 6]) * woman).astype(np.float32),
        hair=hair.astype(np.float32),
        iris=_IRISES[rng.integers(0, 2 if dark else len(_IRISES))].astype(np.float32),
        blush=rng.uniform(0.2, 1.0),
        freckles=rng.uniform(0.3, 1.0) * (rng.random() < 0.15),
        brow_weight=rng.uniform(0.1, 0.6) if woman else rng.uniform(0.4, 1),
        beard=beard,
        moustache=beard * (rng.random() < 0.85) or lone_moustache,
        stubble=0.0 if woman else rng.uniform(0, 0.7) * (rng.random() < 0.6),
        makeup=rng.uniform(0, 1) if woman else 0.0,
        style=str(rng.choice(_WOMEN if woman else _MEN)),
        seed=int(rng.integers(2**31)),
    )


@lru_cache(maxsize=4)
def person(number: int, seed: int) -> Person:
    """Make person `number` of the corpus with this seed."""
    rng = np.random.default_rng([seed, number])
    shape = {name: 0.8 * float(np.clip(rng.normal(), -2, 2)) for name in shapes.IDENTITY}
    looks = _looks(rng)
    ear = rng.uniform(0.82, 1.06), rng.uniform(0.6, 1.3)
    hanging = STYLES[looks.style].curtain
    curtain = colours = None
    if hanging:
        waves = cv2.GaussianBlur(rng.standard_normal((9, 25), np.float32), (0, 0), 0.8) * 3
        thickness = STYLES[looks.style].side
        curtain = shapes.curtain(hanging[0] + 12 * rng.normal(), hanging[1], thickness, waves)
        colours = paint.curtain_albedo(looks, (8 * TEXELS + 1, 24 * TEXELS + 1))
    covered = hanging is not None and hanging[1] < 90
    return Person(
        head=shapes.deform(shape),
        looks=looks,
        albedo=paint.albedo(looks),
        ear_albedo=paint.ear_albedo(looks),
        thickness=paint.thickness(looks),
        ear=None if covered else ear,
        curtain=curtain,
        curtain_albedo=colours,
    )


def expression(rng: np.random.Generator) -> Expression:
    """Choose an expression, from earnest to laughing, mouth shut or talking, sometimes with closed eyes."""
    smile = max(0.0, rng.normal(0.5, 0.6))
    talk = rng.random() < 0.35 + 0.3 * (smile > 0.7)
    jaw = 0.12 + (rng.gamma(1.6, 0.45) if talk else 0.05 * rng.random())
    pucker = max(0.0, rng.normal(-0.9, 0.8)) if smile < 0.4 else 0.0
    weights = {
        "smile": min(smile, 1.9),
        "jaw": min(jaw, 2.6),
        "brows_up": rng.normal(0, 0.7),
        "frown": max(0.0, rng.normal(-0.5, 0.6)),
        "pucker": pucker,
    }
    opening = float(np.clip(rng.normal(0.98 - 0.12 * smile, 0.13), 0.5, 1.35)) if rng.random() > 0.03 else 0.08
    return Expression(weights, opening, 2.0 + 4.0 * min(smile, 1.2))


def light(rng: np.random.Generator) -> Light:
    """Choose a key light from somewhere before the face, and the ambient light; slightly coloured."""
    direction = np.array([rng.normal(0, 0.65), -abs(rng.normal(0.35, 0.3)), 1.0])
    warmth = np.array([1.0, 0, -1.0])
    ambient = rng.uniform(0.28, 0.6)
    key = rng.uniform(0.9, 1.2) - 0.8 * ambient
    return Light(direction, key * (1 + warmth * rng.normal(0.02, 0.05)), ambient * (1 + warmth * rng.normal(0, 0.05)))
