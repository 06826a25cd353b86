"""TDAE as a method: its options, its three training phases and their losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batch import Batch
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, check_lr
from methods.layers import Discriminator, evaluating
from methods.options import above, at_least
from methods.tdae.model import Decoder, Networks, compose
from methods.trained import Optimiser, Phase, TrainedMethod


@dataclass(frozen=True)
class Options:
    """Sizes and training of TDAE; the defaults are the authors' where their code gives them.

    width scales every layer but the discriminator's, critic_width is that one's (32 is the authors'). noise: standard
    deviation of the Gaussian noise on a training LR face, in units of its range [0, 1]. adversarial: weight beside the
    pixel loss, times 0.99 each epoch, never below half of itself; 0 leaves the discriminator out. yaw_threshold
    (degrees): with frontal_only, all training sees the faces below it alone; with retrain_decoder as well, the second
    decoder sees the whole training set. optimiser: "rmsprop" with lr x 0.99 each epoch, or "adam" with a cosine.
    """

    width: float = above(0, 1.0)
    critic_width: int = at_least(1, 32)
    noise: float = at_least(0, 0.1)
    adversarial: float = at_least(0, 0.01)
    frontal_only: bool = True
    yaw_threshold: float = above(0, 20.0)
    retrain_decoder: bool = False
    epochs_decoder: int = at_least(1, 63)
    epochs_encoder: int = at_least(1, 76)
    epochs_second_decoder: int = at_least(1, 151)
    batch_size: int = at_least(1, 64)
    optimiser: Literal["rmsprop", "adam"] = "rmsprop"
    lr: float = above(0, 1e-3)


Loss = Callable[[Batch, int, Discriminator | None], tuple[dict[str, Tensor], Tensor | None]]


def near_frontal(pairs: Pairs, threshold: float) -> np.ndarray:
    """Which faces are turned less than `threshold` degrees to either side: (N,) bool; BadInput where none is."""
    mask = (pairs.faces["yaw"].abs() < threshold).to_numpy()
    if not mask.any():
        raise BadInput(f"tdae yaw_threshold: {threshold}: no training face is nearer to frontal; raise it")
    return mask


def bce(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, float(real), dtype=torch.float32))


class TDAE(TrainedMethod):
    """Transformative discriminative autoencoders: decode and turn upright, encode to a clean LR face, decode again."""

    wants = "unaligned"
    Options = Options

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        self.module: Networks = Networks(self.options.width)

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
        critic = None
        if o.adversarial and isinstance(part, Decoder):
            critic = Discriminator(o.critic_width).to(self.device)
        return Phase(
            name=name,
            epochs=epochs,
            batch_size=o.batch_size,
            module=part,
            optimiser=optimiser,
            loss=lambda batch, epoch: loss(batch, epoch, critic),
            critic=critic,
            critic_optimiser=optimiser if critic else None,
            critic_loss=(lambda batch, sr: self._loss_critic(critic, batch, sr)) if critic else None,
            faces=(lambda pairs: near_frontal(pairs, o.yaw_threshold)) if o.frontal_only and not everyone else None,
        )

    def _noisy(self, batch: Batch) -> Tensor:
        """The unaligned LR faces with noise, clipped as 8-bit images would be, in [-1, 1]."""
        noisy = batch.lr + self.options.noise * torch.randn_like(batch.lr)
        return 2 * noisy.clamp(0, 1) - 1

    def _loss_decoder(self, batch: Batch, epoch: int, critic: Discriminator | None) -> tuple[dict[str, Tensor], Tensor]:
        sr, _ = self.module.decoder(self._noisy(batch))
        return self._terms(sr, batch, epoch, critic), sr

    def _loss_encoder(self, batch: Batch, epoch: int, critic: Discriminator | None) -> tuple[dict[str, Tensor], None]:
        with evaluating(self.module.decoder):
            hr, _ = self.module.first(self._noisy(batch))
        lr, _ = self.module.encoder(hr)
        return {"L_lr": F.mse_loss(lr, 2 * batch.upright_lr() - 1)}, None

    def _loss_second(self, batch: Batch, epoch: int, critic: Discriminator | None) -> tuple[dict[str, Tensor], Tensor]:
        with evaluating(self.module.decoder), evaluating(self.module.encoder):
            lr, _ = self.module.upright(self._noisy(batch))
        sr, _ = self.module.second_decoder(lr)
        return self._terms(sr, batch, epoch, critic), sr

    def _terms(self, sr: Tensor, batch: Batch, epoch: int, critic: Discriminator | None) -> dict[str, Tensor]:
        terms = {"L_p": F.mse_loss(sr, 2 * batch.hr - 1)}
        if critic is not None:
            weight = self.options.adversarial * max(0.99**epoch, 0.5)
            terms["L_U"] = weight * bce(critic(sr), real=True)
        return terms

    def _loss_critic(self, critic: Discriminator, batch: Batch, sr: Tensor) -> dict[str, Tensor]:
        return {"D_real": bce(critic(2 * batch.hr - 1), real=True) / 2, "D_fake": bce(critic(sr), real=False) / 2}

    def upscale(self, lr: Tensor) -> Tensor:
        return self.upscale_and_inspect(lr)[0]

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        """ "warp_stn" of the first decoder's two STNs together, "warp_encoder" of all four."""
        return self.upscale_and_inspect(lr)[1]

    def upscale_and_inspect(self, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with evaluating(self.module):
            sr, warps = self.module(2 * check_lr(lr, self.dtype) - 1)
        return (sr + 1) / 2, {"warp_stn": compose(*warps[:2]), "warp_encoder": compose(*warps)}
