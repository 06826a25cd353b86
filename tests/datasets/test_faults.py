"""Corpora as people have them: what other systems and programs make of files, read like the official layout or told."""

from __future__ import annotations

import codecs
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_faces import pts, write_celeba, write_face, write_menpo

from datasets import celeba, layout, menpo
from datasets.archive import source
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import BadInput
from datasets.split import split
from datasets.text import decode_text, lines_of


def packed(folder: Path, target: Path, **more: bytes) -> Path:
    """A zip of `folder` and its name, with further members."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
        for name, data in more.items():
            archive.writestr(name, data)
    return target


def got(tmp_path: Path, semifrontal: Path, profile: Path) -> Path:
    """The corpus folder that `get` makes of the two parts."""
    menpo.get({"semifrontal": str(semifrontal), "profile": str(profile)}, tmp_path / "got")
    return tmp_path / "got"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Six semifrontal faces and two profiles, as folders."""
    write_menpo(tmp_path / "official", 2)
    return tmp_path / "official"


def crops(root: Path, corpus: str = "menpo") -> list[Crop]:
    """All faces of a corpus, none of which may be skipped."""
    module = {"menpo": menpo, "celeba": celeba}[corpus]
    found = [crop_face(corpus, root, entry, "dlib") for entry in module.entries(root)]
    assert [face.reason for face in found if isinstance(face, Skipped)] == []
    return [face for face in found if isinstance(face, Crop)]


def test_zip_of_a_mac_is_read_without_its_litter(raw: Path, tmp_path: Path) -> None:
    plain = [crop.entry.name for crop in crops(raw)]
    litter = {f"__MACOSX/semifrontal/._{p.name}": b"\0\5\x16\7" for p in (raw / "semifrontal").iterdir()}
    litter |= {"semifrontal/.DS_Store": b"\0", "semifrontal/Thumbs.db": b"\0", "semifrontal/._a.jpg": b"\0"}
    root = got(tmp_path, packed(raw / "semifrontal", tmp_path / "mac.zip", **litter), raw / "profile")
    assert [crop.entry.name for crop in crops(root)] == plain
    assert menpo.unused(root) == {}


def test_zip_with_backslashes_is_read(raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        for path in (raw / "semifrontal").iterdir():
            info = zipfile.ZipInfo()
            info.filename = f"semifrontal\\{path.name}"
            archive.writestr(info, path.read_bytes())
    root = got(tmp_path, tmp_path / "windows.zip", raw / "profile")
    assert [crop.entry.name for crop in crops(root)] == [crop.entry.name for crop in crops(raw)]


def test_link_that_leads_nowhere_is_refused(raw: Path, tmp_path: Path) -> None:
    (raw / "semifrontal" / "more.png").symlink_to(tmp_path / "unmounted.png")
    with pytest.raises(BadInput, match=r"more\.png: a link to .*unmounted\.png, which is not there"):
        got(tmp_path, raw / "semifrontal", raw / "profile")
    with pytest.raises(BadInput, match="which is not there"):
        menpo.entries(raw)


def test_one_name_in_two_folders_is_two_faces(raw: Path, tmp_path: Path) -> None:
    for part in ("trainset", "testset"):
        write_face(tmp_path / "lfpw" / part, "image_0001", seed=len(part))
    root = got(tmp_path, tmp_path / "lfpw", raw / "profile")
    entries = [entry for entry in menpo.entries(root) if entry.name.startswith("semifrontal")]
    assert [e.name for e in entries] == ["semifrontal_testset_image_0001", "semifrontal_trainset_image_0001"]
    assert len({e.person for e in entries}) == len({e.photo for e in entries}) == 2
    one, other = (menpo.read(root, entry) for entry in entries)
    assert not np.array_equal(one.landmarks, other.landmarks)


def test_a_folder_more_or_less_changes_no_name(raw: Path, tmp_path: Path) -> None:
    deep = shutil.copytree(raw / "semifrontal", tmp_path / "a" / "b" / "semifrontal").parents[1]
    (deep / "readme.txt").write_text("beside the folder")
    root = got(tmp_path, deep, raw / "profile")
    assert [entry.name for entry in menpo.entries(root)] == [entry.name for entry in menpo.entries(raw)]
    (reason,) = menpo.unused(root).items()
    assert reason == ("semifrontal/semifrontal/readme.txt", "neither an image nor a .pts")


def test_300w_tells_photographs_by_its_folders(raw: Path, tmp_path: Path) -> None:
    for face in ("afw/17_1", "afw/17_2", "helen/trainset/5_1", "helen/trainset/5_2", "helen/testset/5_1"):
        write_face(tmp_path / "300w" / Path(face).parent, Path(face).name)
    entries = menpo.entries(got(tmp_path, tmp_path / "300w", raw / "profile"))
    photos = {entry.name: entry.photo for entry in entries}
    assert photos["semifrontal_afw_17_1"] == photos["semifrontal_afw_17_2"]
    assert photos["semifrontal_helen_trainset_5_1"] == photos["semifrontal_helen_trainset_5_2"]
    assert photos["semifrontal_helen_trainset_5_1"] != photos["semifrontal_helen_testset_5_1"]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"// fa\xe7ade\n" + data,
        lambda data: data.replace(b"\n", b"\n\n").replace(b" ", b"\t"),
    ],
    ids=["byte-order mark", "UTF-16", "CRLF", "CR", "Latin-1", "tabs and empty lines"],
)
def test_pts_is_read_however_it_was_saved(change: Callable[[bytes], bytes], raw: Path) -> None:
    (face,) = (entry for entry in menpo.entries(raw) if entry.name == "semifrontal_cfp_000_f1")
    expected = menpo.read(raw, face).landmarks
    path = raw / "semifrontal" / "cfp_000_f1.pts"
    path.write_bytes(change(path.read_bytes()))
    np.testing.assert_array_equal(menpo.read(raw, face).landmarks, expected)


