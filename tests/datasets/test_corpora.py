"""Corpora as people have them: what systems and programs make of files is read like the official layout, or told."""

import codecs
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_faces import pts, write_face
from reading import crops, got, pixels, refusal, rewrite, write

from datasets import corpora, corpus, lfw, menpo
from datasets.crop import Crop
from datasets.face import BadInput
from datasets.split import split

NEITHER, HIDDEN = "neither an image nor a .pts", "hidden file"
FACE = "cfp_000_f1"


def test_corpora_are_found_by_name_without_an_import() -> None:
    assert corpora() == ["celeba", "lfw", "menpo", "synthetic"]
    assert corpus("menpo") is menpo
    with pytest.raises(BadInput, match=r"'mempo'.*celeba, lfw, menpo, synthetic"):
        corpus("mempo")
    script = "import sys, datasets; datasets.corpora(); print(*(m for m in sys.modules if m.startswith('datasets.')))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "datasets.face"


def nest(folder: Path) -> None:
    folder.rename(folder.with_name("inner"))
    folder.mkdir()
    folder.with_name("inner").rename(folder / "deep down")
    write(folder, "readme.txt")


def rename(image: str, annotation: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / f"{FACE}.png").rename(folder / image)
        (folder / f"{FACE}.pts").rename(folder / annotation)

    return change


def resave(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / f"{FACE}.pts", change)


def read_only(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555)


def link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    (folder / "linked").symlink_to(folder.with_name("elsewhere"))


# How Menpo's semi-frontal part may be changed and still is read alike: the change, and what `verify` tells of it.
TOLERATED: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "junk": (lambda f: write(f, ".DS_Store", "a/THUMBS.DB", "desktop.ini", "a/._b.jpg", "__MACOSX/a/b.jpg"), {}),
    "like junk": (rename("x.thumbs.db.png", "x.thumbs.db.pts"), {}),
    "hidden": (lambda f: write(f, ".hidden.jpg", ".git/a.png"), {".hidden.jpg": HIDDEN, ".git/a.png": HIDDEN}),
    "folders": (nest, {"readme.txt": NEITHER}),
    "link": (link, {}),
    "read-only": (read_only, {}),
    ".PNG": (rename("A.PNG", "A.pts"), {}),
    ".PTS": (rename("a.png", "a.PTS"), {}),
    "letters": (rename("IMG_1.Png", "img_1.pts"), {}),
    ".png.pts": (rename("a.png", "a.png.pts"), {}),
    "blanks": (rename("my face.png", "my face.pts"), {}),
    "accents": (rename("caf\u00e9.png", "cafe\u0301.pts"), {}),
    "mark": (resave(lambda data: codecs.BOM_UTF8 + data), {}),
    "UTF-16": (resave(lambda data: data.decode().encode("utf-16")), {}),
    "CRLF": (resave(lambda data: data.replace(b"\n", b"\r\n")), {}),
    "CR": (resave(lambda data: data.replace(b"\n", b"\r")), {}),
    "Latin-1": (resave(lambda data: b"// fa\xe7ade\n" + data), {}),
    "tabs": (resave(lambda data: data.replace(b"\n", b"\n\n").replace(b" ", b"\t")), {}),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_menpo_is_read_whatever_is_done_to_its_files(case: str, plain: dict[str, list[Crop]], given: Path) -> None:
    change, unused = TOLERATED[case]
    change(given / "menpo" / "semifrontal")
    raw, contents = got(given)
    assert pixels(crops(raw, contents)) == pixels(plain["menpo"])
    assert contents.unused == {f"semifrontal/{name}": reason for name, reason in unused.items()}


def test_images_of_every_extension_are_found(given: Path) -> None:
    paths = sorted((given / "menpo" / "semifrontal").glob("*.png"))
    for path, extension in zip(paths, ["bmp", "webp", "TIFF", "gif", "jfif", "jp2"], strict=True):
        Image.open(path).save(path.with_suffix(f".{extension}"))
        path.unlink()
    assert len(crops(*got(given))) == 8


