"""STN_0: turns unaligned LR faces upright for the methods that cannot (paper, section 3.4). No method of the tables.

The paper does not state its loss, and what follows it gains or loses by that: STN0 learns from pixels alone, ToldSTN0
from the true warps, as MTUN's own STNs do by L_w.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch
from methods.interface import Context, check_lr
from methods.layers import STN, L_w, Layers, evaluating, locnet
from methods.options import above, at_least
from methods.trained import Optimiser, Phase, TrainedMethod

# conv5 to 64, ReLU, MP2, conv5 to 20, ReLU: 16 -> 12 -> 6 -> 2 px, the 80 inputs of the paper's FC.
LAYERS: Layers = ((5, 64), "MP2", (5, 20))


@dataclass(frozen=True)
class Options:
    """epochs, batch_size: how long, on how many faces at a time. lr: Adam's rate, which falls to 0 as a cosine."""

    epochs: int = at_least(1, 20)
    batch_size: int = at_least(1, 64)
    lr: float = above(0, 3e-3)


class STN0(TrainedMethod):
    """A localisation network on the LR face, trained so that the aligned face equals the LR face of the upright one.

    The paper does not state the loss; a mean squared error is what the same authors train TDAE's encoder with.
    """

    wants = "unaligned"
    Options = Options

    def __init__(self, options: dict | None = None):
        super().__init__(options)
        self.module = STN(locnet(3, degrade.LR, LAYERS))

    def phases(self, context: Context) -> list[Phase]:
        o = self.options
        recipe = Optimiser(kind="adam", lr=o.lr, schedule="cosine")
        return [Phase("stn0", o.epochs, o.batch_size, self.module, recipe, self.loss)]

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Mean squared error, images in [0, 1]."""
        aligned, _ = self.module(batch.lr)
        return {"mse": F.mse_loss(aligned, batch.upright_lr())}, None

    def align(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Unaligned LR faces (B, 3, 16, 16) in [0, 1] to upright ones, and the warps (B, 4) that were undone.

        The values go unchecked: other methods' training steps align in here, and a CUDA graph can't wait for an answer.
        """
        with evaluating(self.module):
            aligned, warp = self.module(lr)
        return aligned.clamp(0, 1), warp

    def upscale(self, lr: Tensor) -> Tensor:
        """The aligned faces, bicubic to (B, 3, 128, 128)."""
        return degrade.resize(self.align(check_lr(lr, self.dtype))[0], degrade.HR).clamp(0, 1)

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        return {"warp_stn0": self.align(check_lr(lr, self.dtype))[1]}


class ToldSTN0(STN0):
    """The same network told the true warps, which it is to estimate."""

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """L_w, as MTUN's STNs have it under recipe `tuned`."""
        return {"L_w": L_w(self.module(batch.lr)[1], batch.warp)}, None


NETWORKS = {"stn0": STN0, "stn0_told": ToldSTN0}
