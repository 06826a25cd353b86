"""Photographs with an EXIF orientation: whether their landmarks count the pixels as stored or as displayed.

OpenCV rotates a photograph as its tag asks, MATLAB and Pillow do not: there are corpora of both kinds, and a photograph
alone does not tell. So both are cropped, and the frame is the one whose crop shows a face.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets import align
from datasets.face import BadInput, Entry, Face
from datasets.images import decode, is_rotated

CROP_SIDE = 160  # pixels: the upright crop with a margin, which the detector needs
MIN_SCORE = -1.5  # the detector is asked down to this score; what it takes for a face has one over 0


def read_face(root: Path, entry: Entry, landmarks: np.ndarray, remedy: str = "restore it") -> Face:
    """Read the image of a corpus's entry; all its landmarks (n, 2) are visible."""
    if not (root / entry.image).is_file():
        raise BadInput(f"{entry.image}: no such image in {root}; {remedy}")
    data = (root / entry.image).read_bytes()
    displayed = decode(data, entry.image, displayed=True) if is_rotated(data) else None
    return Face(entry, decode(data, entry.image), landmarks, np.ones(len(landmarks), bool), displayed)


def in_its_frame(face: Face) -> tuple[Face, str | None]:
    """Return the face in the frame of its landmarks, and that frame: "stored", "displayed", None without an EXIF tag.

    "stored" where neither crop shows a face. A mirrored frame shows one too: between those two the score decides.
    """
    if face.displayed is None:
        return face, None
    longer = max(face.image.shape)
    align.check_landmarks(face.landmarks, (longer, longer), face.entry.image)
    if face_score(face.displayed, face.landmarks) > face_score(face.image, face.landmarks):
        return replace(face, image=face.displayed), "displayed"
    return face, "stored"


def face_score(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Return dlib's score of the face that landmarks (n, 2) crop from an image (H, W, 3) uint8, MIN_SCORE if none."""
    from datasets.detect import frontal_detector  # imports dlib

    anchors, rows = align.anchor_points(landmarks)
    target = (align.TEMPLATE[rows] - align.SIZE / 2) * 0.8 + CROP_SIDE / 2
    crop = align.warp(image, align.similarity(anchors, target), CROP_SIDE)
    scores = frontal_detector().run(np.ascontiguousarray(crop), 0, MIN_SCORE)[1]
    return max(scores, default=MIN_SCORE)
