"""Every face of a photograph: dlib's frontal detector, then its CNN for what that misses; 68 points of each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from datasets.align import TEMPLATE, anchor_points
from datasets.annotate import BOX_SIDE, annotator, model_file

# Longest side, in pixels, of what the detectors see: of both the time, and of the CNN the memory, grows with the area.
FRONTAL_SIDE, CNN_SIDE = 1600, 1000
SMALLEST = 400  # a shorter photograph is enlarged: dlib sees no face below 80 px
SURE = 0.6  # the CNN's confidence from which a face is believed
OVERLAP = 0.3  # intersection over union from which two boxes are one face

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def find_faces(image: np.ndarray) -> list[np.ndarray]:
    """The landmarks (68, 2), in pixels counted from 0, of each face in an image (H, W, 3) uint8, from left to right."""
    boxes = _frontal(image)
    boxes += [box for box in _cnn(image) if all(overlap(box, other) < OVERLAP for other in boxes)]
    return [landmarks_in(image, box) for box in sorted(boxes)]


def central_face(image: np.ndarray) -> np.ndarray | None:
    """The landmarks (68, 2) of the face over the middle of an image (H, W, 3) uint8, None where there is none."""
    middle = np.array(image.shape[1::-1]) / 2

    def distance(box: Box) -> float:
        inside = box[0] <= middle[0] <= box[2] and box[1] <= middle[1] <= box[3]
        return float(np.abs(middle - np.array(box).reshape(2, 2).mean(0)).sum()) if inside else np.inf

    for search in (_unenlarged, _frontal, _cnn):  # the fastest first
        best = min(search(image), key=distance, default=None)
        if best and distance(best) < np.inf:
            return landmarks_in(image, best)
    return None


def landmarks_in(image: np.ndarray, box: Box) -> np.ndarray:
    """68 landmarks of the face in a box: a first guess by the box, a second by the five points of the first."""
    annotate = _annotate()
    small, scale = resized(image, FRONTAL_SIDE)
    left, top, right, bottom = np.array(box) * scale
    unit = (right - left) / BOX_SIDE
    # The template, so placed that its `face_box` is the box.
    eyes, mouth = TEMPLATE[:2].mean(0), TEMPLATE[3:].mean(0)
    five = (TEMPLATE - (eyes + mouth) / 2) * unit / (mouth - eyes)[1] + ((left + right) / 2, (top + bottom) / 2)
    return annotate(small, anchor_points(annotate(small, five))[0]) / scale


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    return both / (_area(one) + _area(other) - both)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def resized(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The image with its longer side at most `side` px, enlarged where it is below SMALLEST, and by what factor."""
    longer = max(image.shape[:2])
    scale = side / longer if longer > side else max(1.0, SMALLEST / longer)
    if scale == 1:
        return np.ascontiguousarray(image), 1.0
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), scale


def _unenlarged(image: np.ndarray) -> list[Box]:
    return [_box(found, 1) for found in _models()[0](np.ascontiguousarray(image), 0)]


def _frontal(image: np.ndarray) -> list[Box]:
    small, scale = resized(image, FRONTAL_SIDE)
    return [_box(found, scale) for found in _models()[0](small, 1 if max(small.shape) < FRONTAL_SIDE else 0)]


def _cnn(image: np.ndarray) -> list[Box]:
    small, scale = resized(image, CNN_SIDE)
    return [_box(found.rect, scale) for found in _models()[1](small, 0) if found.confidence > SURE]


def _box(found: Any, scale: float) -> Box:
    return found.left() / scale, found.top() / scale, found.right() / scale, found.bottom() / scale


@lru_cache(maxsize=1)
def _models() -> tuple[Any, Any]:
    import dlib

    return dlib.get_frontal_face_detector(), dlib.cnn_face_detection_model_v1(
        str(model_file("mmod_human_face_detector"))
    )


@lru_cache(maxsize=1)
def _annotate() -> Any:
    return annotator("dlib")
