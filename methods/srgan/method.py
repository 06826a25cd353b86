"""SRGAN as a method: pre-training on pixels, then content and adversarial loss."""

from functools import partial
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.srgan.model import SRGANDiscriminator, SRResNet
from methods.targets import Targets
from methods.trained import Critic, Optimiser, Phase, TrainedMethod
from methods.vgg import VGGFeatures

CONTENT = 0.006  # the original's 1 / 12.75^2 on VGG features: brings them to the scale of the pixel loss
ADVERSARIAL = 1e-3


class Options(options.Options):
    """Options of SRGAN; the defaults are the original's."""

    width: int = Field(64, ge=1, description="channels of the generator")
    blocks: int = Field(16, ge=1, description="residual blocks of the generator")
    critic_width: int = Field(64, ge=1, description="channels of the discriminator's first layer")
    content: Literal["vgg", "mse"] = Field("vgg", description="content loss: VGG features, or pixels (SRGAN-MSE)")
    epochs_mse: int = Field(60, ge=1, description="epochs of pre-training on pixels")
    epochs_gan: int = Field(20, ge=1, description="adversarial epochs; the learning rate drops to a tenth half-way")
    batch_size: int = Field(16, ge=1)
    lr: float = Field(1e-4, gt=0, description="learning rate")
    resample_degradation: bool = Field(True, description="draw a new warp for each face and epoch")


class SRGAN(TrainedMethod):
    """A generic x8 super-resolver with a discriminator and no prior on faces."""

    Options = Options
    module: SRResNet

    def network(self) -> SRResNet:
        return SRResNet(self.options.width, self.options.blocks)

    def phases(self, context: Context) -> list[Phase]:
        """Build both phases, SRResNet on pixels and SRGAN; networks are initialised from context.seed."""
        o = self.options
        [critic] = self.redraw(context.seed, lambda: SRGANDiscriminator(o.critic_width))
        targets = None
        if o.content == "vgg":
            vgg = VGGFeatures(context.vgg).to(self.device)
            context.notes["vgg"] = vgg.source
            targets = Targets(vgg, context.features)
        adam = Optimiser("adam", o.lr)
        halved = Optimiser("adam", o.lr, schedule="step", step_epochs=max(1, o.epochs_gan // 2), step_factor=0.1)
        adversary = Critic(critic, halved, lambda batch, sr: critic_loss(critic, 2 * batch.hr - 1, sr))
        phase = partial(Phase, batch_size=o.batch_size, module=self.module, resample_degradation=o.resample_degradation)
        gan_loss = partial(self._gan_loss, critic, targets)
        return [
            phase("mse", o.epochs_mse, optimiser=adam, loss=self._pixel_loss),
            phase("gan", o.epochs_gan, optimiser=halved, loss=gan_loss, critic=adversary),
        ]

    def _pixel_loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
        sr = self.module(batch.lr)
        return {"L_p": F.mse_loss(sr, 2 * batch.hr - 1)}, sr

    def _gan_loss(
        self, critic: nn.Module, targets: Targets | None, batch: Batch, epoch: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Content plus 1e-3 of -log D(SR); SR faces in [-1, 1] for the critic."""
        sr, hr = self.module(batch.lr), 2 * batch.hr - 1
        if targets is None:
            terms = {"L_p": F.mse_loss(sr, hr)}
        else:
            terms = {"L_f": CONTENT * F.mse_loss(targets.psi(sr), targets(batch))}
        terms["L_U"] = ADVERSARIAL * F.softplus(-critic(sr).float()).mean()
        return terms, sr

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        with evaluating(self.module):
            sr = self.module(check_lr(lr, self.dtype))
        return ((sr + 1) / 2).clamp(0, 1)


def critic_loss(critic: nn.Module, hr: Tensor, sr: Tensor) -> dict[str, Tensor]:
    """-log D(HR) - log(1 - D(SR)); faces in [-1, 1]."""
    return {"L_D": F.softplus(-critic(hr).float()).mean() + F.softplus(critic(sr).float()).mean()}
