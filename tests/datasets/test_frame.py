"""Photographs with an EXIF tag: taken in the frame in which their landmarks lie on the face, stored or displayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from raw_faces import pts

from datasets import menpo
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import Face
from datasets.images import decode, is_turned
from datasets.synthetic import draw


@pytest.fixture(scope="module")
def face() -> Face:
    """A drawn face with 68 landmarks, seen from the front."""
    faces = (draw(person, 0, 0, aligned=False) for person in range(20))
    return next(face for face in faces if len(face.landmarks) == 68)


def turned(face: Face, orientation: int) -> tuple[Image.Image, np.ndarray, Image.Exif]:
    """The photograph as a camera held otherwise stores it, with the landmarks of its stored pixels, and its tag."""
    height, width = face.image.shape[:2]
    undo = {3: 180, 6: 90, 8: 270}[orientation]  # counter-clockwise
    stored = np.ascontiguousarray(np.rot90(face.image, undo // 90))
    x, y = face.landmarks.T
    points = {90: (y, width - 1 - x), 180: (width - 1 - x, height - 1 - y), 270: (height - 1 - y, x)}[undo]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return Image.fromarray(stored), np.stack(points, 1), exif


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_frame_is_that_in_which_the_landmarks_lie_on_the_face(
    frame: str, orientation: int, face: Face, tmp_path: Path
) -> None:
    for part in menpo.PARTS:
        (tmp_path / part).mkdir()
    image, points, exif = turned(face, orientation)
    image.save(tmp_path / "semifrontal" / "anna.png", exif=exif)
    landmarks = points if frame == "stored" else face.landmarks
    (tmp_path / "semifrontal" / "anna.pts").write_text(pts(landmarks))
    Image.fromarray(face.image).save(tmp_path / "semifrontal" / "plain.png")
    (tmp_path / "semifrontal" / "plain.pts").write_text(pts(face.landmarks))

    tagged, plain = (crop_face("menpo", tmp_path, entry, "dlib") for entry in menpo.entries(tmp_path))
    assert isinstance(tagged, Crop)
    assert isinstance(plain, Crop)
    assert (tagged.frame, plain.frame) == (frame, None)
    assert np.abs(tagged.hr.astype(int) - plain.hr).mean() < 2
    np.testing.assert_allclose(tagged.landmarks, plain.landmarks, atol=0.01)


def test_tagged_face_with_a_landmark_that_cannot_be_is_named(face: Face, tmp_path: Path) -> None:
    for part in menpo.PARTS:
        (tmp_path / part).mkdir()
    image, points, exif = turned(face, 6)
    image.save(tmp_path / "semifrontal" / "anna.png", exif=exif)
    points[7] = np.nan
    (tmp_path / "semifrontal" / "anna.pts").write_text(pts(points))
    skipped = crop_face("menpo", tmp_path, menpo.entries(tmp_path)[0], "dlib")
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "semifrontal_anna: landmark 7 is not finite; correct it"


def test_displayed_image_is_turned_as_its_tag_asks(face: Face, tmp_path: Path) -> None:
    image, _, exif = turned(face, 6)
    image.save(tmp_path / "a.png", exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    assert is_turned(data)
    np.testing.assert_array_equal(decode(data, "a.png", displayed=True), face.image)
    np.testing.assert_array_equal(decode(data, "a.png"), image)
    with Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(ImageOps.exif_transpose(opened), face.image)


@pytest.mark.parametrize("data", [b"", b"no image", b"\xff\xd8\xff\xe1\0\x10Exif\0\0MM"])
def test_what_is_no_image_has_no_tag(data: bytes) -> None:
    assert not is_turned(data)
