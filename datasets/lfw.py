"""Labeled Faces in the Wild (Huang et al. 2007): the one corpus of real faces that is downloaded without a request.

A corpus folder holds lfw: PERSON/PERSON_0001.jpg, 250 x 250 pixels, each person's face in the middle. Nobody has
annotated the faces: dlib finds them and their 68 points.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from datasets.detect import central_face
from datasets.face import BadInput, Contents, Entry, Face, check_options
from datasets.fetch import fetch_folder, list_files
from datasets.frame import read_face
from datasets.images import is_hidden, is_image

URL = "https://ndownloader.figshare.com/files/5976018"  # lfw.tgz, as scikit-learn has it
HASH = "sha256:055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0"
REMEDY = "get lfw.tgz by hand and set corpora.lfw.images in params.yaml to its path"


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place LFW in `raw`: downloaded, or from `images`, the path or URL of a .tgz, .tar or .zip, or a folder.

    images_hash: its checksum.
    """
    check_options("lfw", options, ["images", "images_hash"])
    known_hash = options.get("images_hash") if options.get("images") else HASH
    fetch_folder(str(options.get("images") or URL), known_hash, raw / "lfw", REMEDY)


def verify(root: Path, options: Mapping[str, Any]) -> Contents:
    """List the images, sorted by name; an identity is a folder."""
    names = list_files(root / "lfw")
    faces = [_entry(name) for name in names if is_image(name) and not is_hidden(name)]
    if not faces:
        raise BadInput(f"{root}: no images in lfw; check corpora.lfw.images in params.yaml")
    unused = {name: "hidden file" for name in names if is_hidden(name)}
    return Contents(faces, unused | {name: "not an image" for name in names if not is_image(name)})


def _entry(name: str) -> Entry:
    path = PurePosixPath(name)
    person = path.parent.name
    shot = path.stem if path.stem.startswith(person) else f"{person}_{path.stem}"
    return Entry("lfw", f"lfw_{shot}", f"lfw/{name}", f"lfw_{person}", f"lfw_{shot}", "lfw")


def read(root: Path, entry: Entry) -> Face:
    """Decode one face."""
    face = read_face(root, entry, np.empty((0, 2)))
    landmarks = central_face(face.image)
    if landmarks is None:
        raise BadInput(f"{entry.image}: dlib finds no face in the middle; remove the image")
    return replace(face, landmarks=landmarks, visible=np.ones(len(landmarks), bool))
