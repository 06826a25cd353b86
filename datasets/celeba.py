"""CelebA: aligned 178 x 218 photographs, five points, a number for each identity (paper, reference [17]).

A corpus folder holds img_align_celeba, list_landmarks_align_celeba.txt, and who is who (identity_CelebA.txt) or, where
that is not to be had, CelebA's own split (list_eval_partition.txt).
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from datasets.face import BadInput, Contents, Entry, Face, check_options, require_folder
from datasets.fetch import fetch_file, fetch_folder, list_files
from datasets.frame import read_face
from datasets.images import is_hidden, is_image
from datasets.menpo import decode_text, fold
from datasets.split import PresplitEntry

T = TypeVar("T")
IMAGES = "img_align_celeba"
FILES = {
    "images": f"{IMAGES}.zip",
    "landmarks": "list_landmarks_align_celeba.txt",
    "identity": "identity_CelebA.txt",
    "partition": "list_eval_partition.txt",
}
SIDES = {"0": "train", "1": "validation", "2": "test"}  # the values of list_eval_partition.txt
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place CelebA's files in `raw`.

    Options: the path or URL of each file (`images`, `landmarks`, `identity`, or `partition` instead of it; each with
    NAME_hash), or `folder`, which holds them as the official or Kaggle's copy unpacks. The rest is downloaded, but who
    is who is first looked for beside `landmarks`. `faces`, `source` and `available` are for `verify`.
    """
    known = [f"{name}{suffix}" for name in FILES for suffix in ("", "_hash")]
    check_options("celeba", options, [*known, "folder", "faces", "source", "available"])
    given = _given(options)
    needless = "identity" if "partition" in given and "identity" not in given else "partition"
    for name in FILES:
        if name in given:
            location, known_hash = given[name], options.get(f"{name}_hash")
        elif name == needless:
            continue
        else:
            location, known_hash = _published(name)
        if name == "images":
            fetch_folder(location, known_hash, raw / IMAGES, _by_hand(name))
        else:
            fetch_file(location, known_hash, raw / FILES[name], _by_hand(name))


