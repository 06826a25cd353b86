"""Find the faces of a photograph with dlib's frontal detector, then its CNN for what that misses; 68 points of each."""

from functools import cache
from typing import Any

import cv2
import dlib
import numpy as np

from datasets.align import TEMPLATE, anchor_points
from datasets.annotate import BOX_SIDE, dlib_annotator, model_file

# Longest side, in pixels, of what the detectors see: their time, and the CNN's memory, grow with the area.
FRONTAL_SIDE, CNN_SIDE = 1600, 1000
MIN_SIDE = 400  # a smaller photograph is enlarged: dlib sees no face below 80 px
CONFIDENCE_THRESHOLD = 0.6  # of the CNN
OVERLAP_THRESHOLD = 0.3  # intersection over union from which two boxes are one face

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

frontal_detector = cache(dlib.get_frontal_face_detector)


@cache
def _cnn_detector() -> Any:
    return dlib.cnn_face_detection_model_v1(str(model_file("mmod_human_face_detector")))


def find_faces(image: np.ndarray) -> list[np.ndarray]:
    """Return the landmarks (68, 2), in pixels from 0, of each face in an image (H, W, 3) uint8, from left to right."""
    boxes = _frontal(image)
    boxes += [box for box in _cnn(image) if all(_overlap(box, other) < OVERLAP_THRESHOLD for other in boxes)]
    return [_landmarks(image, box) for box in sorted(boxes)]


def central_face(image: np.ndarray) -> np.ndarray | None:
    """Return the landmarks (68, 2) of the face over the middle of an image (H, W, 3) uint8, None without one."""
    x, y = image.shape[1] / 2, image.shape[0] / 2
    for search in (_unenlarged, _frontal, _cnn):  # the fastest first
        boxes = [box for box in search(image) if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
        if boxes:
            nearest = min(boxes, key=lambda box: abs(x - (box[0] + box[2]) / 2) + abs(y - (box[1] + box[3]) / 2))
            return _landmarks(image, nearest)
    return None


def _landmarks(image: np.ndarray, box: Box) -> np.ndarray:
    """Return 68 landmarks of the face in a box: a first guess by the box, a second by the five points of the first."""
    small, scale = resized(image, FRONTAL_SIDE)
    left, top, right, bottom = np.array(box) * scale
    unit = (right - left) / BOX_SIDE
    # The template, placed so that its `face_box` is the box.
    eyes, mouth = TEMPLATE[:2].mean(0), TEMPLATE[3:].mean(0)
    five = (TEMPLATE - (eyes + mouth) / 2) * unit / (mouth - eyes)[1] + ((left + right) / 2, (top + bottom) / 2)
    annotate = dlib_annotator()
    return annotate(small, anchor_points(annotate(small, five))[0]) / scale


def resized(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Shrink an image to at most `side` px, or enlarge one below MIN_SIDE; return it and the factor."""
    longer = max(image.shape[:2])
    scale = side / longer if longer > side else max(1.0, MIN_SIDE / longer)
    if scale == 1:
        return np.ascontiguousarray(image), 1.0
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), scale


def _unenlarged(image: np.ndarray) -> list[Box]:
    return [_box(found, 1) for found in frontal_detector()(np.ascontiguousarray(image), 0)]


def _frontal(image: np.ndarray) -> list[Box]:
    small, scale = resized(image, FRONTAL_SIDE)
    return [_box(found, scale) for found in frontal_detector()(small, int(max(small.shape) < FRONTAL_SIDE))]


def _cnn(image: np.ndarray) -> list[Box]:
    small, scale = resized(image, CNN_SIDE)
    return [_box(found.rect, scale) for found in _cnn_detector()(small, 0) if found.confidence > CONFIDENCE_THRESHOLD]


def _box(found: Any, scale: float) -> Box:
    return found.left() / scale, found.top() / scale, found.right() / scale, found.bottom() / scale


def _overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    (a, b, c, d), (e, f, g, h) = one, other
    both = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    return both / ((c - a) * (d - b) + (g - e) * (h - f) - both)
