"""Likely mistakes in SR images that were made elsewhere: value range, channels, geometry, order of names, all alike.

Each is a hypothesis about a mistake, and the repair that would undo it. Where the repair makes the score jump, the
mistake is reported; the images are scored as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from benchmark.scoring.metrics import DATA_RANGE

SAMPLE = 64  # faces that a repair is tried on
MATCHED = 4000  # faces whose names are checked for another order; memory grows with its square
JUMP_DB, SHIFT_JUMP_DB = 1.0, 0.25  # a shift by a pixel changes blurred faces little
IMPROVED_SHARE = 0.75  # of the faces
ALIKE_LEVELS = 2.0  # of 255: standard deviation over all images below which they show the same
SHOWN = 3


Images = np.ndarray  # (N, 128, 128, 3) float32 in [0, 255]
# By mistake: the remedy in words, and what undoes it.
REPAIRS: dict[str, tuple[str, Callable[[Images], Images]]] = {
    "values of 0..1 seem to be saved as values of -1..1": ("stretching 127..255 to 0..255", lambda x: 2 * x - 255),
    "values of -1..1 seem to be saved as values of 0..1": ("mapping 0..255 to 127..255", lambda x: (x + 255) / 2),
    "the channels seem to be in BGR order": ("swapping them", lambda x: x[..., ::-1]),
    "colours seem to be inverted": ("inverting them", lambda x: 255 - x),
    "the images seem to be in linear light": ("gamma 1/2.2", lambda x: 255 * (x / 255) ** (1 / 2.2)),
    "gamma seems to be applied twice": ("gamma 2.2", lambda x: 255 * (x / 255) ** 2.2),
    "the images seem to be mirrored": ("mirroring them", lambda x: x[:, :, ::-1]),
    "the images seem to be upside down": ("flipping them", lambda x: x[:, ::-1]),
    "rows and columns seem to be swapped": ("transposing the images", lambda x: x.swapaxes(1, 2)),
}
# What images look like that need a remedy, where that is known.
SIGNS: dict[str, Callable[[Images], bool]] = {
    "stretching 127..255 to 0..255": lambda x: bool((x >= 120).mean() > 0.99),
    "mapping 0..255 to 127..255": lambda x: bool((x == 0).mean() > 0.25),
}


def likely_mistakes(images: np.ndarray, hr: np.ndarray, names: Sequence[str]) -> list[str]:
    """Report what the images look like they suffer from, a line each; [] where nothing is wrong.

    Args:
        images: SR faces (N, 128, 128, 3) uint8, RGB.
        hr: the HR faces of the same names, alike.
        names: of the faces, in the order of faces.csv.
    """
    if images.max() <= 1:
        return ["no value is above 1: values in 0..1 seem to be saved without multiplying them by 255"]
    if np.std(images[_sample(len(images))], axis=0, dtype=np.float32).mean() < ALIKE_LEVELS and len(images) > 1:
        return [f"all {len(images)} images show the same picture"]
    found = [_repair(images, hr), _shift(images, hr), _order(images, hr, names), _border(images, hr)]
    return [line for line in found if line] + _twins(images, hr, names)


def _sample(count: int) -> np.ndarray:
    """At most SAMPLE rows, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(int))


def _psnr(images: np.ndarray, references: np.ndarray) -> np.ndarray:
    """PSNR (N,) in dB of images (N, ...) in [0, 255]; at most 99, where both are equal."""
    error = np.square(images - references.astype(np.float32)).reshape(len(images), -1).mean(1)
    return 10 * np.log10(DATA_RANGE**2 / np.maximum(error, 1e-5))


def _raised(
    mistake: str, remedy: str, repaired: np.ndarray, images: np.ndarray, references: np.ndarray, jump: float = JUMP_DB
) -> tuple[float, str]:
    """By how much a repair raises the mean PSNR, dB, and a line on it; "" if that is no jump, or of too few faces."""
    gains = _psnr(repaired, references) - _psnr(images, references)
    told = gains.mean() >= jump and (gains > 0).mean() >= IMPROVED_SHARE
    return float(gains.mean()), f"{mistake}: {remedy} raises PSNR by {gains.mean():.1f} dB" if told else ""


def _repair(images: np.ndarray, hr: np.ndarray) -> str:
    """The repair of values, channels or axes that raises PSNR most, if by a jump; one with its sign comes first."""
    rows = _sample(len(images))
    x, y = images[rows].astype(np.float32), hr[rows]
    found = [
        (remedy in SIGNS, *_raised(mistake, remedy, np.clip(undo(x), 0, 255), x, y))
        for mistake, (remedy, undo) in REPAIRS.items()
        if remedy not in SIGNS or SIGNS[remedy](x)
    ]
    return max((entry for entry in found if entry[2]), default=(False, 0.0, ""))[2]