def _given(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths or URLs of the files that the user has."""
    given = {name: str(options[name]) for name in FILES if options.get(name)}
    if options.get("folder"):
        remedy = "correct corpora.celeba.folder in params.yaml"
        folder = require_folder(Path(options["folder"]).expanduser(), remedy)
        given = _find(folder.rglob("*")) | given
        for wanted in (["images"], ["landmarks"], ["identity", "partition"]):
            if not given.keys() & set(wanted):
                names = " or ".join(Path(FILES[name]).stem for name in wanted)
                raise BadInput(f"{folder}: holds no {names}; put it there, or {remedy}")
    elif "landmarks" in given and not given.keys() & {"identity", "partition"}:
        beside = _find(Path(given["landmarks"]).expanduser().parent.glob("*"))
        given |= {name: beside[name] for name in ("identity", "partition") if name in beside}
    return given


def _by_hand(option: str) -> str:
    way = f"get {FILES[option]} by hand from {PAGE} and set corpora.celeba.{option} in params.yaml to its path"
    return f"{way}, or corpora.celeba.partition to list_eval_partition's" if option == "identity" else way


def _published(option: str) -> tuple[str, str]:
    """Return the URL and checksum of a file of CelebA, as torchvision publishes them."""
    from torchvision.datasets import CelebA

    return next((DRIVE + file_id, f"md5:{md5}") for file_id, md5, name in CelebA.file_list if name == FILES[option])


def _find(paths: Iterable[Path]) -> dict[str, str]:
    """Find CelebA's files among paths, by option; of two the one in fewer folders."""
    ordered = sorted(paths, key=lambda path: (len(path.parts), path), reverse=True)
    by_stem = {path.stem.lower(): str(path) for path in ordered}
    return {option: by_stem[stem] for option, name in FILES.items() if (stem := Path(name).stem.lower()) in by_stem}


def verify(root: Path, options: Mapping[str, Any]) -> Contents:
    """List the faces of the landmarks' list, sorted by name.

    Options: `available`, only faces whose images are there; `faces`, the number of a seeded draw (default: all);
    `source`, the name to report (default: celeba).
    """
    available = bool(options.get("available"))
    files = list_files(root / IMAGES)
    visible = [file for file in files if is_image(file) and not is_hidden(file)]
    # Of two images of one face the one in fewer folders.
    images = {_key(file): file for file in sorted(visible, key=lambda file: (file.count("/"), file), reverse=True)}
    listed = _read_list(root / FILES["landmarks"], 10, float, header=2)
    chosen = [name for name in sorted(listed) if not available or _key(name) in images]
    if not chosen:
        wanting = "no face whose image is there" if available else "no face"
        raise BadInput(f"{root / FILES['landmarks']}: lists {wanting}; replace the file by the official one")
    points = {name: np.array(listed[name]).reshape(5, 2) for name in chosen}
    faces = _entries(root, str(options.get("source") or "celeba"), points, images)
    if options.get("faces") and int(options["faces"]) < len(faces):
        drawn = np.random.default_rng(0).permutation(len(faces))[: int(options["faces"])]
        faces = [faces[i] for i in sorted(drawn)]

    used, known = {entry.image for entry in faces}, {_key(name): name for name in listed}
    unused = {file: _reason(file, images, known) for file in files if f"{IMAGES}/{file}" not in used}
    missing = [name for key, name in known.items() if available and key not in images]
    return Contents(faces, unused | dict.fromkeys(missing, "no image (corpora.celeba.available)"))


def _read_list(path: Path, columns: int, kind: Callable[[str], T], header: int = 0) -> dict[str, list[T]]:
    """Read a list of an image a line, its name and its values: CelebA's own, or a CSV of Kaggle or a spreadsheet.

    Args:
        columns: number of values of an image.
        kind: converts a value, or raises ValueError.
        header: lines before the first image in the official form: their number, names of columns.

    Raises:
        BadInput: if a line has other values (file and line are named) or the count is wrong.
    """
    try:
        lines = decode_text(path.read_bytes()).rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); run the corpus stage again") from error
    is_csv = bool(lines) and re.search("[,;]", lines[0]) is not None
    rows: dict[str, list[T]] = {}
    for number, line in list(enumerate(lines, 1))[1 if is_csv else header :]:
        name, *values = re.split(r"[\s,;]+", line.replace('"', "").strip())
        with contextlib.suppress(ValueError):
            rows[name] = [kind(value) for value in values]
        if len(rows.get(name, [])) != columns:
            raise BadInput(f"{path}, line {number}: expected a name and {columns} values, found {line!r}")
    if header and not is_csv and [line.strip() for line in lines[:1]] != [str(len(rows))]:
        raise BadInput(f"{path}: lists {len(rows)} faces, not as many as its first line says; replace the file")
    return rows


def _entries(root: Path, source: str, points: Mapping[str, np.ndarray], images: Mapping[str, str]) -> list[Entry]:
    """Make the entries: with who is shown, for the split to keep on one side, else on CelebA's own side."""
    presplit = (root / FILES["partition"]).exists() and not (root / FILES["identity"]).exists()
    path = root / FILES["partition" if presplit else "identity"]
    values = _read_list(path, 1, str)
    faces: list[Entry] = []
    for name, five in points.items():
        (value,) = values.get(name, [""])
        if not value:
            raise BadInput(f"{path}: nothing for {name}; replace the file by the official one")
        if presplit and value not in SIDES:
            raise BadInput(f"{path}: part {value!r} of {name} is none of {', '.join(SIDES)}; correct it")
        photo, image = f"{source}_{name}", f"{IMAGES}/{images.get(_key(name), name)}"
        label = f"celeba_{Path(name).stem}"
        if presplit:
            faces.append(PresplitEntry("celeba", label, image, photo, photo, source, five, side=SIDES[value]))
        else:
            faces.append(Entry("celeba", label, image, f"{source}_{value}", photo, source, five))
    return faces


def _key(name: str) -> str:
    """Return what an image's name has in common with that in the lists: folders, extension and case may differ."""
    return fold(PurePosixPath(name).stem)


def _reason(file: str, images: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Return why a file is no face."""
    if is_hidden(file):
        return "hidden file"
    if not is_image(file):
        return "not an image"
    if images[_key(file)] != file:
        return "a second image of this name"
    return "not drawn (corpora.celeba.faces)" if _key(file) in known else f"not in {FILES['landmarks']}"


def read(root: Path, entry: Entry) -> Face:
    """Decode one face with its five points."""
    assert entry.points is not None
    return read_face(root, entry, entry.points, "restore it, or set corpora.celeba.available: true")
