"""Perceptual distance in the form of LPIPS, on the VGG-19 at hand and without learned weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from methods.vgg import LAST, POOLED, VGGFeatures

TAPS = (*POOLED, LAST)  # the last convolution before each pooling, and ReLU3_2, where the weights end
BATCH = 10


def vgg_distances(images: np.ndarray, references: np.ndarray, vgg: VGGFeatures) -> np.ndarray:
    """Distance of each pair of faces (n, H, W, 3) uint8 RGB, (n,) float64: 0 where equal.

    Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric (2018), equation 1: features
    of ReLU1_2, 2_2 and 3_2 to unit length over channels, squared differences, mean over places, sum over layers. Their
    w_l are 1 here, and their network is VGG-16, so that the values are not those of the package lpips.
    """
    found = [
        sum((a - b).square().sum(1).mean((1, 2)) for a, b in zip(*(_features(part, vgg) for part in pair), strict=True))
        for pair in zip(_batches(images), _batches(references), strict=True)
    ]
    return torch.cat([torch.as_tensor(part) for part in found]).double().numpy()


def _batches(images: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(images[i : i + BATCH]).permute(0, 3, 1, 2) / 255 for i in range(0, len(images), BATCH)]


@torch.inference_mode()
def _features(images: Tensor, vgg: VGGFeatures) -> list[Tensor]:
    """Unit features at TAPS of images (B, 3, H, W) in [0, 1]."""
    return [nn.functional.normalize(found, dim=1, eps=1e-10) for found in vgg.activations(images, TAPS)]