@pytest.mark.parametrize(
    "names", [("A.PNG", "A.pts"), ("a.png", "a.PTS"), ("IMG_1.Png", "img_1.pts"), ("a.png", "a.png.pts")]
)
def test_image_and_pts_find_each_other_in_other_letters(names: tuple[str, str], raw: Path) -> None:
    folder = raw / "semifrontal"
    (folder / "cfp_000_f0.png").rename(folder / names[0])
    (folder / "cfp_000_f0.pts").rename(folder / names[1])
    assert len(crops(raw)) == 8
    assert menpo.unused(raw) == {}


def test_a_pts_of_the_very_name_goes_before_one_in_other_letters() -> None:
    assert layout.faces(["A.jpg", "A.pts", "a.jpg", "a.pts"], ".pts") == {"A.jpg": "A.pts", "a.jpg": "a.pts"}
    assert layout.faces(["A.jpg", "a.jpg", "a.pts"], ".pts") == {"A.jpg": None, "a.jpg": "a.pts"}
    assert layout.faces(["caf\u00e9.jpg", "cafe\u0301.pts"], ".pts") == {"caf\u00e9.jpg": "cafe\u0301.pts"}
    assert layout.faces(["x/1.jpg", "y/1.pts"], ".pts") == {"x/1.jpg": None, "y/1.pts": "y/1.pts"}


@pytest.mark.parametrize("ending", ["bmp", "webp", "tif", "TIFF", "gif", "ppm", "jfif", "jp2", "JPEG"])
def test_every_format_is_looked_for(ending: str, raw: Path) -> None:
    path = raw / "semifrontal" / "cfp_000_f0.png"
    with Image.open(path) as image:
        image.save(path.with_suffix(f".{ending}"))
    path.unlink()
    assert len(crops(raw)) == 8


def test_pts_without_an_image_is_a_face_that_is_missing(raw: Path) -> None:
    path = raw / "semifrontal" / "cfp_000_f0.png"
    path.rename(path.with_suffix(".raw"))
    results = [crop_face("menpo", raw, entry, "dlib") for entry in menpo.entries(raw)]
    (skipped,) = (result for result in results if isinstance(result, Skipped))
    assert skipped.reason.startswith("semifrontal/cfp_000_f0.pts: no image")
    assert menpo.unused(raw) == {"semifrontal/cfp_000_f0.raw": "neither an image nor a .pts"}


