"""CelebA: its own text files, Kaggle's CSVs, and what people make of both."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import crops, got, pixels, refusal, rewrite, write

from datasets import celeba
from datasets.crop import Crop
from datasets.face import BadInput
from datasets.split import split


@pytest.mark.parametrize("encoding", [None, "utf-8-sig", "utf-16"])
def test_celeba_reads_points_identities_and_images_however_its_lists_were_saved(
    encoding: str | None, given: Path
) -> None:
    for path in (given / "celeba").glob("*.txt"):
        if encoding:
            path.write_bytes((path.read_text().replace("\n", "\r\n") + "\r\n \r\n").encode(encoding))
    entries = celeba.verify(given / "celeba", {"source": "my own"}).faces
    assert [e.name for e in entries] == [f"celeba_{i:06d}" for i in range(1, 7)]
    assert [e.identity for e in entries] == [f"my own_{i // 2}" for i in range(6)]
    assert len({e.photo for e in entries}) == 6
    face = celeba.read(given / "celeba", entries[2])
    assert (face.image.shape, face.entry.source) == ((218, 178, 3), "my own")
    # The points lie on dark spots of the image; read by columns instead of rows they would not.
    at = face.landmarks.round().astype(int)
    assert face.image[at[2:, 1], at[2:, 0]].mean() < 0.7 * np.median(face.image)


def edit(number: int, *lines: str) -> Callable[[bytes], bytes]:
    """Puts `lines` in the place of line `number`."""

    def change(data: bytes) -> bytes:
        old = data.decode().splitlines()
        return "\n".join([*old[: number - 1], *lines, *old[number:], ""]).encode()

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("landmarks", edit(4, "000002.jpg 1 2 3 4 5 6 7 8 9"), "line 4"),
        ("landmarks", edit(4, "000002.jpg 1 2 3 4 5 6 7 8 9 ten"), "line 4"),
        ("landmarks", edit(4, ""), "line 4"),
        ("landmarks", edit(8), "5 faces"),
        ("landmarks", edit(1, "000000.jpg 1 2 3 4 5 6 7 8 9 10"), "first line"),
        ("landmarks", lambda _: b"", "first line"),
        ("landmarks", lambda _: b"0\nnames\n", "lists no face"),
        ("identity", edit(3, "000003.jpg"), "line 3"),
        ("identity", edit(3, "000003.jpg 1 2"), "line 3"),
        ("identity", edit(3), "nothing for 000003.jpg"),
        ("identity", lambda _: b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_malformed_list_names_file_and_line(
    name: str, change: Callable[[bytes], bytes], says: str, given: Path
) -> None:
    path = given / "celeba" / celeba.FILES[name]
    rewrite(path, change)
    with pytest.raises(BadInput, match=f"{path.name}.*{says}") as error:
        celeba.verify(given / "celeba", {})
    assert "\n" not in str(error.value)
    path.unlink()
    with pytest.raises(BadInput, match=path.name):
        celeba.verify(given / "celeba", {})


def test_celebas_images_are_found_in_any_folder_and_what_is_over_is_told(
    plain: dict[str, list[Crop]], given: Path
) -> None:
    folder = given / "celeba" / "img_align_celeba"
    (folder / "x" / "again").mkdir(parents=True)
    for path in sorted(folder.glob("*.jpg")):
        Image.open(path).save(folder / "x" / f"{path.stem}.PNG")
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
        ".hidden.jpg": "hidden file",
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


FOLDER = {"folder": ""}
TWO = {"images": "img_align_celeba", "landmarks": "list_landmarks_align_celeba.csv"}
THREE = TWO | {"partition": "list_eval_partition.csv"}


@pytest.mark.parametrize("options", [FOLDER, TWO, THREE], ids=len)
@pytest.mark.parametrize("saved_by", ["Kaggle", "a spreadsheet"])
def test_kaggles_celeba_has_celebas_own_split(
    options: dict[str, str], saved_by: str, kaggle: Path, plain: dict[str, list[Crop]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celeba, "_published", lambda name: pytest.fail(f"{name} would be downloaded"))
    if saved_by == "a spreadsheet":
        for path in kaggle.glob("*.csv"):
            lines = path.read_text().splitlines()
            path.write_text("\r\n".join(";".join(f'"{field}"' for field in line.split(",")) for line in lines))
    raw, contents = got(kaggle.parent, **{name: str(kaggle / file) for name, file in options.items()})
    assert list(split(contents.faces, 0.5, 0.5, 0)) == ["train", "train", "validation", "test", "test", "test"]
    assert contents.unused == {}
    assert pixels(crops(raw, contents)) == pixels(plain["celeba"])


@pytest.mark.parametrize("options", [FOLDER, TWO], ids=len)
def test_identities_go_before_celebas_split(options: dict[str, str], given: Path, kaggle: Path) -> None:
    shutil.copy(given / "celeba" / "identity_CelebA.txt", kaggle)
    _, contents = got(given, **{name: str(kaggle / file) for name, file in options.items()})
    assert [entry.identity for entry in contents.faces] == [f"celeba_{i // 2}" for i in range(6)]


@pytest.mark.parametrize("missing", ["list_eval_partition.csv", "list_landmarks_align_celeba.csv", "img_align_celeba"])
def test_a_folder_that_lacks_a_file_is_refused_by_name(missing: str, kaggle: Path) -> None:
    (kaggle / missing).rename(kaggle / "other")
    shutil.rmtree(kaggle / "other", ignore_errors=True)
    with pytest.raises(BadInput, match=rf"holds no .*{Path(missing).stem}.*corpora\.celeba\.folder"):
        got(kaggle.parent, folder=str(kaggle))


def test_faces_without_images_are_left_out_when_asked_and_counted(given: Path) -> None:
    images = given / "celeba" / "img_align_celeba"
    for i in (2, 3, 4, 5):
        (images / f"{i:06d}.jpg").unlink()
    raw, contents = got(given, folder=str(given / "celeba"))
    assert re.search(r"000002\.jpg.*corpora\.celeba\.available", refusal(raw, contents.faces[1]))
    raw, contents = got(given, folder=str(given / "celeba"), available=True)
    assert [Path(crop.entry.image).name for crop in crops(raw, contents)] == ["000001.jpg", "000006.jpg"]
    assert contents.unused == {f"{i:06d}.jpg": "no image (corpora.celeba.available)" for i in (2, 3, 4, 5)}
    shutil.rmtree(images)
    images.mkdir()
    with pytest.raises(BadInput, match="no face whose image is there"):
        celeba.verify(given / "celeba", {"available": True})


@pytest.mark.parametrize(("line", "says"), [("000003.jpg,7", "part '7'"), ("000009.jpg,1", "nothing for 000003.jpg")])
def test_a_wrong_part_is_refused(line: str, says: str, kaggle: Path) -> None:
    rewrite(kaggle / "list_eval_partition.csv", lambda data: data.replace(b"000003.jpg,1", line.encode()))
    with pytest.raises(BadInput, match=says):
        got(kaggle.parent, folder=str(kaggle))


def test_celeba_draws_the_same_faces_each_time_and_counts_the_others(official: Path) -> None:
    first, again = (celeba.verify(official / "celeba", {"faces": 4}) for _ in range(2))
    names = [entry.name for entry in first.faces]
    assert len(names) == 4
    assert names == sorted({*names}) == [entry.name for entry in again.faces]
    assert list(first.unused.values()) == ["not drawn (corpora.celeba.faces)"] * 2
    assert len(celeba.verify(official / "celeba", {"faces": 40}).faces) == 6
