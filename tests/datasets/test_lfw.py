"""LFW's archive, made of drawn faces: downloaded from a server, read from the tar, found by dlib."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets import archive, lfw
from datasets.align import anchor_points
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import BadInput, Face
from datasets.synthetic import draw


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


def portrait(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """A drawn face as LFW's are, in the middle of 250 x 250 pixels, and its landmarks (68, 2) there."""
    height, width = face.image.shape[:2]
    scale = 0.9 * 250 / max(height, width)
    centre = face.landmarks.mean(0)
    matrix = np.array([[scale, 0, 125 - scale * centre[0]], [0, scale, 125 - scale * centre[1]]])
    image = cv2.warpAffine(face.image, matrix, (250, 250), borderMode=cv2.BORDER_REPLICATE)
    return image, face.landmarks * scale + matrix[:, 2]


@pytest.fixture(scope="module")
def portraits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three photographs of two people, none in profile."""
    faces = [face for person in range(20) if len((face := draw(person, 0, 5, aligned=False)).landmarks) == 68]
    names = ("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bo_Ek/Bo_Ek_0001.jpg")
    return {name: portrait(face) for name, face in zip(names, faces, strict=False)}


def tgz(members: dict[str, bytes]) -> bytes:
    """A .tgz of folder lfw, with these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        folder = tarfile.TarInfo("lfw")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in members.items():
            info = tarfile.TarInfo(f"lfw/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of tmp_path/site, in the place of figshare; downloads go to a folder of the test."""
    (tmp_path / "site").mkdir()
    monkeypatch.setattr(archive, "DOWNLOADS", tmp_path / "downloads")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/5976018"
        http.shutdown()


def test_downloaded_archive_becomes_faces(server, portraits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tgz({name: jpeg(image) for name, (image, _) in portraits.items()} | {"README.txt": b"LFW", "._x.jpg": b"\0"})
    (tmp_path / "site" / "5976018").write_bytes(data)
    monkeypatch.setattr(lfw, "URL", server)
    with pytest.raises(BadInput, match=rf"{lfw.HASH[7:]}.*set corpora\.lfw\.images"):
        lfw.get({}, tmp_path / "raw")
    monkeypatch.setattr(lfw, "HASH", f"sha256:{hashlib.sha256(data).hexdigest()}")
    lfw.get({}, tmp_path / "raw")

    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["lfw.tar"]
    entries = lfw.entries(tmp_path / "raw")
    assert [e.name for e in entries] == ["lfw_Ann_Lee_0001", "lfw_Ann_Lee_0002", "lfw_Bo_Ek_0001"]
    assert [e.person for e in entries] == ["lfw_Ann_Lee", "lfw_Ann_Lee", "lfw_Bo_Ek"]
    assert len({e.photo for e in entries}) == 3
    assert lfw.unused(tmp_path / "raw") == {"lfw/README.txt": "not an image"}
    for entry, (_, truth) in zip(entries, portraits.values(), strict=True):
        face = lfw.read(tmp_path / "raw", entry)
        anchors, expected = anchor_points(face.landmarks)[0], anchor_points(truth)[0]
        assert np.linalg.norm(anchors - expected, axis=1).mean() < 0.2 * np.linalg.norm(expected[0] - expected[1])
        crop = crop_face("lfw", tmp_path / "raw", entry, "dlib")
        assert isinstance(crop, Crop)
        assert crop.points == 68


def test_face_in_the_middle_is_taken_and_none_is_told(portraits, tmp_path: Path) -> None:
    image, truth = portraits["Bo_Ek/Bo_Ek_0001.jpg"]
    wide = np.full((250, 750, 3), 128, np.uint8)
    for i, (other, _) in enumerate(portraits.values()):
        wide[:, 250 * i : 250 * i + 250] = other
    wide[:, 250:500] = image
    grey = np.full((250, 250, 3), 128, np.uint8)
    (tmp_path / "a.tgz").write_bytes(tgz({"Ann/1.jpg": jpeg(wide), "Bo/1.jpg": jpeg(grey), "Bo/2.jpg": b""}))
    lfw.get({"images": str(tmp_path / "a.tgz")}, tmp_path / "raw")
    middle, none, broken = lfw.entries(tmp_path / "raw")
    assert [e.name for e in (middle, none, broken)] == ["lfw_Ann_1", "lfw_Bo_1", "lfw_Bo_2"]
    found = lfw.read(tmp_path / "raw", middle).landmarks
    assert np.abs(found.mean(0) - truth.mean(0) - (250, 0)).max() < 20
    for entry, says in ((none, "lfw/Bo/1.jpg: dlib finds no face"), (broken, "lfw/Bo/2.jpg: cannot be decoded")):
        skipped = crop_face("lfw", tmp_path / "raw", entry, "dlib")
        assert isinstance(skipped, Skipped)
        assert skipped.reason.startswith(says)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_other_packings_are_read_alike(kind: str, portraits, tmp_path: Path) -> None:
    data = tgz({name: jpeg(image) for name, (image, _) in portraits.items()})
    (tmp_path / "given.tgz").write_bytes(data)
    shutil.unpack_archive(tmp_path / "given.tgz", tmp_path / "out")
    given = tmp_path / "out" / "lfw"
    if kind == "zip":
        given = archive.obtain(str(given), None, tmp_path / "lfw.zip", "")
    elif kind == "tar":
        given = tmp_path / "lfw.tar"
        given.write_bytes(gzip.decompress(data))
    lfw.get({"images": str(given)}, tmp_path / "raw")
    entries = lfw.entries(tmp_path / "raw")
    assert [e.person for e in entries] == ["lfw_Ann_Lee", "lfw_Ann_Lee", "lfw_Bo_Ek"]
    assert lfw.read(tmp_path / "raw", entries[0]).image.shape == (250, 250, 3)


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "C:\\x.jpg"])
def test_member_that_climbs_out_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(bad_tar(name))
    with pytest.raises(BadInput, match=r"a\.tgz: member .*climbs out"):
        lfw.get({"images": str(tmp_path / "a.tgz")}, tmp_path / "raw")


def bad_tar(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A .tgz of one empty member of this name and kind."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    return file.getvalue()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_member_that_is_no_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(bad_tar("lfw/Ann/1.jpg", kind))
    with pytest.raises(BadInput, match=r"a\.tgz: member 'lfw/Ann/1\.jpg' is a link or device"):
        lfw.get({"images": str(tmp_path / "a.tgz")}, tmp_path / "raw")


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive" * 100, tgz({"a/1.jpg": bytes(9999)})[:-60], bad_tar("a")[:40]],
    ids=["empty", "text", "cut short", "its head"],
)
def test_broken_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(data)
    with pytest.raises(BadInput, match=r"a\.tgz: not a whole \.tgz .*corpora\.lfw\.images"):
        lfw.get({"images": str(tmp_path / "a.tgz")}, tmp_path / "raw")


def test_archive_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(tgz({"README.txt": b"LFW"}))
    lfw.get({"images": str(tmp_path / "a.tgz")}, tmp_path / "raw")
    with pytest.raises(BadInput, match="no images in lfw"):
        lfw.entries(tmp_path / "raw")
