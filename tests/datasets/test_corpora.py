"""Corpora as people have them: what systems and programs make of files is read like the official layout, or told."""

import codecs
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from raw_faces import SIZE, pts, write_celeba, write_face, write_menpo

from datasets import celeba, corpora, corpus, lfw, menpo
from datasets.align import anchor_points
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import BadInput, Contents, Entry, Face
from datasets.portrait.drawing import draw
from datasets.split import split

NEITHER, HIDDEN = "neither an image nor a .pts", "hidden file"
FACE = "cfp_000_f1"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight faces of two identities in Menpo's layout, six of three in CelebA's."""
    folder = tmp_path_factory.mktemp("official")
    write_menpo(folder / "menpo", 2)
    write_celeba(folder / "celeba", 6)
    return folder


@pytest.fixture(scope="module")
def plain(official: Path) -> dict[str, list[Crop]]:
    """Their crops."""
    return {
        name: crops(official / name, module.verify(official / name, {}))
        for name, module in (("menpo", menpo), ("celeba", celeba))
    }


@pytest.fixture
def given(official: Path, tmp_path: Path) -> Path:
    """A copy of them for a test to change."""
    return shutil.copytree(official, tmp_path / "given faces")


def got(given: Path, **options: Any) -> tuple[Path, Contents]:
    """What `get` makes of Menpo's two parts, or with options of CelebA's files, and what `verify` finds there."""
    module = celeba if options else menpo
    raw = given.parent / f"raw{len(list(given.parent.iterdir()))}"
    module.get(options or {part: str(given / "menpo" / part) for part in menpo.PARTS}, raw)
    return raw, module.verify(raw, options)


def crops(raw: Path, contents: Contents) -> list[Crop]:
    """All faces of a corpus, none of which may be skipped."""
    found = [crop_face(entry.corpus, raw, entry, "dlib") for entry in contents.faces]
    assert [face.reason for face in found if isinstance(face, Skipped)] == []
    return [face for face in found if isinstance(face, Crop)]


def pixels(found: list[Crop]) -> list[bytes]:
    return sorted(crop.hr.tobytes() for crop in found)


def refusal(raw: Path, entry: Entry) -> str:
    """Why a face is skipped, in one line."""
    result = crop_face(entry.corpus, raw, entry, "dlib")
    assert isinstance(result, Skipped)
    assert "\n" not in result.reason
    return result.reason


def test_corpora_are_found_by_name_without_an_import() -> None:
    assert corpora() == ["celeba", "lfw", "menpo", "synthetic"]
    assert corpus("menpo") is menpo
    with pytest.raises(BadInput, match=r"'mempo'.*celeba, lfw, menpo, synthetic"):
        corpus("mempo")
    script = "import sys, datasets; datasets.corpora(); print(*(m for m in sys.modules if m.startswith('datasets.')))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "datasets.face"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7")


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


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def read_only(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555)


def link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    (folder / "linked").symlink_to(folder.with_name("elsewhere"))


# How Menpo's semi-frontal part may be changed and still is read alike: the change, and what `verify` tells of it.
TOLERATED: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "junk": (lambda f: write(f, ".DS_Store", "Thumbs.db", "desktop.ini", "._a.jpg", "__MACOSX/x/._a.jpg"), {}),
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


@pytest.mark.parametrize("extension", ["bmp", "webp", "tif", "TIFF", "gif", "ppm", "jfif", "jp2", "JPEG"])
def test_images_of_every_extension_are_found(extension: str, given: Path) -> None:
    path = given / "menpo" / "semifrontal" / f"{FACE}.png"
    with Image.open(path) as image:
        image.save(path.with_suffix(f".{extension}"))
    path.unlink()
    assert len(crops(*got(given))) == 8


# What cannot be read: the change to a face's .pts or image, and what the one line says.
ZEROS = pts(np.zeros((68, 2)))
REFUSED: dict[str, tuple[str, Callable[[bytes], bytes | str] | None, str]] = {
    "67": ("pts", lambda _: pts(np.zeros((67, 2))), f"{FACE}.pts: 67 points, expected 68"),
    "39": ("pts", lambda _: pts(np.zeros((39, 2))), f"{FACE}.pts: 39 points, expected 68"),
    "half a point": ("pts", lambda _: ZEROS.replace("}", "5 }"), "68.5 points"),
    "words": ("pts", lambda _: ZEROS.replace("1.000", "one"), f"{FACE}.pts: not a .pts file"),
    "binary": ("pts", lambda _: b"\x89PNG\r\n\x1a\n\0\0\0", f"{FACE}.pts: not a .pts file"),
    "empty": ("pts", lambda _: b"", f"{FACE}.pts: not a .pts file"),
    "no braces": ("pts", lambda _: b"1 2\n" * 68, f"{FACE}.pts: not a .pts file"),
    "no .pts": ("pts", None, f"{FACE}.png: no {FACE}.pts beside it"),
    "nan": ("pts", lambda _: ZEROS.replace("1.000", "nan", 1), f"{FACE}.png: landmark 0 is not finite"),
    "far": ("pts", lambda _: ZEROS.replace("1.000", "900", 1), f"{FACE}.png: landmark 0 at [899.0, 0.0] is far"),
    "one place": ("pts", lambda _: pts(np.full((68, 2), 50.0)), "coincide"),
    "no bytes": ("png", lambda data: b"", f"{FACE}.png: cannot be decoded"),
    "half an image": ("png", lambda data: data[:500], f"{FACE}.png: cannot be decoded"),
    "no image": ("png", None, f"{FACE}.pts: no image"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_face_that_cannot_be_read_is_named(case: str, given: Path) -> None:
    kind, change, says = REFUSED[case]
    path = given / "menpo" / "semifrontal" / f"{FACE}.{kind}"
    data = change(path.read_bytes()) if change else b""
    path.write_bytes(data.encode() if isinstance(data, str) else data) if change else path.unlink()
    raw, contents = got(given)
    assert says in refusal(raw, next(entry for entry in contents.faces if entry.name == f"semifrontal_{FACE}"))
    assert len(contents.faces) == 8


@pytest.mark.parametrize("count", [21, 38, 40, 106])
def test_another_number_of_landmarks_is_an_error(count: int, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, contents = got(given)
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    face = Face(contents.faces[0], image, np.full((count, 2), 5.0), np.ones(count, bool))
    monkeypatch.setattr(menpo, "read", lambda *_: face)
    assert f"{contents.faces[0].image}: {count} landmarks, expected 5, 39" in refusal(raw, contents.faces[0])


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
    faces = ("afw/17_1", "afw/17_2", "helen/trainset/5_1", "helen/trainset/5_2", "helen/testset/5_1", "lfpw/a/1")
    for face in (*faces, "lfpw/b/1"):
        write_face(given / "menpo" / "semifrontal" / Path(face).parent, Path(face).name)
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


def test_celeba_reads_points_identities_and_images(official: Path) -> None:
    contents = celeba.verify(official / "celeba", {"source": "my own"})
    assert [e.name for e in contents.faces] == [f"celeba_{i:06d}" for i in range(1, 7)]
    assert [e.identity for e in contents.faces] == [f"my own_{i // 2}" for i in range(6)]
    assert len({e.photo for e in contents.faces}) == 6
    face = celeba.read(official / "celeba", contents.faces[2])
    assert face.image.shape == (218, 178, 3)
    assert (face.identity, face.source) == ("my own_1", "my own")
    # The points lie on dark spots of the image; read by columns instead of rows they would not.
    at = face.landmarks.round().astype(int)
    assert face.image[at[2:, 1], at[2:, 0]].mean() < 0.7 * np.median(face.image)


LISTS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda data: data.replace(b"\n", b"\r\n") + b"\r\n",
    "empty lines": lambda data: data + b"\n \n\n",
    "mark": lambda data: codecs.BOM_UTF8 + data.rstrip(),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
}


@pytest.mark.parametrize("case", LISTS)
def test_celebas_lists_are_read_however_they_were_saved(case: str, given: Path) -> None:
    expected = celeba.verify(given / "celeba", {}).faces
    for option in ("landmarks", "identity"):
        rewrite(given / "celeba" / celeba.FILES[option], LISTS[case])
    faces = celeba.verify(given / "celeba", {}).faces
    assert faces == expected
    np.testing.assert_array_equal([e.points for e in faces], [e.points for e in expected])


def edit(line: int, text: str | None) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        lines = data.splitlines()
        lines[line - 1 : line] = [] if text is None else [text.encode()]
        return b"".join(line + b"\n" for line in lines)

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("landmarks", edit(4, "000002.jpg 1 2 3 4 5 6 7 8 9"), "line 4"),
        ("landmarks", edit(4, "000002.jpg 1 2 3 4 5 6 7 8 9 ten"), "line 4"),
        ("landmarks", edit(4, ""), "line 4"),
        ("landmarks", edit(8, None), "5 faces"),
        ("landmarks", edit(1, "000000.jpg 1 2 3 4 5 6 7 8 9 10"), "first line"),
        ("landmarks", lambda _: b"", "first line"),
        ("landmarks", lambda _: b"0\nnames\n", "lists no face"),
        ("identity", edit(3, "000003.jpg"), "line 3"),
        ("identity", edit(3, "000003.jpg 1 2"), "line 3"),
        ("identity", edit(3, None), "nothing for 000003.jpg"),
        ("identity", lambda _: b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_malformed_list_names_file_and_line(
    name: str, change: Callable[[bytes], bytes], says: str, given: Path
) -> None:
    rewrite(given / "celeba" / celeba.FILES[name], change)
    with pytest.raises(BadInput, match=f"{celeba.FILES[name]}.*{says}") as error:
        celeba.verify(given / "celeba", {})
    assert "\n" not in str(error.value)
    (given / "celeba" / celeba.FILES[name]).unlink()
    with pytest.raises(BadInput, match=celeba.FILES[name]):
        celeba.verify(given / "celeba", {})


def test_celebas_images_are_found_in_any_folder_and_what_is_over_is_told(
    plain: dict[str, list[Crop]], given: Path
) -> None:
    folder = given / "celeba" / "img_align_celeba"
    (folder / "x" / "again").mkdir(parents=True)
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as image:
            image.save(folder / "x" / f"{path.stem}.PNG")
        path.unlink()
    shutil.copy(folder / "x" / "000001.PNG", folder / "x" / "again")
    shutil.copy(folder / "x" / "000001.PNG", folder / "000009.PNG")
    write(folder, "readme.md", ".hidden.jpg", "Thumbs.db")
    raw, contents = got(given, folder=str(given / "celeba"))
    assert pixels(crops(raw, contents)) == pixels(plain["celeba"])
    assert contents.unused == {
        "x/again/000001.PNG": "a second image of this name",
        "000009.PNG": "not in list_landmarks_align_celeba.txt",
        "readme.md": "not an image",
        ".hidden.jpg": HIDDEN,
    }


@pytest.fixture
def kaggle(given: Path) -> Path:
    """The six faces as Kaggle's copy unpacks: a folder too many, commas, and CelebA's split, not identities."""
    folder = given / "archive"
    shutil.copytree(given / "celeba" / "img_align_celeba", folder / "img_align_celeba" / "img_align_celeba")
    rows = (given / "celeba" / celeba.FILES["landmarks"]).read_text().splitlines()[2:]
    table = "image_id,lefteye_x\n" + "".join(",".join(row.split()) + "\n" for row in rows)
    (folder / "list_landmarks_align_celeba.csv").write_text(table)
    parts = "".join(f"{i:06d}.jpg,{part}\n" for i, part in enumerate([0, 0, 1, 2, 2, 2], 1))
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n" + parts)
    (folder / "list_attr_celeba.csv").write_text("image_id,Bald\n")
    return folder


def options_of(kaggle: Path, one_by_one: list[str]) -> dict[str, str]:
    files = {"images": "img_align_celeba", "landmarks": "list_landmarks_align_celeba.csv"}
    files |= {"partition": "list_eval_partition.csv"}
    return {name: str(kaggle / files[name]) for name in one_by_one} or {"folder": str(kaggle)}


@pytest.mark.parametrize("one_by_one", [[], ["images", "landmarks"], ["images", "landmarks", "partition"]])
@pytest.mark.parametrize("saved_by", ["Kaggle", "a spreadsheet"])
def test_kaggles_celeba_has_celebas_own_split(
    one_by_one: list[str],
    saved_by: str,
    kaggle: Path,
    plain: dict[str, list[Crop]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(celeba, "_published", lambda name: pytest.fail(f"{name} would be downloaded"))
    if saved_by == "a spreadsheet":
        for path in kaggle.glob("*.csv"):
            lines = path.read_text().splitlines()
            path.write_text("\r\n".join(";".join(f'"{field}"' for field in line.split(",")) for line in lines))
    raw, contents = got(kaggle.parent, **options_of(kaggle, one_by_one))
    assert list(split(contents.faces, 0.5, 0.5, 0)) == ["train", "train", "validation", "test", "test", "test"]
    assert contents.unused == {}
    assert pixels(crops(raw, contents)) == pixels(plain["celeba"])


@pytest.mark.parametrize("one_by_one", [[], ["images", "landmarks"]])
def test_identities_go_before_celebas_split(one_by_one: list[str], given: Path, kaggle: Path) -> None:
    shutil.copy(given / "celeba" / "identity_CelebA.txt", kaggle)
    _, contents = got(given, **options_of(kaggle, one_by_one))
    assert [entry.identity for entry in contents.faces] == [f"celeba_{i // 2}" for i in range(6)]


@pytest.mark.parametrize("missing", ["list_eval_partition.csv", "list_landmarks_align_celeba.csv", "img_align_celeba"])
def test_a_folder_that_lacks_a_file_is_refused_by_name(missing: str, kaggle: Path) -> None:
    (kaggle / missing).rename(kaggle / "other")
    shutil.rmtree(kaggle / "other", ignore_errors=True)
    with pytest.raises(BadInput, match=rf"holds no .*{Path(missing).stem}.*corpora\.celeba\.folder"):
        got(kaggle.parent, folder=str(kaggle))


@pytest.mark.parametrize(("line", "says"), [("000003.jpg,7", "part '7'"), ("000009.jpg,1", "nothing for 000003.jpg")])
def test_a_wrong_part_is_refused(line: str, says: str, kaggle: Path) -> None:
    rewrite(kaggle / "list_eval_partition.csv", lambda data: data.replace(b"000003.jpg,1", line.encode()))
    with pytest.raises(BadInput, match=says):
        got(kaggle.parent, folder=str(kaggle))


def test_faces_without_images_are_left_out_when_asked_and_counted(given: Path) -> None:
    images = given / "celeba" / "img_align_celeba"
    for i in (2, 3, 4, 5):
        (images / f"{i:06d}.jpg").unlink()
    raw, contents = got(given, folder=str(given / "celeba"))
    says = refusal(raw, contents.faces[1])
    assert "000002.jpg" in says
    assert "corpora.celeba.available" in says
    raw, contents = got(given, folder=str(given / "celeba"), available=True)
    assert [Path(crop.entry.image).name for crop in crops(raw, contents)] == ["000001.jpg", "000006.jpg"]
    assert contents.unused == {f"{i:06d}.jpg": "no image (corpora.celeba.available)" for i in (2, 3, 4, 5)}
    shutil.rmtree(images)
    images.mkdir()
    with pytest.raises(BadInput, match="no face whose image is there"):
        celeba.verify(given / "celeba", {"available": True})


def test_celeba_draws_the_same_faces_each_time_and_counts_the_others(official: Path) -> None:
    first, again = (celeba.verify(official / "celeba", {"faces": 4}) for _ in range(2))
    names = [entry.name for entry in first.faces]
    assert len(set(names)) == 4
    assert names == sorted(names) == [entry.name for entry in again.faces]
    assert list(first.unused.values()) == ["not drawn (corpora.celeba.faces)"] * 2
    assert len(celeba.verify(official / "celeba", {"faces": 40}).faces) == 6


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(scope="module")
def portraits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three synthetic faces of two identities as LFW's are, in the middle of 250 x 250 pixels; 68 landmarks of each."""
    found = {}
    faces = (face for i in range(20) if len((face := draw(i, 0, 5)).landmarks) == 68)
    for name in ("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bo_Ek/Bo_Ek_0001.jpg"):
        face = next(faces)
        scale = 0.9 * 250 / max(face.image.shape)
        shift = 125 - scale * face.landmarks.mean(0)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        image = cv2.warpAffine(face.image, matrix, (250, 250), borderMode=cv2.BORDER_REPLICATE)
        found[name] = image, face.landmarks * scale + shift
    return found