# What cannot be read: the change to a face's .pts or image, and what the one line says.
ZEROS = pts(np.zeros((68, 2))).encode()
REFUSED: dict[str, tuple[str, Callable[[bytes], bytes] | None, str]] = {
    "67": ("pts", lambda _: pts(np.zeros((67, 2))).encode(), f"{FACE}.pts: 67 points, expected 68"),
    "39": ("pts", lambda _: pts(np.zeros((39, 2))).encode(), f"{FACE}.pts: 39 points, expected 68"),
    "half a point": ("pts", lambda _: ZEROS.replace(b"}", b"5 }"), "68.5 points"),
    "words": ("pts", lambda _: ZEROS.replace(b"1.000", b"one"), f"{FACE}.pts: not a .pts file"),
    "binary": ("pts", lambda _: b"\x89PNG\r\n\x1a\n\0\0\0", f"{FACE}.pts: not a .pts file"),
    "empty": ("pts", lambda _: b"", f"{FACE}.pts: not a .pts file"),
    "no braces": ("pts", lambda _: b"1 2\n" * 68, f"{FACE}.pts: not a .pts file"),
    "no .pts": ("pts", None, f"{FACE}.png: no {FACE}.pts beside it"),
    "nan": ("pts", lambda _: ZEROS.replace(b"1.000", b"nan", 1), f"{FACE}.png: landmark 0 is not finite"),
    "far": ("pts", lambda _: ZEROS.replace(b"1.000", b"900", 1), f"{FACE}.png: landmark 0 at [899.0, 0.0] is far"),
    "one place": ("pts", lambda _: pts(np.full((68, 2), 50.0)).encode(), "coincide"),
    "no bytes": ("png", lambda data: b"", f"{FACE}.png: cannot be decoded"),
    "half an image": ("png", lambda data: data[:500], f"{FACE}.png: cannot be decoded"),
    "no image": ("png", None, f"{FACE}.pts: no image"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_face_that_cannot_be_read_is_named(case: str, given: Path) -> None:
    kind, change, says = REFUSED[case]
    path = given / "menpo" / "semifrontal" / f"{FACE}.{kind}"
    rewrite(path, change) if change else path.unlink()
    raw, contents = got(given)
    assert says in refusal(raw, next(entry for entry in contents.faces if entry.name == f"semifrontal_{FACE}"))
    assert len(contents.faces) == 8


def test_a_corpus_without_images_is_refused(given: Path) -> None:
    for folder in ("menpo/semifrontal", "menpo/profile", "lfw"):
        shutil.rmtree(given / folder, ignore_errors=True)
        write(given / folder, "readme.txt")
    with pytest.raises(BadInput, match="no images in semifrontal or profile"):
        got(given)
    with pytest.raises(BadInput, match="no images in lfw"):
        lfw.verify(given, {})


def test_a_name_tells_identity_photograph_and_source() -> None:
    for line in (
        "cfp_012_f03 cfp_012 cfp_012_f03 cfp",
        "synthetic_00012_3 synthetic_00012 synthetic_00012_3 synthetic",
        "helen_train_100040721_2 helen_train_100040721 helen_train_100040721 helen_train",
        "afw_1051618982_1 afw_1051618982 afw_1051618982 afw",
        "lfpw_train_image_0001 lfpw_train_image_0001 lfpw_train_image_0001 lfpw_train",
        "aflw__face_39844 aflw__face_39844 aflw__face_39844 aflw__face",
        "anna anna anna menpo",
    ):
        stem, *expected = line.split()
        entry = menpo._entry("semifrontal", f"{stem}.jpg", None, stem)
        assert [entry.identity, entry.photo, entry.source] == expected


def test_folders_tell_faces_and_photographs_apart(given: Path) -> None:
    faces = "afw/17_1 afw/17_2 helen/trainset/5_1 helen/trainset/5_2 helen/testset/5_1 lfpw/a/1 lfpw/b/1"
    for face in faces.split():
        write_face(given / "menpo", face)
    _, contents = got(given)
    photos = {entry.name.removeprefix("semifrontal_"): entry.photo for entry in contents.faces}
    assert photos["afw_17_1"] == photos["afw_17_2"]
    assert photos["helen_trainset_5_1"] == photos["helen_trainset_5_2"] != photos["helen_testset_5_1"]
    assert photos["lfpw_a_1"] != photos["lfpw_b_1"]
    sides = dict(zip(photos, split(contents.faces, 0.5, 0.0, 0), strict=True))
    assert sides["afw_17_1"] == sides["afw_17_2"]


def test_a_pts_of_the_very_name_goes_before_one_in_other_letters() -> None:
    assert menpo.match(["A.jpg", "A.pts", "a.jpg", "a.pts"]) == {"A.jpg": "A.pts", "a.jpg": "a.pts"}
    assert menpo.match(["A.jpg", "a.jpg", "a.pts"]) == {"A.jpg": None, "a.jpg": "a.pts"}
    assert menpo.match(["x/1.jpg", "y/1.pts"]) == {"x/1.jpg": None, "y/1.pts": "y/1.pts"}
