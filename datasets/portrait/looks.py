"""What a person looks like apart from the shape of the head: colours, beard and hair styles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


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


class Style(NamedTuple):
    """A cut of hair: its line, thickness on top and at the sides (mm), opacity, and what hangs down the back.

    curtain: y of its end (mm) and angle from the front where it opens (degrees), or None.
    """

    line: np.ndarray
    top: float
    side: float
    opacity: float
    curtain: tuple[float, float] | None = None


STYLES = {
    "none": Style(_BALD, 0, 0, 0.0),
    "horseshoe": Style(_BALD, 0, 3, 0.8),
    "buzz": Style(_LINE, 2, 1.5, 0.8),
    "short": Style(_LINE, 9, 5, 1.0),
    "top": Style(_LINE, 20, 5, 1.0),
    "fringe": Style(_FRINGE, 12, 8, 1.0),
    "receding": Style(_RECEDING, 6, 5, 0.95),
    "tied": Style(_LINE, 6, 4, 1.0),
    "afro": Style(_LINE, 30, 22, 1.0),
    "long": Style(_COVER, 12, 9, 1.0, (175, 68)),
    "long behind": Style(_LINE, 11, 6, 1.0, (165, 118)),
    "long fringe": Style(_COVER_FRINGE, 12, 9, 1.0, (160, 68)),
    "bob": Style(_COVER_FRINGE, 13, 11, 1.0, (88, 66)),
    "bob parted": Style(_COVER, 13, 11, 1.0, (84, 66)),
}


def above_hairline(looks: Looks, angle: np.ndarray, b: np.ndarray, tips: np.ndarray | float = 0.0) -> np.ndarray:
    """Return about how many mm (R, C) the rows b (R, 1) lie inside the hair at |angle| (1, C) degrees; < 0 outside.

    tips: (1, C) millimetres by which the hair's ends are lower.
    """
    line = STYLES[looks.style].line
    slope = np.interp(angle, _ANGLES, np.abs(np.gradient(line, _ANGLES)))
    return (np.interp(angle, _ANGLES, line) + tips - b) / np.hypot(1, slope / 1.2)
