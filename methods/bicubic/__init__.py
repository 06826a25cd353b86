"""Bicubic interpolation, the reference that needs no training (paper, Table 1)."""

from pathlib import Path

from torch import Tensor

from datasets.batch import Batch
from datasets.degrade import HR, resize
from datasets.pairs import Pairs
from methods.interface import Context, Method, check_lr


class Bicubic(Method):
    """Keys' cubic with a = -0.5, the kernel of MATLAB's imresize and of Pillow."""

    def fit(self, pairs: Pairs, context: Context) -> None:
        """Nothing to learn."""

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        return resize(check_lr(lr, self.dtype), HR).clamp(0, 1)

    def save(self, folder: Path) -> None:
        """Nothing to write."""

    def load(self, folder: Path) -> None:
        """Nothing to read."""


METHOD = Bicubic
