"""CelebA in its official layout: aligned 178 x 218 photographs, five points, a person number (paper, reference [17]).

A corpus folder holds img_align_celeba (folder or zip), list_landmarks_align_celeba.txt, identity_CelebA.txt and, where
the photographs are not CelebA's own, source.txt with the name to report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.archive import obtain, source
from datasets.face import BadInput, Entry, Face, check_options
from datasets.images import decode

IMAGES = "img_align_celeba"
FILES = {
    "images": f"{IMAGES}.zip",
    "landmarks": "list_landmarks_align_celeba.txt",
    "identity": "identity_CelebA.txt",
}
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def get(options: Mapping[str, Any], raw: Path) -> None:
    """Place CelebA's three files in `raw`, from the drive or from the paths in `options` (images, landmarks, identity).

    faces: how many to use (a seeded draw), all without it. source: the name to report, default "celeba".
    """
    known = [f"{name}{suffix}" for name in FILES for suffix in ("", "_hash")]
    check_options("celeba", options, [*known, "faces", "source"])
    published = _published()
    for option, name in FILES.items():
        by_hand = f"get {name} by hand from {PAGE} and set corpora.celeba.{option} in params.yaml to its path"
        if options.get(option):
            location, known_hash = str(options[option]), options.get(f"{option}_hash")
        else:
            file_id, md5 = published[name]
            location, known_hash = DRIVE + file_id, f"md5:{md5}"
        obtain(location, known_hash, raw / name, by_hand)
    (raw / "source.txt").write_text(f"{options.get('source', 'celeba')} {options.get('faces') or 'all'}\n")


def _published() -> dict[str, tuple[str, str]]:
    """File id and md5 of CelebA's files, as torchvision publishes them."""
    from torchvision.datasets import CelebA

    return {name: (file_id, md5) for file_id, md5, name in CelebA.file_list}


def entries(root: Path) -> list[Entry]:
    """Every face of the text files (or the seeded draw of `faces` of them), sorted by name."""
    label = root / "source.txt"
    origin, count = (label.read_text() if label.exists() else "celeba all").rsplit(maxsplit=1)
    people = _identities(root / FILES["identity"])
    found = []
    for name, points in sorted(_landmarks(root / FILES["landmarks"]).items()):
        if name not in people:
            raise BadInput(f"{root / FILES['identity']}: no person for {name}; replace the file by the official one")
        key = f"{origin}_{people[name]}"
        found.append(Entry("celeba", f"celeba_{Path(name).stem}", name, key, f"{origin}_{name}", origin, points))
    if not found:
        raise BadInput(f"{root / FILES['landmarks']}: lists no face; replace the file by the official one")
    if count != "all" and int(count) < len(found):
        drawn = np.random.default_rng(0).permutation(len(found))[: int(count)]
        found = [found[i] for i in sorted(drawn)]
    return found


def _identities(path: Path) -> dict[str, str]:
    people = {}
    for number, line in enumerate(_lines(path), 1):
        parts = line.split()
        if len(parts) != 2:
            raise BadInput(f"{path}, line {number}: expected 'image person', found {line!r}")
        people[parts[0]] = parts[1]
    return people


def _landmarks(path: Path) -> dict[str, np.ndarray]:
    """Image name to its five points (5, 2): eyes, nose, mouth corners, the image's left first."""
    points = {}
    lines = _lines(path)
    for number, line in enumerate(lines[2:], 3):  # after the number of faces and the names of the columns
        try:
            name, *values = line.split()
            points[name] = np.array(values, np.float64).reshape(5, 2)
        except ValueError as error:
            raise BadInput(f"{path}, line {number}: expected a name and 10 numbers, found {line!r}") from error
    if not lines or lines[0].strip() != str(len(points)):
        raise BadInput(f"{path}: lists {len(points)} faces, not as many as its first line says; replace the file")
    return points


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); run the corpus stage again") from error


def read(root: Path, entry: Entry) -> Face:
    """Decode one face with its five points; BadInput where the image is missing or cannot be decoded."""
    images = source(root, IMAGES)
    prefix = f"{IMAGES}/" if images.path.suffix == ".zip" else ""
    assert entry.points is not None
    return Face(entry, decode(images.read(prefix + entry.image), entry.image), entry.points, np.ones(5, bool))
