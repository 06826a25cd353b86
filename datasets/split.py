"""Train, validation and test faces: by person and by photograph, the same for a face whoever else is in the corpus."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.face import Entry


@dataclass(frozen=True)
class Placed(Entry):
    """A face whose corpus says itself where it belongs: "train", "validation" or "test"."""

    side: str = "train"


def groups(entries: Sequence[Entry], copies: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Index of the smallest set that keeps each person and each photograph whole, one a face: (N,) int.

    copies: faces, two each, whose photographs are one under two names.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for entry in entries:
        parent[root(f"person {entry.person}")] = root(f"photo {entry.photo}")
    for face, other in copies:
        parent[root(f"photo {entries[face].photo}")] = root(f"photo {entries[other].photo}")
    names = [root(f"person {entry.person}") for entry in entries]
    return np.unique(names, return_inverse=True)[1]


def split(
    entries: Sequence[Entry], test: float, validation: float, seed: int, copies: Sequence[tuple[int, int]] = ()
) -> np.ndarray:
    """Side of each face, (N,) of "train", "validation" or "test".

    test: fraction of all faces; validation: fraction of the rest. Within each source, groups are ranked by a hash of
    their name and the seed, so that both sides hold every source and a face added or lost moves few others. A group
    falls where its middle lies, so that a source of one group is all train. Placed faces stay where they are placed.
    copies: see groups.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for face, group in enumerate(groups(entries, copies)):
        members[int(group)].append(face)
    by_source: dict[str, list[list[int]]] = defaultdict(list)
    for faces in members.values():
        by_source[min(entries[i].source for i in faces)].append(faces)
    sides = np.full(len(entries), "train", dtype="<U10")
    for sets in by_source.values():
        sets.sort(key=lambda faces: _rank(min(entries[i].person for i in faces), seed))
        total = sum(len(faces) for faces in sets)
        taken = 0
        for faces in sets:
            share = (taken + len(faces) / 2) / total
            if share < test + (1 - test) * validation:
                sides[faces] = "test" if share < test else "validation"
            taken += len(faces)
    for face, entry in enumerate(entries):
        if isinstance(entry, Placed):
            sides[face] = entry.side
    return sides


def draw(entries: Sequence[Entry], faces: int | None, seed: int) -> list[Entry]:
    """About `faces` of the entries, whole people at a time, by a hash of their name and the seed; None takes all."""
    if faces is None:
        return list(entries)
    ranked = sorted(entries, key=lambda entry: (_rank(f"draw {entry.person}", seed), entry.name))
    people = {entry.person for entry in ranked[:faces]}
    return [entry for entry in entries if entry.person in people]


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def unit_numbers(names: Sequence[str], seed: int, n: int) -> np.ndarray:
    """n numbers in [0, 1) for each name, (len(names), n) float32, that depend on the name and the seed alone."""
    digests = [hashlib.sha256(f"{seed} warp {name}".encode()).digest() for name in names]
    return (np.stack([np.frombuffer(d, "<u4", n) for d in digests]) / 2**32).astype(np.float32)
