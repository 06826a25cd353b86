"""SRGAN behind the shared interface: pixel pre-training, then content and adversarial loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batch import Batch
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.options import above, at_least
from methods.srgan.model import SRGANDiscriminator, SRResNet
from methods.targets import Targets
from methods.trained import Optimiser, Phase, TrainedMethod
from methods.vgg import VGGFeatures

CONTENT = 0.006  # the original's 1 / 12.75^2 on VGG features: brings them to the scale of the pixel loss
ADVERSARIAL = 1e-3


@dataclass(frozen=True)
class Options:
    """The original's sizes and rates by default.

    content: what the second phase compares beside the adversarial loss, "vgg" features or pixels ("mse", the original's
    SRGAN-MSE). epochs_mse, epochs_gan: of the two phases; the second one's rate falls to a tenth half-way. fresh: a new
    warp for each face and epoch.
    """

    width: int = at_least(1, 64)
    blocks: int = at_least(1, 16)
    critic_width: int = at_least(1, 64)
    content: Literal["vgg", "mse"] = "vgg"
    epochs_mse: int = at_least(1, 60)
    epochs_gan: int = at_least(1, 20)
    batch_size: int = at_least(1, 16)
    lr: float = above(0, 1e-4)
    fresh: bool = True


class SRGAN(TrainedMethod):
    """A generic x8 super-resolver with an adversary; knows nothing of faces but what it is trained on."""

    wants = "aligned"
    Options = Options
    module: SRResNet

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        self.module = SRResNet(self.options.width, self.options.blocks)

    def phases(self, context: Context) -> list[Phase]:
        """SRResNet on pixels, then SRGAN; both networks start anew from context.seed."""
        o = self.options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.module = SRResNet(o.width, o.blocks).to(self.device)
            critic = SRGANDiscriminator(o.critic_width).to(self.device)
        targets = None
        if o.content == "vgg":
            vgg = VGGFeatures(context.vgg).to(self.device)
            context.notes["vgg"] = vgg.source
            targets = Targets(vgg, context.features)
        adam = Optimiser("adam", o.lr)
        halved = Optimiser("adam", o.lr, schedule="step", step_epochs=max(1, o.epochs_gan // 2), step_factor=0.1)
        return [
            Phase("mse", o.epochs_mse, o.batch_size, self.module, adam, self._pixel_loss, fresh=o.fresh),
            Phase(
                "gan",
                o.epochs_gan,
                o.batch_size,
                self.module,
                halved,
                self._gan_loss(critic, targets),
                critic=critic,
                critic_optimiser=halved,
                critic_loss=lambda batch, sr: critic_loss(critic, 2 * batch.hr - 1, sr),
                fresh=o.fresh,
            ),
        ]

    def _pixel_loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
        sr = self.module(batch.lr)
        return {"L_p": F.mse_loss(sr, 2 * batch.hr - 1)}, sr

    def _gan_loss(
        self, critic: SRGANDiscriminator, targets: Targets | None
    ) -> Callable[[Batch, int], tuple[dict[str, Tensor], Tensor]]:
        """Content plus 1e-3 of -log D(SR); SR faces in [-1, 1] for the critic."""

        def loss(batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
            sr, hr = self.module(batch.lr), 2 * batch.hr - 1
            if targets is None:
                terms = {"L_p": F.mse_loss(sr, hr)}
            else:
                terms = {"L_f": CONTENT * F.mse_loss(targets.psi(sr), targets(batch))}
            terms["L_U"] = ADVERSARIAL * F.softplus(-critic(sr).float()).mean()
            return terms, sr

        return loss

    def upscale(self, lr: Tensor) -> Tensor:
        with evaluating(self.module):
            sr = self.module(check_lr(lr, self.dtype))
        return ((sr + 1) / 2).clamp(0, 1)


def critic_loss(critic: SRGANDiscriminator, hr: Tensor, sr: Tensor) -> dict[str, Tensor]:
    """-log D(HR) - log(1 - D(SR)); faces in [-1, 1]."""
    return {"L_D": F.softplus(-critic(hr).float()).mean() + F.softplus(critic(sr).float()).mean()}
