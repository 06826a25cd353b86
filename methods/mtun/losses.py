"""The losses of section 3.3, unweighted, on images in [-1, 1]. L_w, which is not the paper's, stands by the STN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers import Discriminator
from methods.vgg import VGGFeatures


def L_p(sr: Tensor, hr: Tensor) -> Tensor:
    """Pixel-wise loss, equation 1: mean squared error of images (B, 3, 128, 128)."""
    return F.mse_loss(sr, hr)


def L_f(psi: VGGFeatures, sr: Tensor, target: Tensor) -> Tensor:
    """Feature-wise loss, equation 2: mean squared error of scaled VGG-19 features; target: those of the HR faces."""
    return F.mse_loss(psi(sr), target)


def L_U(critic: Discriminator, sr: Tensor) -> Tensor:
    """Discriminative loss of the generator, equation 4 with its sign put right: mean of -log D(sr)."""
    logits = critic(sr).float()
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def L_D(critic: nn.Module, hr: Tensor, sr: Tensor) -> dict[str, Tensor]:
    """Loss of the discriminator, equation 3 negated, in two terms: -log D(hr) and -log(1 - D(sr)), batch means."""
    real, fake = critic(hr).float(), critic(sr).float()
    return {
        "L_D_real": F.binary_cross_entropy_with_logits(real, torch.ones_like(real)),
        "L_D_sr": F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)),
    }


def L_h(heatmaps: Sequence[Tensor], target: Tensor) -> Tensor:
    """Face structure loss, equation 5: mean squared error against (B, 4, S, S), summed over the stacks."""
    return torch.stack([F.mse_loss(maps, target) for maps in heatmaps]).sum()
