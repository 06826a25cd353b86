"""MTUN's trunk as a method: trained alone, many times as fast an image as the whole network."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from datasets import degrade
from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import L_w, evaluating
from methods.mtun.options import RecipeName
from methods.mtun.recipes import RECIPES
from methods.mtun.trunk import Trunk, initialise_norms
from methods.trained import Optimiser, Phase, TrainedMethod

L_64 = 10.0  # weight of the trunk's own picture of the face, beside L_w


class Options(options.Options):
    """Options of MTUN that shape its trunk, and for how long it is trained."""

    recipe: RecipeName = Field("tuned", description="of the network; see methods/mtun/recipes.py")
    width: int = Field(32, ge=2, multiple_of=2, description="g, as in MTUN")
    autoencoder: bool = Field(True, description="false: for Ours‡ of Table 1")
    epochs: int = Field(6, ge=1)
    batch_size: int = Field(32, ge=2, description="batch normalisation needs 2 faces")
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate, which falls to 0 as a cosine")


class MTUNTrunk(TrainedMethod):
    """Autoencoder, deconvolutions, STN and `aligned` of MTUN on the true warps and on a small picture of the face.

    Stored in full precision, because MTUN's further training goes on from it.
    """

    STORED_IN_HALF = False
    wants = "unaligned"
    Options = Options
    module: Trunk

    def network(self) -> Trunk:
        recipe = RECIPES[self.options.recipe]
        trunk = Trunk(self.options.width, self.options.autoencoder, recipe)
        initialise_norms(trunk, recipe)
        return trunk

    def phases(self, context: Context) -> list[Phase]:
        """One phase; the weights are drawn from context.seed, as MTUN draws its own trunk's.

        The RGB head is dropped afterwards.
        """
        o = self.options

        def make_head() -> nn.Module:
            torch.manual_seed(context.seed)
            return nn.Conv2d(2 * o.width, 3, 3, padding=1)

        [head] = self.redraw(context.seed, make_head)

        def loss(batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
            _, aligned, warp = self.module.through_trunk(batch.lr)
            target = 2 * degrade.resize(batch.hr, 64).clamp(0, 1) - 1
            return {"L_w": L_w(warp, batch.warp), "L_64": L_64 * F.mse_loss(head(aligned).float(), target)}, None

        trained, optimiser = nn.ModuleList([self.module, head]), Optimiser("adam", o.lr, schedule="cosine")
        flip = RECIPES[o.recipe].flip
        return [Phase("trunk", o.epochs, o.batch_size, trained, optimiser, loss, flip=flip, validate=False)]

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The LR faces aligned by the STN, bicubic to (B, 3, 128, 128): the trunk makes no faces of its own."""
        with evaluating(self.module):
            _, _, warp = self.module.through_trunk(check_lr(lr, self.dtype))
        return degrade.resize(degrade.align(lr, warp), degrade.HR).clamp(0, 1), {"warp_stn": warp}
