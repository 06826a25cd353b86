"""TDAE as a method: its options, its three training phases and their losses."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import Discriminator, cross_entropy, evaluating
from methods.tdae.model import Decoder, Networks, compose
from methods.trained import Critic, Optimiser, Phase, TrainedMethod


class Options(options.Options):
    """Options of TDAE; the defaults are the authors' where their code gives them."""

    width: float = Field(1.0, gt=0, description="scales the channels of every layer but the discriminator's")
    critic_width: int = Field(32, ge=1, description="channels of the discriminator's first layer")
    noise: float = Field(0.1, ge=0, description="standard deviation of the noise on training LR faces in [0, 1]")
    adversarial: float = Field(0.01, ge=0, description="weight of L_U, x 0.99 an epoch down to half; 0 for none")
    frontal_only: bool = Field(True, description="train only on faces below yaw_threshold")
    yaw_threshold: float = Field(20.0, gt=0, description="degrees")
    retrain_decoder: bool = Field(False, description="train the second decoder on all faces all the same")
    epochs_decoder: int = Field(63, ge=1)
    epochs_encoder: int = Field(76, ge=1)
    epochs_second_decoder: int = Field(151, ge=1)
    batch_size: int = Field(64, ge=1)
    optimiser: Literal["rmsprop", "adam"] = Field("rmsprop", description="rmsprop, lr x 0.99 an epoch; adam, cosine")
    lr: float = Field(1e-3, gt=0, description="learning rate")


Loss = Callable[[Batch, int, nn.Module | None], tuple[dict[str, Tensor], Tensor | None]]


class TDAE(TrainedMethod):
    """Transformative discriminative autoencoders: decode and align, encode to a clean LR face, decode again."""

    wants = "unaligned"
    Options = Options
    module: Networks

    def network(self) -> Networks:
        return Networks(self.options.width)

    def phases(self, context: Context) -> list[Phase]:
        """The first decoder, the encoder on its output, the second decoder on the encoder's; earlier parts stay."""
        o = self.options
        return [
            self._phase("decoder", o.epochs_decoder, self._loss_decoder),
            self._phase("encoder", o.epochs_encoder, self._loss_encoder),
            self._phase("second_decoder", o.epochs_second_decoder, self._loss_second, everyone=o.retrain_decoder),
        ]

    def _phase(self, name: str, epochs: int, loss: Loss, everyone: bool = False) -> Phase:
        o = self.options
        rmsprop = Optimiser("rmsprop", o.lr, decay=0.99, floor=1e-6, warmup=((50, 0.02), (50, 0.2)))
        optimiser = rmsprop if o.optimiser == "rmsprop" else Optimiser("adam", o.lr, schedule="cosine")
        part = getattr(self.module, name)
        critic, adversary, frontal_only = None, None, o.frontal_only and not everyone
        if o.adversarial and isinstance(part, Decoder):
            critic = Discriminator(o.critic_width).to(self.device)
            adversary = Critic(critic, optimiser, lambda batch, sr: self._loss_critic(critic, batch, sr))
        return Phase(
            name=name,
            epochs=epochs,
            batch_size=o.batch_size,
            module=part,
            optimiser=optimiser,
            loss=lambda batch, epoch: loss(batch, epoch, critic),
            critic=adversary,
            faces=(lambda pairs: (pairs.faces["yaw"].abs() < o.yaw_threshold).to_numpy()) if frontal_only else None,
        )

    def _noisy(self, batch: Batch) -> Tensor:
        """The unaligned LR faces with noise, clipped as 8-bit images would be, in [-1, 1]."""
        noisy = batch.lr + self.options.noise * torch.randn_like(batch.lr)
        return 2 * noisy.clamp(0, 1) - 1

    def _loss_decoder(self, batch: Batch, epoch: int, critic: nn.Module | None) -> tuple[dict[str, Tensor], Tensor]:
        sr, _ = self.module.decoder(self._noisy(batch))
        return self._terms(sr, batch, epoch, critic), sr

    def _loss_encoder(self, batch: Batch, epoch: int, critic: nn.Module | None) -> tuple[dict[str, Tensor], None]:
        with evaluating(self.module.decoder):
            hr, _ = self.module.first(self._noisy(batch))
        lr, _ = self.module.encoder(hr)
        return {"L_lr": F.mse_loss(lr, 2 * batch.upright_lr() - 1)}, None

    def _loss_second(self, batch: Batch, epoch: int, critic: nn.Module | None) -> tuple[dict[str, Tensor], Tensor]:
        with evaluating(self.module.decoder), evaluating(self.module.encoder):
            lr, _ = self.module.upright(self._noisy(batch))
        sr, _ = self.module.second_decoder(lr)
        return self._terms(sr, batch, epoch, critic), sr

    def _terms(self, sr: Tensor, batch: Batch, epoch: int, critic: nn.Module | None) -> dict[str, Tensor]:
        terms = {"L_p": F.mse_loss(sr, 2 * batch.hr - 1)}
        if critic is not None:
            weight = self.options.adversarial * max(0.99**epoch, 0.5)
            terms["L_U"] = weight * cross_entropy(critic(sr), real=True)
        return terms

    def _loss_critic(self, critic: nn.Module, batch: Batch, sr: Tensor) -> dict[str, Tensor]:
        real, fake = cross_entropy(critic(2 * batch.hr - 1), real=True), cross_entropy(critic(sr), real=False)
        return {"D_real": real / 2, "D_fake": fake / 2}

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return "warp_stn", the first decoder's two STNs as one warp, and "warp_encoder", all four as one."""
        with evaluating(self.module):
            sr, warps = self.module(2 * check_lr(lr, self.dtype) - 1)
        return (sr + 1) / 2, {"warp_stn": compose(*warps[:2]), "warp_encoder": compose(*warps)}
