"""Menpo and CelebA read from their official layouts, as folders and as zips, whole and broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from raw_faces import SIZE, pts, write_celeba, write_face, write_menpo

from datasets import celeba, corpora, corpus, menpo
from datasets.crop import Skipped, crop_face
from datasets.face import BadInput, Entry


@pytest.fixture
def raw_menpo(tmp_path: Path) -> Path:
    write_menpo(tmp_path / "raw", 2)
    return tmp_path / "raw"


@pytest.fixture
def raw_celeba(tmp_path: Path) -> Path:
    write_celeba(tmp_path / "raw", 6)
    return tmp_path / "raw"


def named(entries: list[Entry], name: str) -> Entry:
    return next(entry for entry in entries if entry.name == name)


def reason(root: Path, name: str) -> str:
    """Why the face `name` of a Menpo folder is skipped."""
    result = crop_face("menpo", root, named(menpo.entries(root), name), "dlib")
    assert isinstance(result, Skipped)
    assert "\n" not in result.reason
    return result.reason


def test_corpora_are_found_by_name() -> None:
    assert {"menpo": menpo, "celeba": celeba}.items() <= corpora().items()
    assert not {"archive", "pack", "face"} & set(corpora())
    with pytest.raises(BadInput, match=r"'mempo'.*menpo"):
        corpus("mempo")


def test_menpo_reads_pixels_from_0_and_every_face(raw_menpo: Path) -> None:
    points = write_face(raw_menpo / "semifrontal", "cfp_007_f9")
    entries = menpo.entries(raw_menpo)
    assert len(entries) == 2 * 4 + 1
    face = menpo.read(raw_menpo, named(entries, "semifrontal_cfp_007_f9"))
    np.testing.assert_allclose(face.landmarks, points, atol=6e-4)
    assert face.image.shape == (SIZE, SIZE, 3)
    assert face.visible.all()
    assert len(menpo.read(raw_menpo, named(entries, "profile_cfp_000_p0")).landmarks) == 39


def test_menpo_zip_is_read_like_the_folder(raw_menpo: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    for part in menpo.PARTS:
        shutil.make_archive(str(packed / part), "zip", raw_menpo, part)
    folder, zipped = menpo.entries(raw_menpo), menpo.entries(packed)
    assert [e.name for e in folder] == [e.name for e in zipped]
    for a, b in zip(folder, zipped, strict=True):
        first, second = menpo.read(raw_menpo, a), menpo.read(packed, b)
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.landmarks, second.landmarks)


def test_menpo_get_takes_folders_and_zips(raw_menpo: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "any name"), "zip", raw_menpo, "profile")
    menpo.get({"semifrontal": str(raw_menpo / "semifrontal"), "profile": packed}, tmp_path / "got")
    assert len(menpo.entries(tmp_path / "got")) == 8


@pytest.mark.parametrize(
    ("stem", "person", "photo", "source"),
    [
        ("cfp_012_f03", "cfp_012", "cfp_012_f03", "cfp"),
        ("synthetic_00012_3", "synthetic_00012", "synthetic_00012_3", "synthetic"),
        ("helen_train_100040721_2", "helen_train_100040721", "helen_train_100040721", "helen_train"),
        ("helen_test_30427236_1", "helen_test_30427236", "helen_test_30427236", "helen_test"),
        ("afw_1051618982_1", "afw_1051618982", "afw_1051618982", "afw"),
        ("lfpw_train_image_0001", "lfpw_train_image_0001", "lfpw_train_image_0001", "lfpw_train"),
        ("aflw__face_39844", "aflw__face_39844", "aflw__face_39844", "aflw__face"),
        ("00017", "00017", "00017", "menpo"),
        ("anna", "anna", "anna", "menpo"),
    ],
)
def test_name_tells_person_photo_and_source(stem: str, person: str, photo: str, source: str) -> None:
    entry = menpo._entry("semifrontal", f"semifrontal/{stem}.jpg", stem)
    assert (entry.person, entry.photo, entry.source) == (person, photo, source)


def test_faces_of_one_photo_share_it_and_two_profiles_of_a_person_share_that() -> None:
    def key(part: str, stem: str) -> tuple[str, str]:
        entry = menpo._entry(part, f"{stem}.jpg", stem)
        return entry.person, entry.photo

    assert key("semifrontal", "afw_17_1")[1] == key("semifrontal", "afw_17_2")[1]
    assert key("semifrontal", "helen_train_5_1")[1] != key("semifrontal", "helen_test_5_1")[1]
    assert key("semifrontal", "cfp_001_f01")[0] == key("profile", "cfp_001_p03")[0]
    assert key("semifrontal", "cfp_001_f01")[1] != key("semifrontal", "cfp_001_f02")[1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pts(np.zeros((67, 2))).encode(), "67 points, expected 68"),
        (pts(np.zeros((39, 2))).encode(), "39 points, expected 68"),
        (pts(np.zeros((68, 2))).replace("}", "5 }").encode(), "68.5 points"),
        (pts(np.zeros((68, 2))).replace("1.000", "one").encode(), "not a .pts file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a .pts file"),
        (b"", "not a .pts file"),
        (b"1 2\n" * 68, "not a .pts file"),
    ],
    ids=["67", "39", "half a point", "words", "binary", "empty", "no braces"],
)
def test_wrong_pts_is_reported_by_name(data: bytes, says: str, raw_menpo: Path) -> None:
    (raw_menpo / "semifrontal" / "cfp_000_f1.pts").write_bytes(data)
    text = reason(raw_menpo, "semifrontal_cfp_000_f1")
    assert says in text
    assert "cfp_000_f1" in text


def test_missing_pts_is_reported_by_name(raw_menpo: Path) -> None:
    (raw_menpo / "semifrontal" / "cfp_000_f1.pts").unlink()
    assert "no member cfp_000_f1.pts" in reason(raw_menpo, "semifrontal_cfp_000_f1")


@pytest.mark.parametrize(
    ("value", "says"),
    [("nan", "landmark 5 is not finite"), ("inf", "landmark 5 is not finite"), ("900", "landmark 5 at [899.0,")],
)
def test_landmark_that_cannot_be_is_reported(value: str, says: str, raw_menpo: Path) -> None:
    path = raw_menpo / "semifrontal" / "cfp_000_f1.pts"
    lines = path.read_text().splitlines()
    lines[3 + 5] = f"{value} 10"
    path.write_text("\n".join(lines))
    assert says in reason(raw_menpo, "semifrontal_cfp_000_f1")


def test_coinciding_landmarks_are_reported(raw_menpo: Path) -> None:
    (raw_menpo / "semifrontal" / "cfp_000_f1.pts").write_text(pts(np.full((68, 2), 50.0)))
    assert "coincide" in reason(raw_menpo, "semifrontal_cfp_000_f1")


@pytest.mark.parametrize("size", [0, 500])
def test_broken_image_is_reported_by_name(size: int, raw_menpo: Path) -> None:
    path = raw_menpo / "semifrontal" / "cfp_000_f1.png"
    path.write_bytes(path.read_bytes()[:size])
    assert "cfp_000_f1.png: cannot be decoded" in reason(raw_menpo, "semifrontal_cfp_000_f1")


def test_menpo_without_images_is_refused(tmp_path: Path) -> None:
    for part in menpo.PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "readme.txt").write_text("nothing")
    with pytest.raises(BadInput, match="no images"):
        menpo.entries(tmp_path)


def test_celeba_reads_points_people_and_images(raw_celeba: Path) -> None:
    entries = celeba.entries(raw_celeba)
    assert [e.name for e in entries] == [f"celeba_{i:06d}" for i in range(1, 7)]
    assert [e.person for e in entries] == [f"celeba_{i // 2}" for i in range(6)]
    assert len({e.photo for e in entries}) == 6
    face = celeba.read(raw_celeba, entries[2])
    assert face.image.shape == (218, 178, 3)
    # The points lie on dark spots of the image; read by columns instead of rows they would not.
    at = face.landmarks.round().astype(int)
    assert face.image[at[2:, 1], at[2:, 0]].mean() < 0.7 * np.median(face.image)


def test_celeba_zip_is_read_like_the_folder_and_under_another_name(raw_celeba: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "img_align_celeba"), "zip", raw_celeba, "img_align_celeba")
    other = (raw_celeba / "img_align_celeba").rename(tmp_path / "my photographs")
    for i, images in enumerate((packed, other)):
        options = {"images": str(images), "source": "my own faces"}
        options |= {k: str(raw_celeba / celeba.FILES[k]) for k in ("landmarks", "identity")}
        celeba.get(options, tmp_path / f"got{i}")
        entries = celeba.entries(tmp_path / f"got{i}")
        assert entries[0].source == "my own faces"
        assert entries[0].person == "my own faces_0"
        assert celeba.read(tmp_path / f"got{i}", entries[0]).image.shape == (218, 178, 3)


def test_celeba_draws_the_same_faces_each_time(raw_celeba: Path) -> None:
    (raw_celeba / "source.txt").write_text("celeba 4\n")
    first = [e.name for e in celeba.entries(raw_celeba)]
    assert len(set(first)) == 4
    assert first == sorted(first) == [e.name for e in celeba.entries(raw_celeba)]
    (raw_celeba / "source.txt").write_text("celeba 40\n")
    assert len(celeba.entries(raw_celeba)) == 6


def edit(path: Path, line: int, text: str | None) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [] if text is None else [text]
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("name", "line", "text", "says"),
    [
        ("landmarks", 4, "000002.jpg 1 2 3 4 5 6 7 8 9", "line 4"),
        ("landmarks", 4, "000002.jpg 1 2 3 4 5 6 7 8 9 ten", "line 4"),
        ("landmarks", 4, "", "line 4"),
        ("landmarks", 8, None, "5 faces"),
        ("landmarks", 1, "000000.jpg 1 2 3 4 5 6 7 8 9 10", "first line"),
        ("identity", 3, "000003.jpg", "line 3"),
        ("identity", 3, "000003.jpg 1 2", "line 3"),
        ("identity", 3, None, "no person for 000003.jpg"),
    ],
)
def test_malformed_celeba_text_names_file_and_line(
    name: str, line: int, text: str | None, says: str, raw_celeba: Path
) -> None:
    edit(raw_celeba / celeba.FILES[name], line, text)
    with pytest.raises(BadInput, match=says) as error:
        celeba.entries(raw_celeba)
    assert celeba.FILES[name] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "content"), [("landmarks", b""), ("identity", b"\xff\xfe\x00"), ("landmarks", None)])
def test_celeba_text_that_cannot_be_read_is_refused(name: str, content: bytes | None, raw_celeba: Path) -> None:
    path = raw_celeba / celeba.FILES[name]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(BadInput, match=celeba.FILES[name]):
        celeba.entries(raw_celeba)


def test_celeba_without_faces_is_refused(raw_celeba: Path) -> None:
    (raw_celeba / celeba.FILES["landmarks"]).write_text("0\nnames\n")
    with pytest.raises(BadInput, match="lists no face"):
        celeba.entries(raw_celeba)


def test_missing_celeba_image_is_reported(raw_celeba: Path) -> None:
    (raw_celeba / "img_align_celeba" / "000004.jpg").unlink()
    result = crop_face("celeba", raw_celeba, celeba.entries(raw_celeba)[3], "dlib")
    assert isinstance(result, Skipped)
    assert "000004.jpg" in result.reason
