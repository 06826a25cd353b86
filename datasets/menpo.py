"""Menpo 2D in its official layout: semifrontal faces with 68 points and profiles with 39 (paper, reference [19]).

A corpus folder holds `semifrontal` and `profile`, each a folder or a zip of NAME.jpg (or .png) with NAME.pts beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from datasets.archive import obtain, source
from datasets.face import BadInput, Entry, Face, check_options
from datasets.images import EXTENSIONS, decode

PARTS = {"semifrontal": 68, "profile": 39}
REQUEST = "https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/"

# Names that tell who is shown: person number after the source; or the photograph before the face's number.
_PERSON = re.compile(r"(?P<source>cfp|synthetic)_(?P<key>\d+)_")
_PHOTO = re.compile(r"(?P<source>helen_train|helen_test|afw)_(?P<key>.+)_\d+$")
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
        remedy = f"check corpora.menpo.{part} in params.yaml"
        obtain(str(options[part]), options.get(f"{part}_hash"), raw / f"{part}.zip", remedy)


def entries(root: Path) -> list[Entry]:
    """Every image of both parts, sorted by name; BadInput where there is none."""
    found = []
    for part in PARTS:
        for name in source(root, part).names():
            path = PurePosixPath(name)
            if path.suffix.lower() in EXTENSIONS:
                found.append(_entry(part, name, path.stem))
    if not found:
        raise BadInput(f"{root}: no images in semifrontal or profile; check the archives")
    return found


def _entry(part: str, image: str, stem: str) -> Entry:
    person, photo = _PERSON.match(stem), _PHOTO.match(stem)
    if person:
        origin, key, shot = person["source"], f"{person['source']}_{person['key']}", stem
    elif photo:
        origin, shot = photo["source"], f"{photo['source']}_{photo['key']}"
        key = shot
    else:
        numbered = _NUMBERED.match(stem)
        origin, key, shot = numbered["source"] if numbered else "menpo", stem, stem
    return Entry("menpo", f"{part}_{stem}", f"{part}/{image}", key, shot, origin)


def read(root: Path, entry: Entry) -> Face:
    """Decode one face; BadInput where image or .pts is missing, cannot be read or has another number of points."""
    part, name = entry.image.split("/", 1)
    members = source(root, part)
    pts = str(PurePosixPath(name).with_suffix(".pts"))
    landmarks = parse_pts(members.read(pts), pts, PARTS[part])
    image = decode(members.read(name), name)
    return Face(entry, image, landmarks, np.ones(len(landmarks), bool))


def parse_pts(data: bytes, name: str, expected: int) -> np.ndarray:
    """Landmarks (n, 2) in pixels counted from 0 from a .pts file, which counts from 1."""
    try:
        body = data.decode("ascii").split("{", 1)[1].split("}", 1)[0]
        values = np.array(body.split(), dtype=np.float64)
    except (UnicodeDecodeError, IndexError, ValueError) as error:
        raise BadInput(f"{name}: not a .pts file ({error}); replace it") from error
    if values.size != 2 * expected:
        raise BadInput(f"{name}: {values.size / 2:g} points, expected {expected}; replace it")
    return values.reshape(-1, 2) - 1
