"""One face from the corpus to the upright crop with its landmarks: read, annotate, check, align."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import align, annotate, corpus, pose
from datasets.components import POINTS
from datasets.face import BadInput, Entry
from datasets.frame import in_its_frame


@dataclass(frozen=True)
class Crop:
    """One aligned face."""

    entry: Entry
    hr: np.ndarray  # (128, 128, 3) uint8 RGB
    landmarks: np.ndarray  # (68, 2) float32 pixels of hr, NaN past the face's own number of points
    visible: np.ndarray  # (68,) bool
    points: int  # 68 or 39
    yaw: float  # degrees
    frame: str | None = None  # "stored" or "displayed", of a photograph with an EXIF tag


@dataclass(frozen=True)
class Skipped:
    """A face that cannot be used, and why, in one line."""

    entry: Entry
    reason: str


def crop_face(corpus_name: str, root: Path, entry: Entry, annotator: str) -> Crop | Skipped:
    """Return the crop of one face, or the reason why it has none. Only BadInput is turned into a reason."""
    try:
        return _crop(corpus_name, root, entry, annotator)
    except BadInput as error:
        return Skipped(entry, str(error))


def _crop(corpus_name: str, root: Path, entry: Entry, annotator: str) -> Crop:
    face, frame = in_its_frame(corpus(corpus_name).read(root, entry))
    align.check_landmarks(face.landmarks, face.image.shape, entry.image)
    anchors, rows = align.anchor_points(face.landmarks)
    landmarks, visible = face.landmarks, face.visible
    if len(landmarks) == 5:
        landmarks = annotate.annotator(annotator)(face.image, face.landmarks)
        annotate.check_annotation(landmarks, face.landmarks, entry.image)
        visible = np.ones(len(landmarks), bool)
    matrix = align.similarity(anchors, align.TEMPLATE[rows])
    moved = align.transform(matrix, landmarks)
    padding = POINTS - len(moved)
    return Crop(
        entry,
        align.warp(face.image, matrix),
        np.pad(moved, ((0, padding), (0, 0)), constant_values=np.nan).astype(np.float32),
        np.pad(visible, (0, padding)),
        len(moved),
        pose.yaw(moved),
        frame,
    )
