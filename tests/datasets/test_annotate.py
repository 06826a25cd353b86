"""68 points for faces with five: the check, and the error on hand-labelled faces."""

import sys
from pathlib import Path

import numpy as np
import pytest
from raw_faces import head

from datasets import annotate, menpo
from datasets.align import TEMPLATE, anchor_points
from datasets.crop import Crop
from datasets.face import BadInput

SHARED = Path(__file__).parents[2] / "../shared/faces/menpo"
FACE = head(0, 0.6, (89, 125))


def test_error_has_a_known_value() -> None:
    moved, ocular = FACE.copy(), np.hypot(*(FACE[36] - FACE[45]))
    moved[17:] += (3, 4)
    moved[:17] += 100  # the contour does not count
    assert annotate.normalised_error(moved, FACE) == pytest.approx(5 / ocular)
    moved[17:42] -= (3, 4)
    assert annotate.normalised_error(moved, FACE) == pytest.approx(5 / ocular * 26 / 51)


def test_an_annotation_far_off_its_five_points_is_rejected() -> None:
    five, _ = anchor_points(FACE)
    aside = np.array([np.hypot(*(five[:2].mean(0) - five[3:].mean(0))), 0])
    annotate.check_annotation(FACE + 0.4 * aside, five, "a")
    for wrong in (FACE + 0.6 * aside, FACE * np.nan, (FACE - FACE.mean(0)) * 4 + FACE.mean(0)):
        with pytest.raises(BadInput, match=r"^a: annotation lies"):
            annotate.check_annotation(wrong, five, "a")


def test_an_annotator_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(BadInput, match="pip install face-alignment"):
        annotate.annotator("fan")


def test_a_face_with_five_points_gets_68_in_its_crop(plain: dict[str, list[Crop]]) -> None:
    crop = plain["celeba"][0]
    assert crop.points == crop.visible.sum() == 68
    assert np.abs(anchor_points(crop.landmarks)[0] - TEMPLATE).mean() < 15  # it follows the five, not the 68


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real faces of ../shared/faces")
def test_dlib_finds_hand_labelled_faces(tmp_path: Path) -> None:
    menpo.get({part: str(SHARED / f"{part}.zip") for part in menpo.PARTS}, tmp_path)
    find, errors = annotate.annotator("dlib"), []
    for entry in menpo.verify(tmp_path, {}).faces:
        if entry.source in ("helen_test", "lfpw_test"):
            face = menpo.read(tmp_path, entry)
            estimate = find(face.image, anchor_points(face.landmarks)[0])
            errors.append(annotate.normalised_error(estimate, face.landmarks))
    assert len(errors) == 330 + 224
    assert 100 * np.mean(errors) < 4.5