@pytest.fixture
def raw_celeba(tmp_path: Path) -> Path:
    """Six faces of three people in CelebA's official layout."""
    write_celeba(tmp_path / "raw", 6)
    return tmp_path / "raw"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n") + b"\r\n",
        lambda data: data + b"\n \n\n",
        lambda data: codecs.BOM_UTF8 + data.rstrip(),
        lambda data: data.decode().encode("utf-16"),
    ],
    ids=["CRLF and an empty line", "empty lines", "byte-order mark, no last end", "UTF-16"],
)
def test_celeba_lists_are_read_however_they_were_saved(change: Callable[[bytes], bytes], raw_celeba: Path) -> None:
    expected = celeba.entries(raw_celeba)
    for option in ("landmarks", "identity"):
        path = raw_celeba / celeba.FILES[option]
        path.write_bytes(change(path.read_bytes()))
    entries = celeba.entries(raw_celeba)
    assert entries == expected
    np.testing.assert_array_equal([e.points for e in entries], [e.points for e in expected])


@pytest.mark.parametrize("inside", ["", "img_align_celeba/img_align_celeba/", "x/y/z/"])
def test_celeba_images_are_found_in_any_folder(inside: str, raw_celeba: Path) -> None:
    folder = raw_celeba / "img_align_celeba"
    with zipfile.ZipFile(raw_celeba / "img_align_celeba.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, inside + path.name)
    expected = crops(raw_celeba, "celeba")
    shutil.rmtree(folder)
    source.__globals__["_source"].cache_clear()
    for one, other in zip(crops(raw_celeba, "celeba"), expected, strict=True):
        np.testing.assert_array_equal(one.hr, other.hr)
    assert celeba.unused(raw_celeba) == {}


def test_celeba_as_png_is_found_and_what_is_over_is_told(raw_celeba: Path) -> None:
    folder = raw_celeba / "img_align_celeba"
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            image.save(path.with_suffix(".PNG"))
        path.unlink()
    (folder / "again").mkdir()
    shutil.copy(folder / "000001.PNG", folder / "again")
    shutil.copy(folder / "000001.PNG", folder / "000009.PNG")
    (folder / "readme.md").write_text("photographs")
    assert len(crops(raw_celeba, "celeba")) == 6
    assert celeba.unused(raw_celeba) == {
        "again/000001.PNG": "a second image of this name",
        "000009.PNG": "not in list_landmarks_align_celeba.txt",
        "readme.md": "not an image",
    }


@pytest.fixture
def kaggle(raw_celeba: Path, tmp_path: Path) -> Path:
    """The six faces as Kaggle's copy unpacks: a folder too many, commas, and parts, not people."""
    folder = tmp_path / "archive"
    shutil.copytree(raw_celeba / "img_align_celeba", folder / "img_align_celeba" / "img_align_celeba")
    rows = (raw_celeba / celeba.FILES["landmarks"]).read_text().splitlines()[2:]
    table = "image_id,lefteye_x\n" + "".join(",".join(row.split()) + "\n" for row in rows)
    (folder / "list_landmarks_align_celeba.csv").write_text(table)
    parts = "".join(f"{i:06d}.jpg,{part}\n" for i, part in enumerate([0, 0, 1, 2, 2, 2], 1))
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n" + parts)
    (folder / "list_attr_celeba.csv").write_text("image_id,Bald\n")
    return folder


def test_kaggles_celeba_is_split_as_celeba_parts_it(raw_celeba: Path, kaggle: Path, tmp_path: Path) -> None:
    celeba.get({"folder": str(kaggle)}, tmp_path / "got")
    for one, other in zip(crops(tmp_path / "got", "celeba"), crops(raw_celeba, "celeba"), strict=True):
        np.testing.assert_array_equal(one.hr, other.hr)
    entries = celeba.entries(tmp_path / "got")
    assert list(split(entries, 0.5, 0.5, 0)) == ["train", "train", "validation", "test", "test", "test"]
    assert celeba.unused(tmp_path / "got") == {}


def test_identities_go_before_parts(raw_celeba: Path, kaggle: Path, tmp_path: Path) -> None:
    shutil.copy(raw_celeba / "identity_CelebA.txt", kaggle)
    celeba.get({"folder": str(kaggle)}, tmp_path / "got")
    assert [entry.person for entry in celeba.entries(tmp_path / "got")] == [f"celeba_{i // 2}" for i in range(6)]


def test_lists_that_a_spreadsheet_saved_are_read(kaggle: Path, tmp_path: Path) -> None:
    for path in kaggle.glob("*.csv"):
        lines = path.read_text().splitlines()
        path.write_text("\r\n".join(";".join(f'"{field}"' for field in line.split(",")) for line in lines))
    celeba.get({"folder": str(kaggle)}, tmp_path / "got")
    assert len(crops(tmp_path / "got", "celeba")) == 6


@pytest.mark.parametrize("missing", ["list_eval_partition.csv", "list_landmarks_align_celeba.csv", "img_align_celeba"])
def test_folder_that_lacks_a_file_is_refused_by_name(missing: str, kaggle: Path, tmp_path: Path) -> None:
    (kaggle / missing).rename(kaggle / "other")
    shutil.rmtree(kaggle / "other", ignore_errors=True)
    with pytest.raises(BadInput, match=rf"holds no .*{Path(missing).stem}.*corpora\.celeba\.folder"):
        celeba.get({"folder": str(kaggle)}, tmp_path / "got")


@pytest.mark.parametrize(("line", "says"), [("000003.jpg,7", "part '7'"), ("000009.jpg,1", "no part for 000003.jpg")])
def test_wrong_part_is_refused(line: str, says: str, kaggle: Path, tmp_path: Path) -> None:
    path = kaggle / "list_eval_partition.csv"
    path.write_text(path.read_text().replace("000003.jpg,1", line))
    celeba.get({"folder": str(kaggle)}, tmp_path / "got")
    with pytest.raises(BadInput, match=says):
        celeba.entries(tmp_path / "got")


def test_faces_without_images_are_left_out_when_asked_and_counted(raw_celeba: Path, tmp_path: Path) -> None:
    for i in (2, 3, 4, 5):
        (raw_celeba / "img_align_celeba" / f"{i:06d}.jpg").unlink()
    celeba.get({"folder": str(raw_celeba)}, tmp_path / "all")
    entry = celeba.entries(tmp_path / "all")[1]
    skipped = crop_face("celeba", tmp_path / "all", entry, "dlib")
    assert isinstance(skipped, Skipped)
    assert "000002.jpg" in skipped.reason
    assert "corpora.celeba.available" in skipped.reason

    celeba.get({"folder": str(raw_celeba), "available": True}, tmp_path / "some")
    assert [crop.entry.image for crop in crops(tmp_path / "some", "celeba")] == ["000001.jpg", "000006.jpg"]
    unused = celeba.unused(tmp_path / "some")
    assert unused == {f"{i:06d}.jpg": "no image (corpora.celeba.available)" for i in (2, 3, 4, 5)}


def test_none_available_is_refused(raw_celeba: Path) -> None:
    (raw_celeba / "source.txt").write_text("celeba all\navailable\n")
    for path in (raw_celeba / "img_align_celeba").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="no face whose image is there"):
        celeba.entries(raw_celeba)


def test_faces_that_are_not_drawn_are_counted(raw_celeba: Path) -> None:
    (raw_celeba / "source.txt").write_text("celeba 4\nlisted\n")
    drawn = {entry.image for entry in celeba.entries(raw_celeba)}
    unused = celeba.unused(raw_celeba)
    assert set(unused.values()) == {"not drawn (corpora.celeba.faces)"}
    assert {Path(name).name for name in unused} | drawn == {f"{i:06d}.jpg" for i in range(1, 7)}


def test_text_is_decoded_by_its_mark() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode_text("café\r\n".encode(encoding)) == "café\r\n"
    assert decode_text("café".encode("latin-1")) == "café"
    assert lines_of(b"a\r\n\r\nb\r\n\r\n ") == ["a", "", "b"]
    assert lines_of(pts(np.zeros((1, 2))).encode())[-1] == "}"
