"""What results are tied to: the project's commit, the prepared data, and the record beside the weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datasets.face import BadInput

_WEIGHTS = ".weights.json"


def git_commit() -> str | None:
    """The project's git commit; None outside a checkout or without git."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def hours(trainings: Iterable[Mapping[str, Any]]) -> float:
    """Hours that trainings took, by their records in provenance/; phases of the same times are one, shared."""
    phases = {(name, tuple(seconds)) for known in trainings for name, seconds in known.get("epochs", {}).items()}
    return sum(sum(seconds) for _, seconds in phases) / 3600


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file's content, by path."""
    return {str(path): file_hash(path) for path in sorted(paths)}


def record_weights(images: Path, weights: Path) -> None:
    """Keep beside the images of the folder `images`, in a hidden file, which stored weights they are of."""
    (images / _WEIGHTS).write_text(json.dumps(_content(weights), indent=1) + "\n")


def require_weights(images: Path, weights: Path, remedy: str) -> None:
    """BadInput where the folder `images` is known to be of other weights than those that lie in `weights` now."""
    path = images / _WEIGHTS
    if path.is_file() and weights.is_dir() and json.loads(path.read_text()) != _content(weights):
        raise BadInput(f"{images}: of other weights than {weights}; {remedy}")


def _content(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in sorted(folder.iterdir())}


def data_hash(data: Path) -> str | None:
    """The hash of the prepared data in the folder `data`, from its manifest; None where there is no manifest."""
    manifest = data / "manifest.json"
    return json.loads(manifest.read_text())["hash"] if manifest.is_file() else None


def recorded(weights: Path, expected: Mapping[str, Any]) -> bool:
    """Whether the folder `weights` was stored with a config.json that says all of `expected`."""
    config = weights / "config.json"
    return config.is_file() and says(json.loads(config.read_text()), expected)


def says(record: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether a record, as config.json has it, says all of `expected`."""
    # By way of JSON, which makes a list of a tuple.
    return json.loads(json.dumps(expected)).items() <= record.items()
