"""Photographs with an EXIF tag: cropped in the frame in which their landmarks lie on the face, stored or displayed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_faces import pts

from datasets import menpo
from datasets.crop import Crop, Skipped, crop_face
from datasets.images import decode, is_rotated
from datasets.portrait.drawing import Drawing, draw


@pytest.fixture(scope="module")
def face() -> Drawing:
    """A synthetic face with 68 landmarks."""
    return next(face for i in range(20) if len((face := draw(i, 0, 0)).landmarks) == 68)


def stored(face: Drawing, orientation: int) -> tuple[Image.Image, np.ndarray, Image.Exif]:
    """The photograph as a camera held otherwise stores it, with the landmarks of its stored pixels, and its tag."""
    height, width = face.image.shape[:2]
    undo = {3: 180, 6: 90, 8: 270}[orientation]  # counter-clockwise
    pixels = np.ascontiguousarray(np.rot90(face.image, undo // 90))
    x, y = face.landmarks.T
    points = {90: (y, width - 1 - x), 180: (width - 1 - x, height - 1 - y), 270: (height - 1 - y, x)}[undo]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return Image.fromarray(pixels), np.stack(points, 1), exif


def write(root: Path, name: str, image: Image.Image, points: np.ndarray, exif: Image.Exif | None = None) -> None:
    for part in menpo.PARTS:
        (root / part).mkdir(exist_ok=True)
    image.save(root / "semifrontal" / f"{name}.png", exif=exif)
    (root / "semifrontal" / f"{name}.pts").write_text(pts(points))


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_the_frame_is_that_in_which_the_landmarks_lie_on_the_face(
    frame: str, orientation: int, face: Drawing, tmp_path: Path
) -> None:
    image, points, exif = stored(face, orientation)
    write(tmp_path, "anna", image, points if frame == "stored" else face.landmarks, exif)
    write(tmp_path, "plain", Image.fromarray(face.image), face.landmarks)
    data = (tmp_path / "semifrontal" / "anna.png").read_bytes()
    assert is_rotated(data)
    np.testing.assert_array_equal(decode(data, "anna", displayed=True), face.image)
    np.testing.assert_array_equal(decode(data, "anna"), image)

    tagged, plain = (crop_face("menpo", tmp_path, entry, "dlib") for entry in menpo.verify(tmp_path, {}).faces)
    assert isinstance(tagged, Crop)
    assert isinstance(plain, Crop)
    assert (tagged.frame, plain.frame) == (frame, None)
    assert np.abs(tagged.hr.astype(int) - plain.hr).mean() < 2
    np.testing.assert_allclose(tagged.landmarks, plain.landmarks, atol=0.01)


def test_a_tagged_face_with_a_landmark_that_cannot_be_is_named(face: Drawing, tmp_path: Path) -> None:
    image, points, exif = stored(face, 6)
    points[7] = np.nan
    write(tmp_path, "anna", image, points, exif)
    skipped = crop_face("menpo", tmp_path, menpo.verify(tmp_path, {}).faces[0], "dlib")
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "semifrontal/anna.png: landmark 7 is not finite; correct it"
