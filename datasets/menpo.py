"""Menpo 2D in its official layout: semi-frontal faces with 68 points, profiles with 39 (paper, reference [19]).

A corpus folder holds `semifrontal` and `profile`: images, in folders or not, with NAME.pts beside each.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Mapping
from os.path import commonpath
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from datasets.face import BadInput, Contents, Entry, Face, check_options
from datasets.fetch import fetch_folder, list_files
from datasets.frame import read_face
from datasets.images import is_hidden, is_image

PARTS = {"semifrontal": 68, "profile": 39}
REQUEST = "https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/"

# Names that tell who is shown: the identity's number after the source; or the photograph before the face's number.
_IDENTITY = re.compile(r"(?P<source>cfp|synthetic)_(?P<key>\d+)_")
_PHOTO = re.compile(r"(?P<source>helen_train(?:set)?|helen_test(?:set)?|afw)_(?P<key>.+)_\d+$")
_NUMBERED = re.compile(r"(?P<source>.+?)_+(image_)?\d")


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place the two parts in `raw`. Options: semifrontal, profile (path or URL), each with NAME_hash."""
    check_options("menpo", options, [f"{part}{suffix}" for part in PARTS for suffix in ("", "_hash")])
    for part in PARTS:
        if not options.get(part):
            raise BadInput(
                f"params.yaml: corpora.menpo.{part} is not set; Menpo is handed out on request only: ask at {REQUEST}, "
                f"then set it to the path of the {part} archive or folder"
            )
        remedy = f"check corpora.menpo.{part} in params.yaml, or take experiment lfw, whose faces all can download"
        fetch_folder(str(options[part]), options.get(f"{part}_hash"), raw / part, remedy)


def verify(root: Path, options: Mapping[str, Any]) -> Contents:
    """List the images of both parts, and each .pts without an image, sorted by name within a part."""
    faces: list[Entry] = []
    unused: dict[str, str] = {}
    for part in PARTS:
        names = list_files(root / part)
        annotations = match([name for name in names if not is_hidden(name)])
        labels = shorten(annotations)
        faces += [_entry(part, name, annotations[name], labels[name]) for name in annotations]
        used = {*annotations, *annotations.values()}
        for name in (name for name in names if name not in used):
            unused[f"{part}/{name}"] = "hidden file" if is_hidden(name) else "neither an image nor a .pts"
    if not any(is_image(entry.image) for entry in faces):
        raise BadInput(f"{root}: no images in semifrontal or profile; check the archives")
    return Contents(faces, unused)


def read(root: Path, entry: Entry) -> Face:
    """Decode one face."""
    if entry.annotation is None:
        wanted = PurePosixPath(entry.image).with_suffix(".pts").name
        raise BadInput(f"{entry.image}: no {wanted} beside it; restore it, or remove the image")
    if entry.annotation == entry.image:
        raise BadInput(f"{entry.image}: no image that can be read beside it; restore it, or remove the .pts")
    expected = PARTS[entry.image.split("/")[0]]
    landmarks = parse_pts((root / entry.annotation).read_bytes(), entry.annotation, expected)
    return read_face(root, entry, landmarks)


def parse_pts(data: bytes, name: str, expected: int) -> np.ndarray:
    """Parse a .pts file, which counts pixels from 1, to landmarks (expected, 2) in pixels counted from 0."""
    try:
        body = decode_text(data).split("{", 1)[1].split("}", 1)[0]
        values = np.array(body.split(), dtype=np.float64)
    except (UnicodeDecodeError, IndexError, ValueError) as error:
        raise BadInput(f"{name}: not a .pts file ({error}); replace it") from error
    if values.size != 2 * expected:
        raise BadInput(f"{name}: {values.size / 2:g} points, expected {expected}; replace it")
    return values.reshape(-1, 2) - 1


def decode_text(data: bytes) -> str:
    """Decode UTF-16 with a byte-order mark, UTF-8 with or without one, else Latin-1."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def match(names: Iterable[str]) -> dict[str, str | None]:
    """Match each image with its .pts, None without one, and each .pts without an image with itself; sorted.

    A .pts is beside its image, NAME.pts or NAME.jpg.pts. One of the very same name goes before one that differs in
    case or in how it encodes accents.
    """
    images = [name for name in names if is_image(name)]
    free = {name for name in names if name.lower().endswith(".pts")}
    found: dict[str, str | None] = {}
    for same in (str, fold):
        known = {same(_stem(name)): name for name in free}
        for image in images:
            annotation = known.get(same(_stem(image))) or known.get(same(image))
            if annotation and image not in found:
                found[image] = annotation
        free -= set(found.values())
    missing: dict[str, str | None] = {name: None for name in images if name not in found}
    return dict(sorted((found | missing | {name: name for name in free}).items()))


def fold(name: str) -> str:
    """Fold a path for comparison with one that another system wrote: one case, one form of accents."""
    return unicodedata.normalize("NFC", name).casefold()


def shorten(names: Iterable[str]) -> dict[str, str]:
    """Name each file by its path below the folder that holds them all, without extension, as one word.

    {"a/x/1.png": "x_1", "a/y/1.png": "y_1"}, but {"a/1.png": "1", "a/2.png": "2"}.
    """
    parents = [str(PurePosixPath("/", name).parent) for name in names]
    top = commonpath(parents) if parents else "/"
    return {name: _stem(str(PurePosixPath("/", name).relative_to(top))).replace("/", "_") for name in names}


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _entry(part: str, image: str, annotation: str | None, label: str) -> Entry:
    """Make the entry of a file; its label tells who is shown where its own name does not."""
    stem = PurePosixPath(image).stem
    identity, photo = _IDENTITY.match(stem), _PHOTO.match(stem) or _PHOTO.match(label)
    if identity:
        source, key, shot = identity["source"], f"{identity['source']}_{identity['key']}", label
    elif photo:
        source, key = photo["source"], f"{photo['source']}_{photo['key']}"
        shot = key
    else:
        numbered = _NUMBERED.match(label)
        source, key, shot = numbered["source"] if numbered else "menpo", label, label
    path = f"{part}/{annotation}" if annotation else None
    return Entry("menpo", f"{part}_{label}", f"{part}/{image}", key, shot, source, annotation=path)
