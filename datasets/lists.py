"""CelebA's lists, in the official form (spaces, a count) or in that of Kaggle's copy (commas, a line of names)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from datasets.face import BadInput
from datasets.text import lines_of


def landmarks(path: Path) -> dict[str, np.ndarray]:
    """Image name to its five points (5, 2): eyes, nose, mouth corners, the image's left first."""
    points = {}
    lines = _lines(path)
    official = not _has_commas(lines)
    for number, line in _below_header(lines, 2):  # the number of faces and the names of the columns
        try:
            name, *values = _fields(line)
            points[name] = np.array(values, np.float64).reshape(5, 2)
        except ValueError as error:
            raise BadInput(f"{path}, line {number}: expected a name and 10 numbers, found {line!r}") from error
    if official and (not lines or lines[0].strip() != str(len(points))):
        raise BadInput(f"{path}: lists {len(points)} faces, not as many as its first line says; replace the file")
    return points


def values(path: Path, what: str) -> dict[str, str]:
    """Image name to the one value that a list gives it, `what` it may be: a person or a part."""
    found = {}
    for number, line in _below_header(_lines(path), 0):
        fields = _fields(line)
        if len(fields) != 2:
            raise BadInput(f"{path}, line {number}: expected 'image {what}', found {line!r}")
        found[fields[0]] = fields[1]
    return found


def _lines(path: Path) -> list[str]:
    try:
        return lines_of(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); run the corpus stage again") from error


def _has_commas(lines: list[str]) -> bool:
    return bool(lines) and re.search("[,;]", lines[0]) is not None


def _below_header(lines: list[str], official: int) -> list[tuple[int, str]]:
    """Number and text of each line below the header: `official` lines, or the one that a list with commas has."""
    header = 1 if _has_commas(lines) else official
    return list(enumerate(lines[header:], header + 1))


def _fields(line: str) -> list[str]:
    """The fields of a line; a spreadsheet may have put them between quotes, and semicolons between them."""
    return re.split(r"[\s,;]+", line.replace('"', "").strip())
