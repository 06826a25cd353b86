"""A method that is not in this project: the SR faces that it made of exported LR faces, a PNG a test face."""

from __future__ import annotations

import glob
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method, check_lr

SEED = "{seed}"


@dataclass(frozen=True)
class Options:
    """folder: where the SR faces are; with {seed} in it, those of each training of the method. trained: false where the
    program draws nothing, so that another training would make the same faces. content: hash of the faces, by which
    other images under the same path are noticed."""

    folder: str = ""
    trained: bool = True
    content: str = field(init=False, default="")

    def __post_init__(self) -> None:
        pattern = Path(glob.escape(str(self.of(SEED))).replace(SEED, "*"), "*.png")
        relative = str(pattern.relative_to(pattern.anchor))
        files = sorted(Path(pattern.anchor).glob(relative)) if self.folder else []
        digests = [path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in files]
        object.__setattr__(self, "content", hashlib.sha256(b"".join(digests)).hexdigest())

    def of(self, seed: int | str) -> Path:
        """The folder of one seed's SR faces."""
        return Path(self.folder.replace(SEED, str(seed))).expanduser()


class Images(Method):
    """Has SR faces of the test set alone, which the stage `predict` takes; it cannot upscale another face."""

    wants = "unaligned"
    Options = Options

    def fit(self, pairs: Pairs, context: Context) -> None:
        """Nothing to learn; BadInput where there is no such folder, or one alone for several seeds."""
        where = "params.yaml: images option folder:"
        if not self.options.folder or not self.options.of(context.seed).is_dir():
            raise BadInput(f"{where} {str(self.options.of(context.seed))!r}: no such folder; correct it")
        if context.seed and SEED not in self.options.folder:
            raise BadInput(f"{where} {self.options.folder!r}: one folder for several seeds; put {SEED} into it")

    def upscale(self, lr: Tensor) -> Tensor:
        check_lr(lr, self.dtype)
        raise BadInput(f"{self.options.folder}: SR faces of the test set alone; for other faces take another run")

    def save(self, folder: Path) -> None:
        """Nothing to write."""

    def load(self, folder: Path) -> None:
        """Nothing to read."""


METHOD = Images
