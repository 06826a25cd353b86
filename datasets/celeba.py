"""CelebA: aligned 178 x 218 photographs, five points, a person number (paper, reference [17]).

A corpus folder holds img_align_celeba (folder or zip), list_landmarks_align_celeba.txt, who is who
(identity_CelebA.txt) or, where that is not to be had, CelebA's own parts (list_eval_partition.txt), and source.txt,
which says what to take.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from datasets import lists
from datasets.archive import Source, obtain, source
from datasets.face import BadInput, Entry, Face, check_options, require_folder
from datasets.frame import face_of
from datasets.images import is_image
from datasets.layout import folded
from datasets.split import Placed

IMAGES = "img_align_celeba"
FILES = {
    "images": f"{IMAGES}.zip",
    "landmarks": "list_landmarks_align_celeba.txt",
    "identity": "identity_CelebA.txt",
    "partition": "list_eval_partition.txt",
}
SIDES = {"0": "train", "1": "validation", "2": "test"}  # the parts of list_eval_partition.txt
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place CelebA's files in `raw`, from the paths in `options` (images, landmarks, identity, partition), else from
    those in the folder `folder`, as the official or Kaggle's copy unpacks, else from the drive.

    partition: instead of identity. faces: how many to use (a seeded draw), all without it. available: take the faces
    whose images are there. source: the name to report, default "celeba".
    """
    known = [f"{name}{suffix}" for name in FILES for suffix in ("", "_hash")]
    check_options("celeba", options, [*known, "folder", "faces", "source", "available"])
    given = _in_folder(Path(options["folder"]).expanduser()) if options.get("folder") else {}
    given |= {name: str(options[name]) for name in FILES if options.get(name)}
    needless = "identity" if "partition" in given and "identity" not in given else "partition"
    published = _published()
    for option, name in FILES.items():
        if option in given:
            location, known_hash = given[option], options.get(f"{option}_hash")
        elif option == needless:
            continue
        else:
            file_id, md5 = published[name]
            location, known_hash = DRIVE + file_id, f"md5:{md5}"
        obtain(location, known_hash, raw / name, _by_hand(option))
    taken = "available" if options.get("available") else "listed"
    (raw / "source.txt").write_text(f"{options.get('source', 'celeba')} {options.get('faces') or 'all'}\n{taken}\n")


def _by_hand(option: str) -> str:
    way = f"get {FILES[option]} by hand from {PAGE} and set corpora.celeba.{option} in params.yaml to its path"
    return f"{way}, or corpora.celeba.partition to list_eval_partition's" if option == "identity" else way


def _in_folder(folder: Path) -> dict[str, str]:
    """CelebA's files anywhere in a folder, by option; BadInput unless images, points and people or parts are there."""
    require_folder(folder, "correct corpora.celeba.folder in params.yaml")
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: (len(path.parts), path)):
        for option, name in FILES.items():
            endings = ("", ".zip") if option == "images" else (".txt", ".csv")
            if path.name.lower() in {Path(name).stem.lower() + ending for ending in endings}:
                found.setdefault(option, str(path))
    for options in (["images"], ["landmarks"], ["identity", "partition"]):
        if not found.keys() & set(options):
            names = " or ".join(Path(FILES[option]).stem for option in options)
            raise BadInput(f"{folder}: holds no {names}; put it there, or correct corpora.celeba.folder in params.yaml")
    return found


def _published() -> dict[str, tuple[str, str]]:
    """File id and md5 of CelebA's files, as torchvision publishes them."""
    from torchvision.datasets import CelebA

    return {name: (file_id, md5) for file_id, md5, name in CelebA.file_list}


class Choice(NamedTuple):
    """What to take, as source.txt says: under which name, how many faces or "all", and whether those without images."""

    origin: str
    faces: str
    listed: bool


def _choice(root: Path) -> Choice:
    label = root / "source.txt"
    first, *rest = (label.read_text() if label.exists() else "celeba all").splitlines()
    origin, faces = first.rsplit(maxsplit=1)
    return Choice(origin, faces, rest != ["available"])


