"""Split faces by identity and by photograph, copies of one under two names included."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datasets.face import Entry

CORRELATION_THRESHOLD = 0.985  # in `standin` look-alikes reach 0.983, and four of five copies are above
_SIDE = 16  # px at which faces are compared
_ROWS = 512  # at a time


@dataclass(frozen=True)
class PresplitEntry(Entry):
    """A face whose corpus says itself where it belongs: "train", "validation" or "test"."""

    side: str = "train"


def groups(entries: Sequence[Entry], copies: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Return the number of each face's group, (N,) int: the smallest that keep identities and photographs whole.

    copies: pairs of faces whose photographs are one under two names.
    """
    identities = np.unique([entry.identity for entry in entries], return_inverse=True)[1]
    photos = np.unique([entry.photo for entry in entries], return_inverse=True)[1] + len(entries)
    same = photos[np.array(copies, int).reshape(-1, 2)]
    ends = np.concatenate([np.stack([identities, photos], 1), same]).T
    edges = coo_array((np.ones(ends.shape[1]), ends), shape=(2 * len(entries),) * 2)
    return connected_components(edges, directed=False)[1][identities]


def split(
    entries: Sequence[Entry], test: float, validation: float, seed: int, copies: Sequence[tuple[int, int]] = ()
) -> np.ndarray:
    """Return the side of each face, (N,) of "train", "validation" or "test".

    Within each source, groups are ranked by a hash of their name and the seed, so that each side holds every source and
    a face added or lost moves few others. A group falls where its middle lies, so that a source of one group is all
    train. A PresplitEntry stays on its side.

    Args:
        test: fraction of all faces.
        validation: fraction of the rest.
        copies: as for `groups`.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for face, group in enumerate(groups(entries, copies)):
        members[int(group)].append(face)
    by_source: dict[str, list[list[int]]] = defaultdict(list)
    for faces in members.values():
        by_source[min(entries[i].source for i in faces)].append(faces)
    sides = np.full(len(entries), "train", dtype="<U10")
    for sets in by_source.values():
        sets.sort(key=lambda faces: _rank(min(entries[i].identity for i in faces), seed))
        total = sum(len(faces) for faces in sets)
        taken = 0
        for faces in sets:
            share = (taken + len(faces) / 2) / total
            if share < test + (1 - test) * validation:
                sides[faces] = "test" if share < test else "validation"
            taken += len(faces)
    for face, entry in enumerate(entries):
        if isinstance(entry, PresplitEntry):
            sides[face] = entry.side
    return sides


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def unit_numbers(names: Sequence[str], seed: int, n: int) -> np.ndarray:
    """Return n numbers in [0, 1) for each name, (len(names), n) float32, that depend on name and seed alone."""
    digests = [hashlib.sha256(f"{seed} warp {name}".encode()).digest() for name in names]
    return (np.stack([np.frombuffer(d, "<u4", n) for d in digests]) / 2**32).astype(np.float32)


def copies(hr: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs (i, j), i < j, of faces of hr, (N, 128, 128, 3) uint8, that show one photograph.

    Their grey values at 16 px correlate by CORRELATION_THRESHOLD or more. Mirrored copies and other crops are missed.
    """
    looks = np.concatenate([_look(hr[start : start + _ROWS]) for start in range(0, len(hr), _ROWS)])
    found = []
    for start in range(0, len(looks), _ROWS):
        alike = looks[start : start + _ROWS] @ looks[start:].T >= CORRELATION_THRESHOLD
        found += [(start + int(i), start + int(j)) for i, j in np.argwhere(alike) if i < j]
    return found


def _look(hr: np.ndarray) -> np.ndarray:
    """Return (n, 256) float32 of mean 0 and length 1: grey values at 16 px without brightness and contrast."""
    block = hr.shape[1] // _SIDE
    grey = hr.astype(np.float32).mean(-1).reshape(-1, _SIDE, block, _SIDE, block).mean((2, 4)).reshape(len(hr), -1)
    grey -= grey.mean(1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)
