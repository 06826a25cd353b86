"""The embedded corpus: synthetic faces of datasets/portrait, read as Menpo and CelebA are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import celeba, menpo
from datasets.face import BadInput, Contents, Entry, Face, check_options
from datasets.portrait.corpus import write_corpus

MIN_FACES = 12  # of two persons, one in each layout


def get(options: Mapping[str, Any], raw: Path, workers: int | None = None) -> None:
    """Draw the corpus. Options: faces (how many), seed. workers: processes, one a core by default."""
    check_options("synthetic", options, ["faces", "seed"])
    faces, seed = options.get("faces"), options.get("seed")
    if type(faces) is not int or faces < MIN_FACES or type(seed) is not int:
        raise BadInput(
            f"params.yaml: corpora.synthetic needs faces ({MIN_FACES} or more) and seed, not {dict(options)}"
        )
    write_corpus(raw, faces, seed, workers)


def verify(root: Path, options: Mapping[str, Any]) -> Contents:
    """List the faces of both layouts."""
    parts = menpo.verify(root / "menpo", {}), celeba.verify(root / "celeba", {"source": "synthetic"})
    return Contents(parts[0].faces + parts[1].faces, parts[0].unused | parts[1].unused)


def read(root: Path, entry: Entry) -> Face:
    """Decode one face."""
    return {"menpo": menpo, "celeba": celeba}[entry.corpus].read(root / entry.corpus, entry)