def entries(root: Path) -> list[Entry]:
    """Every face of the lists, or those that have an image, or the seeded draw of `faces` of them; sorted by name."""
    choice = _choice(root)
    entry = _by_person if (root / FILES["identity"]).exists() or not (root / FILES["partition"]).exists() else _by_part
    points = lists.landmarks(root / FILES["landmarks"])
    there = points if choice.listed else [name for name in points if _key(name) in _images(source(root, IMAGES))]
    if not there:
        wanting = "no face" if choice.listed else "no face whose image is there"
        raise BadInput(f"{root / FILES['landmarks']}: lists {wanting}; replace the file by the official one")
    found = entry(root, choice.origin, {name: points[name] for name in sorted(there)})
    if choice.faces != "all" and int(choice.faces) < len(found):
        drawn = np.random.default_rng(0).permutation(len(found))[: int(choice.faces)]
        found = [found[i] for i in sorted(drawn)]
    return found


def _by_person(root: Path, origin: str, points: dict[str, np.ndarray]) -> list[Entry]:
    """Faces with who is shown, for the split to keep on one side."""
    people = _values(root / FILES["identity"], "person", points)
    return [
        Entry("celeba", f"celeba_{Path(name).stem}", name, f"{origin}_{people[name]}", f"{origin}_{name}", origin, five)
        for name, five in points.items()
    ]


def _by_part(root: Path, origin: str, points: dict[str, np.ndarray]) -> list[Entry]:
    """Faces in CelebA's own parts, no two of which show one person."""
    path = root / FILES["partition"]
    parts = _values(path, "part", points)
    for name, part in parts.items():
        if part not in SIDES:
            raise BadInput(f"{path}: part {part!r} of {name} is none of {', '.join(SIDES)}; correct it")
    return [
        Placed("celeba", f"celeba_{Path(name).stem}", name, key, key, origin, five, SIDES[parts[name]])
        for name, five in points.items()
        for key in [f"{origin}_{name}"]
    ]


def _values(path: Path, what: str, names: Mapping[str, Any]) -> dict[str, str]:
    known = lists.values(path, what)
    for name in names:
        if name not in known:
            raise BadInput(f"{path}: no {what} for {name}; replace the file by the official one")
    return known


def unused(root: Path) -> dict[str, str]:
    """Every file that is no face and every listed face that is left out, and why."""
    taken = {_key(entry.image) for entry in entries(root)}
    listed = {_key(name): name for name in lists.landmarks(root / FILES["landmarks"])}
    members = source(root, IMAGES)
    images = _images(members)

    def reason(name: str) -> str | None:
        if not is_image(name):
            return "not an image"
        if images[_key(name)] != name:
            return "a second image of this name"
        if _key(name) not in listed:
            return f"not in {FILES['landmarks']}"
        return None if _key(name) in taken else "not drawn (corpora.celeba.faces)"

    found = {name: why for name in members.names() if (why := reason(name))}
    if not _choice(root).listed:
        found |= {name: "no image (corpora.celeba.available)" for key, name in listed.items() if key not in images}
    return found


def _key(name: str) -> str:
    """What the name of an image has in common with that in the lists: folders, ending and case may differ."""
    return folded(PurePosixPath(name).stem)


@lru_cache(maxsize=8)
def _images(members: Source) -> dict[str, str]:
    """Each image by its key; of two the one in fewer folders."""
    names = sorted(filter(is_image, members.names()), key=lambda name: (name.count("/"), name), reverse=True)
    return {_key(name): name for name in names}


def read(root: Path, entry: Entry) -> Face:
    """Decode one face with its five points; BadInput where the image is missing or cannot be decoded."""
    members = source(root, IMAGES)
    name = _images(members).get(_key(entry.image))
    if name is None:
        remedy = "restore it, or set corpora.celeba.available to take those that are there"
        raise BadInput(f"{members.path}: no member {entry.image}; {remedy}")
    assert entry.points is not None
    return face_of(entry, members.read(name), entry.image, entry.points)