def test_lfw_becomes_faces_and_tells_where_there_is_none(
    portraits: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path
) -> None:
    found = {name: jpeg(image) for name, (image, _) in portraits.items()}
    wide = np.concatenate([portraits[name][0] for name in sorted(portraits, reverse=True)], 1)  # Ann_Lee_0002 amid
    found |= {"Cy/1.jpg": jpeg(wide), "Di/1.jpg": jpeg(np.full((250, 250, 3), 128, np.uint8)), "Di/2.jpg": b""}
    write(tmp_path / "lfw", *found, "README.txt", ".hidden.jpg", "._x.jpg")
    for name, data in found.items():
        (tmp_path / "lfw" / name).write_bytes(data)
    packed = shutil.make_archive(str(tmp_path / "a"), "gztar", tmp_path, "lfw")
    lfw.get({"images": packed}, tmp_path / "raw")
    contents = lfw.verify(tmp_path / "raw", {})
    names = ["Ann_Lee_0001", "Ann_Lee_0002", "Bo_Ek_0001", "Cy_1", "Di_1", "Di_2"]
    assert [e.name for e in contents.faces] == [f"lfw_{name}" for name in names]
    assert [e.identity for e in contents.faces[:3]] == ["lfw_Ann_Lee", "lfw_Ann_Lee", "lfw_Bo_Ek"]
    assert len({e.photo for e in contents.faces}) == 6
    assert contents.unused == {"lfw/README.txt": "not an image", "lfw/.hidden.jpg": HIDDEN}
    truths = [points for _, points in portraits.values()]
    for entry, truth in zip(contents.faces, [*truths, truths[1] + (250, 0)], strict=False):
        landmarks = lfw.read(tmp_path / "raw", entry).landmarks
        assert len(landmarks) == 68
        anchors, expected = anchor_points(landmarks)[0], anchor_points(truth)[0]
        assert np.linalg.norm(anchors - expected, axis=1).mean() < 0.2 * np.linalg.norm(expected[0] - expected[1])
    for entry, says in zip(contents.faces[4:], ("1.jpg: dlib finds no face", "2.jpg: cannot be decoded"), strict=True):
        assert refusal(tmp_path / "raw", entry).startswith(f"lfw/lfw/Di/{says}")
