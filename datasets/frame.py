"""Photographs with an EXIF tag: whether their landmarks count the pixels as stored or as displayed.

OpenCV turns a photograph as its tag asks, MATLAB and Pillow do not: there are corpora of both kinds, and a photograph
alone does not tell. So both are cut out, and the frame is the one whose cut shows a face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from datasets import align
from datasets.face import Entry, Face
from datasets.images import decode, is_turned

CUT = 160  # pixels: the crop with a margin, which the detector needs
LOWEST = -1.5  # score down to which the detector is asked; what it takes for a face has one over 0


@dataclass(frozen=True)
class TurnedFace(Face):
    """A face of a file that asks to be shown turned. image: as stored; displayed: as shown, (H', W', 3) uint8."""

    displayed: np.ndarray


def face_of(entry: Entry, data: bytes, name: str, landmarks: np.ndarray) -> Face:
    """The face of an image file's bytes with all of its landmarks (n, 2) visible; BadInput where it is no image."""
    face = entry, decode(data, name), landmarks, np.ones(len(landmarks), bool)
    return TurnedFace(*face, displayed=decode(data, name, displayed=True)) if is_turned(data) else Face(*face)


def in_its_frame(face: Face) -> tuple[Face, str | None]:
    """The face in the frame of its landmarks, and that frame: "stored" or "displayed", None for a file without a tag.

    Where neither cut shows a face, "stored". A mirrored frame shows one too: between those two the score decides.
    """
    if not isinstance(face, TurnedFace):
        return face, None
    longer = max(face.image.shape)
    align.check_landmarks(face.landmarks, (longer, longer), face.name)
    if face_score(face.displayed, face.landmarks) > face_score(face.image, face.landmarks):
        return replace(face, image=face.displayed), "displayed"
    return face, "stored"


def face_score(image: np.ndarray, landmarks: np.ndarray) -> float:
    """dlib's score of the face that landmarks (n, 2) cut out of an image (H, W, 3) uint8; LOWEST where it sees none."""
    anchors, rows = align.anchor_points(landmarks)
    target = (align.TEMPLATE[rows] - align.SIZE / 2) * 0.8 + CUT / 2
    cut = align.warp(image, align.similarity(anchors, target), CUT)
    scores = _detector().run(np.ascontiguousarray(cut), 0, LOWEST)[1]
    return max(scores, default=LOWEST)


@lru_cache(maxsize=1)
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()
