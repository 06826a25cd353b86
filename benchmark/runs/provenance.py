"""Where a result comes from: the project's commit, the prepared data, the content of files."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

RECORD = "config.json"  # of a training, next to its weights
OF_IMAGES = ".training.json"  # which training SR images come from, next to them


def git_commit() -> str | None:
    """The project's git commit; None outside a checkout or without git."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_hash(data: Path, side: str | None = None) -> str | None:
    """The hash of the prepared data in the folder `data`, or of its side "train" or "test"; None if unprepared."""
    manifest = read_json(data / "manifest.json")
    if side is None or not manifest:
        return manifest.get("hash")
    files = {name: digest for name, digest in manifest.get("files", {}).items() if name.startswith(f"{side}/")}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's content; {} if it is absent or damaged, so that what it describes counts as out of date."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
