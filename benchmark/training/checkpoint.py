"""Resume state on disk: numbered files, each with its own checksum, the last two kept."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from benchmark.cli import whole_file

_DIGEST = hashlib.sha256().digest_size
_KEEP = 2
_NAMES = "[0-9]*.ckpt"  # not what a killed writer left half done


class Checkpoints:
    """The checkpoints of one training run. A file is the SHA-256 of what follows, then torch.save's bytes."""

    def __init__(self, folder: Path):
        self.folder = folder

    def last(self) -> Path | None:
        """The newest checkpoint, whole or not; None where there is none."""
        return max(self.folder.glob(_NAMES), default=None)

    def save(self, state: dict[str, Any]) -> None:
        """Write the next checkpoint, then drop all but the last two."""
        last = self.last()
        number = 0 if last is None else int(last.stem) + 1
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getbuffer()

        with whole_file(self.folder / f"{number:08d}.ckpt") as path, path.open("wb") as file:
            file.write(hashlib.sha256(payload).digest())
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        self.thin(_KEEP)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The newest whole checkpoint, its tensors on `device`; damaged ones are named and passed over."""
        for path in sorted(self.folder.glob(_NAMES), reverse=True):
            content = path.read_bytes()
            if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                return torch.load(io.BytesIO(content[_DIGEST:]), map_location=device, weights_only=True)
            print(f"{path}: damaged checkpoint, going back to the one before it", flush=True)
        return None

    def thin(self, keep: int) -> None:
        """Drop all but the last `keep`."""
        for old in sorted(self.folder.glob(_NAMES))[:-keep]:
            old.unlink()
