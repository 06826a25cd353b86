"""A folder of SR faces, NAME.png for each face of the test set: whether all are there, and what one shows."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from datasets.align import SIZE
from datasets.face import BadInput, require_folder
from datasets.images import decode, is_image, is_junk

PREDICT = "predict again"
LOSSY = (".jpg", ".jpeg", ".jfif")


def require_names(folder: Path, names: Sequence[str], beside: Collection[str] = (), remedy: str = PREDICT) -> None:
    """Check that the folder holds NAME.png for each name, and nothing else but `beside`, hidden and junk files.

    Raises:
        BadInput: names what is missing, is no file, or does not belong there; says what lies there instead.
    """
    require_folder(folder, remedy)
    found = {path.name for path in folder.iterdir() if _counts(path.name)} - {*beside}
    wanted = {f"{name}.png" for name in names}
    for name in sorted(found & wanted):
        if not (path := folder / name).is_file():
            kind = "a folder" if path.is_dir() else "a link to nothing"
            raise BadInput(f"{path}: {kind}, not an image; {remedy}")
    if missing := wanted - found:
        remedy = instead(folder, names, found) or remedy
    for kind, wrong in (("missing", missing), ("not of the test set", found - wanted)):
        if wrong:
            shown = ", ".join(sorted(wrong)[:5]) + (", ..." if len(wrong) > 5 else "")
            raise BadInput(f"{folder}: {len(wrong)} of {len(wanted)} images {kind}: {shown}; {remedy}")


def _counts(name: str) -> bool:
    return not name.startswith(".") and not is_junk(name)


def instead(folder: Path, names: Sequence[str], found: Collection[str]) -> str:
    """Describe images that are there under other names or one folder deeper, and what to do; "" if there are none."""
    if pattern := _pattern(names, found):
        prefix, suffix, extension = pattern
        count = sum(f"{prefix}{name}{suffix}{extension}" in found for name in names)
        lossy = extension.lower() in LOSSY
        remedy = "lossy, save PNG files named" if lossy else "rename them to" if extension.lower() == ".png" else "save"
        return f"found {count} files {prefix}NAME{suffix}{extension}: {remedy} NAME.png"
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and _counts(path.name)):
        inside = {path.name for path in inner.iterdir()}
        count = sum(f"{name}.png" in inside for name in names)
        if count or _pattern(names, inside):
            return f"found {count or len(inside)} files one folder deeper: give {inner}"
    return ""


def _pattern(names: Sequence[str], found: Collection[str]) -> tuple[str, str, str] | None:
    """Prefix, suffix and extension of other image files that most of the names have one of."""
    for file in sorted(filter(is_image, found), key=len)[:5]:
        stem, extension = Path(file).stem, Path(file).suffix
        for name in sorted((name for name in names if name in stem), key=len, reverse=True):
            prefix, _, suffix = stem.partition(name)
            matches = sum(f"{prefix}{name}{suffix}{extension}" in found for name in names)
            if (prefix, suffix, extension) != ("", "", ".png") and 2 * matches > len(names):
                return prefix, suffix, extension
    return None


def read(path: Path, remedy: str = PREDICT) -> np.ndarray:
    """Read one face, (128, 128, 3) uint8 RGB.

    Raises:
        BadInput: if it is missing, has another size, or cannot be decoded.
    """
    if not path.is_file():
        raise BadInput(f"{path}: missing; {remedy}")
    image = decode(path.read_bytes(), str(path))
    if image.shape != (SIZE, SIZE, 3):
        raise BadInput(f"{path}: {image.shape[1]} x {image.shape[0]}, expected {SIZE} x {SIZE}; {remedy}")
    return image
