"""SPARNet as a method: one network, trained on pixels."""

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.sparnet.model import SPARNetwork
from methods.trained import Optimiser, Phase, Schedule, TrainedMethod


class Options(options.Options):
    """Options of SPARNet; the defaults are those of the authors' training script."""

    width: float = Field(1.0, gt=0, description="scales the channels of every layer")
    depth: int = Field(10, ge=0, description="face attention units at 16 px")
    attention: Literal["2d", "3d"] = Field("2d", description="one attention map for all channels, or one for each")
    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1)
    lr: float = Field(2e-4, gt=0, description="learning rate")
    schedule: Schedule = Field("exponential", description="of the learning rate; exponential: constant here")


class SPARNet(TrainedMethod):
    """Spatial attention residual network: features of key face structures are amplified, without extra labels."""

    Options = Options
    module: SPARNetwork

    def network(self) -> SPARNetwork:
        return SPARNetwork(self.options.width, self.options.depth, self.options.attention)

    def phases(self, context: Context) -> list[Phase]:
        """Build the one phase, on pixels; the network is initialised from context.seed."""
        o = self.options
        self.redraw(context.seed)
        adam = Optimiser("adam", o.lr, schedule=o.schedule, betas=(0.9, 0.99))
        return [Phase("pixel", o.epochs, o.batch_size, self.module, adam, self.loss)]

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Mean absolute error of images in [-1, 1]."""
        return {"L_p": F.l1_loss(self.module(batch.lr), 2 * batch.hr - 1)}, None

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        with evaluating(self.module):
            sr = self.module(check_lr(lr, self.dtype))
        return ((sr + 1) / 2).clamp(0, 1)
