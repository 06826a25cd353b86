"""What results are tied to: the project's commit and the prepared data."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


def git_commit() -> str | None:
    """The project's git commit; None outside a checkout or without git."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def data_hash(data: Path) -> str | None:
    """The hash of the prepared data in the folder `data`, from its manifest; None where there is no manifest."""
    manifest = data / "manifest.json"
    return json.loads(manifest.read_text())["hash"] if manifest.is_file() else None
