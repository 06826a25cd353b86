"""A photograph as it is shown, and the faces in it: cut as the protocol cuts, and shrunk to LR faces."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from datasets import align, degrade, detect
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.images import decode, is_image, is_junk

SMALL = 32  # pixels: a photograph up to this size can be an LR face itself


@dataclass(frozen=True)
class Photograph:
    """image: (H, W, 3) uint8 RGB. outlines: what is cut out of it, the four corners of each face, (n, 4, 2) pixels.

    hr: (n, 128, 128, 3) uint8, None for LR faces. lr: (n, 3, 16, 16) float32 in [0, 1], of whole 8-bit values.
    """

    image: np.ndarray
    outlines: np.ndarray
    hr: np.ndarray | None
    lr: Tensor


def find_photographs(paths: list[Path], results: Path) -> list[Path]:
    """The files among `paths` and the images in the folders among them, sorted.

    Args:
        results: a folder whose images are not looked for, should it lie in one of those.

    Raises:
        BadInput: if there is none.
    """
    found = [file for path in paths for file in (_photographs(path, results) if path.is_dir() else [path])]
    if not found:
        raise BadInput(f"{paths[0]}: no image in this folder; give photographs or a folder of them")
    return found


def _photographs(folder: Path, results: Path) -> list[Path]:
    own = results.resolve()
    images = (path for path in folder.rglob("*") if path.is_file() and is_image(path.name) and not is_junk(path.name))
    return sorted(path for path in images if own not in path.resolve().parents)


def read(path: Path) -> np.ndarray:
    """The photograph as viewers show it, (H, W, 3) uint8.

    Raises:
        BadInput: if it is missing or cannot be read.
    """
    try:
        return decode(path.read_bytes(), str(path), displayed=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; give the photograph's path") from error
    except BadInput as error:
        if path.suffix.lower() in (".heic", ".heif") and not is_image(path.name):
            raise BadInput(f"{path}: HEIC needs a further package; run `pip install pillow-heif`") from error
        raise


def faces_of(path: Path) -> Photograph:
    """Every face that is found in the photograph.

    Raises:
        BadInput: if there is none.
    """
    image = read(path)
    found = detect.find_faces(image)
    if not found:
        raise BadInput(f"{path}: no face found; give --whole if its central square is one, --lr if it is an LR face")
    return cut(image, [align.similarity(align.anchor_points(points)[0], align.TEMPLATE) for points in found])


def whole(path: Path) -> Photograph:
    """The photograph's central square as the one face."""
    image = read(path)
    height, width = image.shape[:2]
    scale = align.SIZE / min(height, width)
    # Pixel centres lie on whole numbers: the square's edges fall on those of the crop.
    linear = scale * np.eye(2)
    shift = (align.SIZE - 1) / 2 - linear @ ((width - 1) / 2, (height - 1) / 2)
    return cut(image, [np.hstack([linear, shift[:, None]])])


def cut(image: np.ndarray, matrices: list[np.ndarray]) -> Photograph:
    """The upright crops by affines (2, 3) from the photograph's pixels to the crop's, and the LR faces of them."""
    hr = np.stack([align.warp(image, matrix) for matrix in matrices])
    edge = np.array([(0, 0), (align.SIZE, 0), (align.SIZE, align.SIZE), (0, align.SIZE)]) - 0.5
    outlines = [align.transform(cv2.invertAffineTransform(matrix), edge) for matrix in matrices]
    lr = degrade.degrade(to_float(torch.from_numpy(hr)), upright(len(hr)))
    return Photograph(image, np.stack(outlines), hr, to_float(to_uint8(lr)))


def upright(count: int) -> Tensor:
    """The warps (count, 4) of LR faces that are upright."""
    return torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(count, 1)


def lr_face(path: Path) -> Photograph:
    """The photograph as an LR face: its central square, resampled to 16 px where it has another size up to SMALL."""
    image = read(path)
    height, width = image.shape[:2]
    side = min(height, width)
    if side > SMALL:
        raise BadInput(f"{path}: {width} x {height}, over the {SMALL} px of an LR face; leave out --lr")
    left, top = (width - side) // 2, (height - side) // 2
    square = image[top : top + side, left : left + side]
    if side != degrade.LR:
        square = cv2.resize(square, (degrade.LR, degrade.LR), interpolation=cv2.INTER_AREA)
    outline = np.array([[(left, top), (left + side, top), (left + side, top + side), (left, top + side)]]) - 0.5
    return Photograph(image, outline, None, to_float(torch.from_numpy(square.copy())[None]))
