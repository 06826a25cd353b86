"""The training face whose LR face is nearest to the input in image intensities (paper, Figure 1c)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datasets.batch import Batch, to_float
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method, check_lr

CHUNK = 256


class Nearest(Method):
    """Store every training face; return the HR face of the nearest LR face (Euclidean, all channels)."""

    def __init__(self, options: dict | None = None):
        super().__init__(options)
        self.lr, self.hr = np.empty((0, 16, 16, 3), np.uint8), np.empty((0, 128, 128, 3), np.uint8)

    def fit(self, pairs: Pairs, context: Context) -> None:
        self.lr, self.hr = np.array(pairs.lr), pairs.hr

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        known = to_float(torch.from_numpy(self.lr)).flatten(1).to(lr)
        # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, and |a|^2 does not change the order.
        norms = (known**2).sum(1)
        best = [(norms - 2 * part.flatten(1) @ known.T).argmin(1) for part in check_lr(lr, self.dtype).split(CHUNK)]
        rows = torch.cat(best).cpu().numpy()
        return to_float(torch.from_numpy(self.hr[rows])).to(lr)

    def save(self, folder: Path) -> None:
        np.save(folder / "lr.npy", self.lr)
        np.save(folder / "hr.npy", self.hr)

    def load(self, folder: Path) -> None:
        if not (folder / "hr.npy").is_file():
            raise BadInput(f"{folder / 'hr.npy'}: not there; run `dvc repro` or `python -m benchmark train` first")
        self.lr, self.hr = np.load(folder / "lr.npy"), np.load(folder / "hr.npy", mmap_mode="r")


METHOD = Nearest
