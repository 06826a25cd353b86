"""A project whose faces tests prepare: its params.yaml, the stages `corpus` and `prepare`, and what they leave."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import experiments

from benchmark import corpus, prepare
from datasets.pairs import Pairs

MENPO = {"semifrontal": "official/menpo/semifrontal", "profile": "official/menpo/profile"}
CELEBA = {
    "images": "official/celeba/img_align_celeba",
    "landmarks": "official/celeba/list_landmarks_align_celeba.txt",
    "identity": "official/celeba/identity_CelebA.txt",
    "source": "blobs",
}
MANIFEST = Path("data/tiny/manifest.json")


def write_params(corpora: dict[str, Any] | None = None, **options: Any) -> None:
    """params.yaml in the working directory, of one experiment `tiny`; options: of stage prepare."""
    stage = {"annotator": "dlib", "test_fraction": 0.2, "validation_fraction": 0.1, "seed": 0} | options
    experiments.write(Path(), experiments.block("tiny", corpora=corpora or {"menpo": MENPO}, prepare=stage))


def run_corpus() -> None:
    corpus.main(argparse.Namespace(experiment=None))


def run_prepare(workers: int = 1) -> None:
    prepare.main(argparse.Namespace(experiment=None, workers=workers))


def manifest() -> dict[str, Any]:
    return json.loads(MANIFEST.read_text())


def load(side: str) -> Pairs:
    return Pairs.load(MANIFEST.with_name(side))


def contents(folder: Path) -> dict[str, str]:
    """Every file below `folder`, hidden ones too, by its path: SHA-256."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
