"""Menpo 2D in its official layout: semifrontal faces with 68 points and profiles with 39 (paper, reference [19]).

A corpus folder holds `semifrontal` and `profile`, each a folder or a zip of images, in folders or not, with NAME.pts
beside each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from datasets import layout
from datasets.archive import Source, obtain, source
from datasets.face import BadInput, Entry, Face, check_options
from datasets.frame import face_of
from datasets.images import is_image
from datasets.text import decode_text

PARTS = {"semifrontal": 68, "profile": 39}
REQUEST = "https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/"

# Names that tell who is shown: person number after the source; or the photograph before the face's number.
_PERSON = re.compile(r"(?P<source>cfp|synthetic)_(?P<key>\d+)_")
_PHOTO = re.compile(r"(?P<source>helen_train(?:set)?|helen_test(?:set)?|afw)_(?P<key>.+)_\d+$")
_NUMBERED = re.compile(r"(?P<source>.+?)_+(image_)?\d")


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place the two verified archives in `raw`. Options: semifrontal, profile (path or URL), each with NAME_hash.

    BadInput where a path is not set: Menpo is handed out on request only.
    """
    check_options("menpo", options, [f"{part}{suffix}" for part in PARTS for suffix in ("", "_hash")])
    for part in PARTS:
        if not options.get(part):
            raise BadInput(
                f"params.yaml: corpora.menpo.{part} is not set; Menpo is handed out on request only: ask at {REQUEST}, "
                f"then set it to the path of the {part} archive or folder"
            )
        remedy = f"check corpora.menpo.{part} in params.yaml, or take experiment lfw, whose faces all can download"
        obtain(str(options[part]), options.get(f"{part}_hash"), raw / f"{part}.zip", remedy)


@lru_cache(maxsize=8)
def _faces(members: Source) -> dict[str, str | None]:
    """Each image of a part, and each .pts that has none, to its .pts or None."""
    return layout.faces(members.names(), ".pts")


def entries(root: Path) -> list[Entry]:
    """Every image of both parts, and every .pts that has none, sorted by name; BadInput where there is no image."""
    found = [
        _entry(part, name, label) for part in PARTS for name, label in layout.labels(_faces(source(root, part))).items()
    ]
    if not any(is_image(entry.image) for entry in found):
        raise BadInput(f"{root}: no images in semifrontal or profile; check the archives")
    return found


def unused(root: Path) -> dict[str, str]:
    """Every file that is no part of a face, and why."""
    parts = {part: source(root, part) for part in PARTS}
    used = {part: {*_faces(members), *_faces(members).values()} for part, members in parts.items()}
    return {
        f"{part}/{name}": "neither an image nor a .pts"
        for part, members in parts.items()
        for name in members.names()
        if name not in used[part]
    }


def _entry(part: str, image: str, label: str) -> Entry:
    """The face of a file; its label tells who is shown where its own name does not."""
    stem = PurePosixPath(image).stem
    person, photo = _PERSON.match(stem), _PHOTO.match(stem) or _PHOTO.match(label)
    if person:
        origin, key, shot = person["source"], f"{person['source']}_{person['key']}", label
    elif photo:
        origin, shot = photo["source"], f"{photo['source']}_{photo['key']}"
        key = shot
    else:
        numbered = _NUMBERED.match(label)
        origin, key, shot = numbered["source"] if numbered else "menpo", label, label
    return Entry("menpo", f"{part}_{label}", f"{part}/{image}", key, shot, origin)


def read(root: Path, entry: Entry) -> Face:
    """Decode one face; BadInput where image or .pts is missing, cannot be read or has another number of points."""
    part, name = entry.image.split("/", 1)
    members = source(root, part)
    pts = _faces(members)[name]
    if pts is None:
        wanted = PurePosixPath(name).with_suffix(".pts")
        raise BadInput(f"{entry.image}: no member {wanted} beside it; restore it, or remove the image")
    if pts == name:
        raise BadInput(f"{entry.image}: no image that can be read beside it; restore it, or remove the .pts")
    return face_of(entry, members.read(name), name, parse_pts(members.read(pts), pts, PARTS[part]))


def parse_pts(data: bytes, name: str, expected: int) -> np.ndarray:
    """Landmarks (n, 2) in pixels counted from 0 from a .pts file, which counts from 1."""
    try:
        body = decode_text(data).split("{", 1)[1].split("}", 1)[0]
        values = np.array(body.split(), dtype=np.float64)
    except (UnicodeDecodeError, IndexError, ValueError) as error:
        raise BadInput(f"{name}: not a .pts file ({error}); replace it") from error
    if values.size != 2 * expected:
        raise BadInput(f"{name}: {values.size / 2:g} points, expected {expected}; replace it")
    return values.reshape(-1, 2) - 1
