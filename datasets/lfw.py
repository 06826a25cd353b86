"""Labeled Faces in the Wild (Huang et al. 2007): the one corpus of real faces that is downloaded without a request.

A corpus folder holds lfw (folder, zip or tar) of PERSON/PERSON_0001.jpg, 250 x 250 pixels, each person's face in the
middle. Nobody has marked the faces: dlib finds them and their 68 points.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from datasets.archive import obtain, source, unpack_gzip
from datasets.detect import central_face
from datasets.face import BadInput, Entry, Face, check_options
from datasets.frame import face_of
from datasets.images import decode, is_image

URL = "https://ndownloader.figshare.com/files/5976018"  # lfw.tgz, as scikit-learn has it
HASH = "sha256:055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0"
REMEDY = "get lfw.tgz by hand and set corpora.lfw.images in params.yaml to its path"


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place LFW in `raw`: downloaded, or from options["images"], the path or URL of a .tgz, .tar or .zip, or a folder.

    images_hash: its checksum. BadInput where it is not whole or a member of the archive would leave its folder.
    """
    check_options("lfw", options, ["images", "images_hash"])
    location = str(options.get("images") or URL)
    known_hash = options.get("images_hash") if options.get("images") else HASH
    if location.endswith(".zip") or Path(location).expanduser().is_dir():
        obtain(location, known_hash, raw / "lfw.zip", REMEDY)
        return
    packed = obtain(location, known_hash, raw / "lfw.tgz", REMEDY)
    unpack_gzip(packed, raw / "lfw.tar", location, REMEDY)
    packed.unlink()


def entries(root: Path) -> list[Entry]:
    """Every image, sorted by name; a person is a folder. BadInput where there is none."""
    found = [_entry(name) for name in source(root, "lfw").names() if is_image(name)]
    if not found:
        raise BadInput(f"{root}: no images in lfw; check corpora.lfw.images in params.yaml")
    return found


def _entry(name: str) -> Entry:
    path = PurePosixPath(name)
    person = path.parent.name
    shot = path.stem if path.stem.startswith(person) else f"{person}_{path.stem}"
    return Entry("lfw", f"lfw_{shot}", name, f"lfw_{person}", f"lfw_{shot}", "lfw")


def unused(root: Path) -> dict[str, str]:
    """Every file that is no image."""
    return {name: "not an image" for name in source(root, "lfw").names() if not is_image(name)}


def read(root: Path, entry: Entry) -> Face:
    """Decode one face; BadInput where the image cannot be decoded or dlib finds no face in its middle."""
    data = source(root, "lfw").read(entry.image)
    landmarks = central_face(decode(data, entry.image))
    if landmarks is None:
        raise BadInput(f"{entry.image}: dlib finds no face in the middle; remove the image")
    return face_of(entry, data, entry.image, landmarks)
