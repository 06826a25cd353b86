"""68 points for faces with five: the box, the check, and the error on hand-labelled faces."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from raw_faces import project, write_celeba

from datasets import annotate, celeba, menpo
from datasets.align import anchor_points
from datasets.crop import Crop, crop_face
from datasets.face import BadInput
from datasets.portrait.head import mean_landmarks

SHARED = Path(__file__).parents[2] / "../shared/faces"
FACE = project(mean_landmarks(68), 0, 0.6, (89, 125))


def test_error_has_a_known_value() -> None:
    moved = FACE.copy()
    moved[17:] += (3, 4)
    moved[:17] += 100  # the contour does not count
    ocular = np.hypot(*(FACE[36] - FACE[45]))
    assert annotate.normalised_error(moved, FACE) == pytest.approx(5 / ocular)
    moved[17:42] -= (3, 4)
    assert annotate.normalised_error(moved, FACE) == pytest.approx(5 / ocular * 26 / 51)


def test_box_is_square_about_the_face_and_scales_with_it() -> None:
    five, _ = anchor_points(FACE)
    left, top, right, bottom = annotate.face_box(five)
    assert right - left == pytest.approx(bottom - top)
    assert (left < FACE[17:, 0].min()) & (right > FACE[17:, 0].max())
    assert (top < FACE[17:, 1].min()) & (bottom > FACE[17:, 1].max())
    np.testing.assert_allclose(annotate.face_box(2 * five + 7), 2 * np.array([left, top, right, bottom]) + 7)


def test_annotation_far_off_its_five_points_is_rejected() -> None:
    five, _ = anchor_points(FACE)
    unit = np.hypot(*(five[:2].mean(0) - five[3:].mean(0)))
    aside = np.array([unit, 0])
    annotate.check_annotation(FACE + 0.4 * aside, five, "a")
    for wrong in (FACE + 0.6 * aside, FACE * np.nan, (FACE - FACE.mean(0)) * 4 + FACE.mean(0)):
        with pytest.raises(BadInput, match=r"^a: annotation lies"):
            annotate.check_annotation(wrong, five, "a")


def test_unknown_annotator_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'dlip'.*dlib, fan"):
        annotate.annotator("dlip")


def test_missing_fan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(BadInput, match="pip install face-alignment"):
        annotate.annotator("fan")


def test_face_with_five_points_gets_68_in_its_crop(tmp_path: Path) -> None:
    write_celeba(tmp_path, 2)
    crop = crop_face("celeba", tmp_path, celeba.entries(tmp_path)[0], "dlib")
    assert isinstance(crop, Crop)
    assert crop.points == 68
    assert crop.visible.all()
    # The crop follows the five given points, not the 68 found; they must still agree roughly.
    assert np.abs(anchor_points(crop.landmarks)[0] - [(42, 52), (86, 52), (64, 78), (46.5, 98), (81.5, 98)]).mean() < 15


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real faces of ../shared/faces")
def test_dlib_finds_hand_labelled_faces(record_property) -> None:
    find = annotate.annotator("dlib")
    errors = []
    for entry in menpo.entries(SHARED / "menpo"):
        if entry.source in ("helen_test", "lfpw_test"):
            face = menpo.read(SHARED / "menpo", entry)
            found = find(face.image, anchor_points(face.landmarks)[0])
            errors.append(annotate.normalised_error(found, face.landmarks))
    error = 100 * float(np.mean(errors))
    record_property("normalised_error_percent", error)
    print(f"dlib on {len(errors)} hand-labelled test faces: {error:.2f} % of the inter-ocular distance")
    assert len(errors) == 330 + 224
    assert error < 4.5
