"""Perceptual distance in the form of LPIPS, on the VGG-19 at hand and without learned weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from methods.vgg import LAST, POOLED, VGGFeatures

TAPS = (*POOLED, LAST)  # the last convolution before each pooling, and ReLU3_2, where the weights end
BATCH = 10


@torch.inference_mode()
def vgg_distances(images: np.ndarray, references: np.ndarray, vgg: VGGFeatures) -> np.ndarray:
    """Distance of each pair of faces (n, H, W, 3) uint8 RGB, (n,) float64: 0 where equal.

    Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric (2018), equation 1: features
    of ReLU1_2, 2_2 and 3_2 to unit length over channels, squared differences, mean over places, sum over layers. Their
    w_l are 1 here, and their network is VGG-16, so that the values are not those of the package lpips.
    """
    found = []
    for start in range(0, len(images), BATCH):
        parts = [torch.from_numpy(faces[start : start + BATCH]) for faces in (images, references)]
        layers = zip(*(vgg.activations(part.permute(0, 3, 1, 2) / 255, TAPS) for part in parts), strict=True)
        unit = [[nn.functional.normalize(of_face, dim=1, eps=1e-10) for of_face in layer] for layer in layers]
        found.append(torch.as_tensor(sum((a - b).square().sum(1).mean((1, 2)) for a, b in unit)))
    return torch.cat(found).double().numpy()
