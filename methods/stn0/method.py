"""STN_0 as a method: its network, its two losses, and alignment by it."""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import STN, L_w, Layers, evaluating, locnet
from methods.trained import Optimiser, Phase, TrainedMethod

# conv5 to 64, ReLU, MP2, conv5 to 20, ReLU: 16 -> 12 -> 6 -> 2 px, the 80 inputs of the paper's FC.
LAYERS: Layers = ((5, 64), "MP2", (5, 20))


class Options(options.Options):
    """Options of STN_0."""

    supervised: bool = Field(False, description="learn from the true warps (L_w), not from pixels")
    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    lr: float = Field(3e-3, gt=0, description="Adam's learning rate, which falls to 0 as a cosine")


class STN0(TrainedMethod):
    """A localisation network on the LR face, trained so that the aligned face equals the LR face of the upright one.

    The paper does not state the loss, and what is aligned by it gains or loses by that: a mean squared error of pixels
    is what the same authors train TDAE's encoder with; option `supervised` takes L_w, as MTUN's own STN does.
    """

    wants = "unaligned"
    Options = Options

    def network(self) -> STN:
        return STN(locnet(3, degrade.LR, LAYERS))

    def phases(self, context: Context) -> list[Phase]:
        o = self.options
        optimiser = Optimiser("adam", o.lr, schedule="cosine")
        return [Phase("stn0", o.epochs, o.batch_size, self.module, optimiser, self.loss)]

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Mean squared error, of images in [0, 1] or, supervised, of warps in units of L_w."""
        aligned, warp = self.module(batch.lr)
        if self.options.supervised:
            return {"L_w": L_w(warp, batch.warp)}, None
        return {"mse": F.mse_loss(aligned, batch.upright_lr())}, None

    def align(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Align unaligned LR faces (B, 3, 16, 16) in [0, 1]; also returns the warps (B, 4) that were undone.

        The values are not checked: other methods' training steps align in here, and a CUDA graph cannot wait for an
        answer.
        """
        with evaluating(self.module):
            aligned, warp = self.module(lr)
        return aligned.clamp(0, 1), warp

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Enlarge the aligned faces by bicubic interpolation."""
        aligned, warp = self.align(check_lr(lr, self.dtype))
        return degrade.resize(aligned, degrade.HR).clamp(0, 1), {"warp_stn0": warp}
