"""A method that is not in this project: the SR faces that it made of exported LR faces, a PNG a test face."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method, check_lr


@dataclass(frozen=True)
class Options:
    """folder: where the SR faces are. content: hash of them, by which other images under the same path are noticed."""

    folder: str = ""
    content: str = field(init=False, default="")

    def __post_init__(self) -> None:
        files = sorted(Path(self.folder).expanduser().glob("*.png")) if self.folder else []
        digests = [path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in files]
        object.__setattr__(self, "content", hashlib.sha256(b"".join(digests)).hexdigest())


class Images(Method):
    """Has SR faces of the test set alone, which the stage `predict` takes; it cannot upscale another face."""

    wants = "unaligned"
    Options = Options

    def fit(self, pairs: Pairs, context: Context) -> None:
        """Nothing to learn; BadInput where there is no such folder."""
        if not self.options.folder or not Path(self.options.folder).expanduser().is_dir():
            raise BadInput(f"params.yaml: images option folder: {self.options.folder!r}: no such folder; correct it")

    def upscale(self, lr: Tensor) -> Tensor:
        check_lr(lr)
        raise BadInput(f"{self.options.folder}: SR faces of the test set alone; for other faces take another run")

    def save(self, folder: Path) -> None:
        """Nothing to write."""

    def load(self, folder: Path) -> None:
        """Nothing to read."""


METHOD = Images