def _shift(images: np.ndarray, hr: np.ndarray) -> str:
    """A shift by one or two pixels, as cropping at one side and padding at the other leaves."""
    rows, inner = _sample(len(images)), slice(2, -2)
    x, y = images[rows].astype(np.float32), hr[rows][:, inner, inner]
    mistake, found = "the images seem to be shifted, cropped or padded at one side", []
    for dy, dx in product(range(-2, 3), repeat=2):
        remedy, moved = f"moving them by {dx} px to the right and {dy} px down", np.roll(x, (dy, dx), (1, 2))
        found.append(_raised(mistake, remedy, moved[:, inner, inner], x[:, inner, inner], y, SHIFT_JUMP_DB))
    return max(found, key=lambda entry: entry[0])[1]


def _border(images: np.ndarray, hr: np.ndarray) -> str | None:
    """An outermost ring of pixels of one colour in every image, where the HR faces show something."""
    rows = _sample(len(images))
    ring, inside = np.ones(images.shape[1:3], bool), np.zeros(images.shape[1:3], bool)
    ring[1:-1, 1:-1], inside[1:-1, 1:-1] = False, True
    inside[2:-2, 2:-2] = False
    flat = [np.ptp(faces[rows][:, where].reshape(-1)) == 0 for faces, where in ((images, ring), (images, inside))]
    if not flat[0] or flat[1] or np.ptp(hr[rows][:, ring]) == 0:
        return None
    return "the outermost pixels of all images have one colour: the images seem to be cropped by a pixel and padded"


def _order(images: np.ndarray, hr: np.ndarray, names: Sequence[str]) -> str | None:
    """Another assignment of names to images: one of the usual wrong orders, or any that fits far better."""
    count = min(len(images), MATCHED)
    images, hr = images[:count], hr[:count]
    distances, own = _distances(images, hr), np.arange(count)

    def compared(mistake: str, remedy: str, shown: np.ndarray, jump: float = JUMP_DB) -> str:
        """The line on images that show the faces `shown` (N,), one at least another than its name's."""
        moved = np.flatnonzero(shown != own)
        rows = moved[_sample(len(moved))]
        # PSNR is the same whichever of two is the reference.
        return _raised(mistake, remedy, hr[shown[rows]], hr[rows], images[rows], jump)[1]

    for mistake, shown in _wrong_orders(list(names[:count])).items():
        nearer = distances[own, shown].sum() < distances[own, own].sum()
        if nearer and (line := compared(mistake, "undoing that", shown)):
            return line
    from scipy.optimize import linear_sum_assignment  # slow to import

    shown = linear_sum_assignment(distances)[1]
    count_moved = np.count_nonzero(shown != own)
    if count_moved < count / 2:
        return None
    mistake = f"{count_moved} of {count} images seem to be named after other faces"
    return compared(mistake, "another assignment of the names", shown, 2 * JUMP_DB)


def _wrong_orders(names: list[str]) -> dict[str, np.ndarray]:
    """The face that each image shows (N,), by mistake: names were given in one order, the images were in another."""
    count = len(names)
    natural = [[int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)] for name in names]
    text = np.array(sorted(range(count), key=names.__getitem__))
    orders = {
        "the order of faces.csv": np.arange(count),
        "text order": text,
        "numeric order": np.array(sorted(range(count), key=natural.__getitem__)),
        "text order of running numbers (0, 1, 10, 11, ..., 2)": text[sorted(range(count), key=str)],
        "an order that is off by one": np.roll(text, 1),
    }
    found = {}
    for of_images, shown in orders.items():
        for of_names, named in orders.items():
            if of_images != of_names:
                mapping = np.empty(count, int)
                mapping[named] = shown
                found[f"the images seem to be in {of_images}, their names in {of_names}"] = mapping
    return found


def _distances(images: np.ndarray, hr: np.ndarray) -> np.ndarray:
    """Squared differences (N, N) of 8 x 8 thumbnails, SR faces by HR faces."""
    a, b = (
        np.stack([face.reshape(8, 16, 8, 16, 3).mean((1, 3), dtype=np.float32).ravel() for face in faces])
        for faces in (images, hr)
    )
    return (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)


def _twins(images: np.ndarray, hr: np.ndarray, names: Sequence[str]) -> list[str]:
    """A line on images that are the same under several names, though the HR faces differ."""
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, image in enumerate(images):
        groups[image.tobytes()].append(row)
    twins = [rows for rows in groups.values() if len(rows) > 1 and any((hr[r] != hr[rows[0]]).any() for r in rows)]
    if not twins:
        return []
    shown = ", ".join(" = ".join(names[row] for row in rows[:2]) for rows in twins[:SHOWN])
    more = ", ..." if len(twins) > SHOWN else ""
    return [f"{sum(map(len, twins))} images are the same as that of another name: {shown}{more}"]
