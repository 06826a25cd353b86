"""Which files of a corpus belong together, whatever folders, upper and lower case and further files are about them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from os.path import commonpath
from pathlib import PurePosixPath

from datasets.images import is_image


def stem(name: str) -> str:
    """A file's path without its ending."""
    return str(PurePosixPath(name).with_suffix(""))


def folded(name: str) -> str:
    """A path for comparison with one that another system wrote: of one case, accents of one form."""
    return unicodedata.normalize("NFC", name).casefold()


def faces(names: Iterable[str], ending: str) -> dict[str, str | None]:
    """Each image, and each annotation (a file with `ending`) that has no image, to its annotation or None; sorted.

    An annotation is beside its image, NAME.pts or NAME.jpg.pts, if need be in other upper and lower case.
    """
    images = [name for name in names if is_image(name)]
    left = {name for name in names if PurePosixPath(name).suffix.lower() == ending}
    found: dict[str, str | None] = {}
    for same in (str, folded):
        known = {same(stem(name)): name for name in left}
        for image in images:
            annotation = known.get(same(stem(image))) or known.get(same(image))
            if annotation and image not in found:
                found[image] = annotation
        left -= set(found.values())
    rest: dict[str, str | None] = {name: None for name in images if name not in found}
    return dict(sorted((found | rest | {name: name for name in left}).items()))


def labels(names: Iterable[str]) -> dict[str, str]:
    """Each file's path below the folder that holds them all, without ending, as one word: two folders' 1.png differ.

    {"a/x/1.png": "x_1", "a/y/1.png": "y_1"}, but {"a/1.png": "1", "a/2.png": "2"}.
    """
    parents = [str(PurePosixPath("/", name).parent) for name in names]
    top = commonpath(parents) if parents else "/"
    return {name: stem(str(PurePosixPath("/", name).relative_to(top))).replace("/", "_") for name in names}
