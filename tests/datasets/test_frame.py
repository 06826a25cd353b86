"""Photographs with an EXIF tag: cropped in the frame in which their landmarks lie on the face, stored or displayed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_faces import write_photo
from reading import crops, refusal

from datasets import menpo
from datasets.images import decode, is_rotated
from datasets.portrait.drawing import Drawing, draw


@pytest.fixture(scope="module")
def face() -> Drawing:
    """A synthetic face with 68 landmarks."""
    return draw(0, 0, 0, 15.0)


def stored(face: Drawing, orientation: int) -> tuple[np.ndarray, np.ndarray, Image.Exif]:
    """The photograph as a camera held otherwise stores it, with the landmarks of its stored pixels, and its tag."""
    height, width = face.image.shape[:2]
    turns = {3: 2, 6: 1, 8: 3}[orientation]  # by 90 degrees, counter-clockwise
    x, y = face.landmarks.T
    points = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[turns]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return np.ascontiguousarray(np.rot90(face.image, turns)), np.stack(points, 1), exif


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_the_frame_is_that_in_which_the_landmarks_lie_on_the_face(
    frame: str, orientation: int, face: Drawing, tmp_path: Path
) -> None:
    image, points, exif = stored(face, orientation)
    write_photo(tmp_path, "anna", image, points if frame == "stored" else face.landmarks, exif=exif)
    write_photo(tmp_path, "plain", face.image, face.landmarks)
    data = (tmp_path / "semifrontal" / "anna.png").read_bytes()
    assert is_rotated(data)
    np.testing.assert_array_equal(decode(data, "anna", displayed=True), face.image)
    np.testing.assert_array_equal(decode(data, "anna"), image)

    tagged, plain = crops(tmp_path, menpo.verify(tmp_path, {}))
    assert (tagged.frame, plain.frame) == (frame, None)
    assert np.abs(tagged.hr.astype(int) - plain.hr).mean() < 2
    np.testing.assert_allclose(tagged.landmarks, plain.landmarks, atol=0.01)


def test_a_tagged_face_with_a_landmark_that_cannot_be_is_named(face: Drawing, tmp_path: Path) -> None:
    image, points, exif = stored(face, 6)
    points[7] = np.nan
    write_photo(tmp_path, "anna", image, points, exif=exif)
    skipped = refusal(tmp_path, menpo.verify(tmp_path, {}).faces[0])
    assert skipped == "semifrontal/anna.png: landmark 7 is not finite; correct it"
