"""PSNR, SSIM and perceptual distance of 8-bit images: pure functions, one definition each.

Conventions (the paper states none): PSNR and SSIM in float64, of RGB; no border cropped from PSNR; SSIM of Wang et al.
2004 (11 x 11 Gaussian of sigma 1.5, population covariance, windows inside the image only), mean over the three
channels; Y is BT.601's luma in [16, 235], as in MATLAB's rgb2ycbcr, rounded to 8 bits. Perceptual distance in the form
of LPIPS.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import nn

from methods.vgg import LAST, POOLED, VGGFeatures

COLUMNS = ("psnr", "ssim", "psnr_y", "ssim_y")
DECIMALS = {"psnr": 3, "ssim": 4, "psnr_y": 3, "ssim_y": 4}  # of what is stored: other machines' last bits do not show
DATA_RANGE = 255.0
SIGMA, RADIUS = 1.5, 5
K1, K2 = 0.01, 0.03
VGG_TAPS = (*POOLED, LAST)  # the last convolution before each pooling, and ReLU3_2, where the weights end
VGG_BATCH = 10
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """PSNR in dB of two uint8 images of one shape, over all pixels and channels; infinity where they are equal."""
    error = np.mean((image.astype(np.float64) - reference) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(DATA_RANGE**2 / error))


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """SSIM in [-1, 1] of two uint8 images (H, W) or (H, W, C), mean over pixels and channels."""
    x, y = (np.atleast_3d(a).astype(np.float64) for a in (image, reference))
    mx, my, xx, yy, xy = np.split(_blur(np.concatenate([x, y, x * x, y * y, x * y], axis=2)), 5, axis=2)
    c1, c2 = (K1 * DATA_RANGE) ** 2, (K2 * DATA_RANGE) ** 2
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    values = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(values.mean())


def _blur(images: np.ndarray) -> np.ndarray:
    """Gaussian window means of (H, W, K) float64 where the window lies inside the image."""
    kernel = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    kernel /= kernel.sum()
    return cv2.sepFilter2D(images, cv2.CV_64F, kernel, kernel)[RADIUS:-RADIUS, RADIUS:-RADIUS]


def luma(image: np.ndarray) -> np.ndarray:
    """Y channel (H, W) uint8 of an RGB image (H, W, 3) uint8: 16 + 65.481 R + 128.553 G + 24.966 B, RGB in [0, 1]."""
    return (16 + image @ _LUMA).round().astype(np.uint8)


@torch.inference_mode()
def vgg_distances(images: np.ndarray, references: np.ndarray, vgg: VGGFeatures) -> np.ndarray:
    """Distance of each pair of faces (n, H, W, 3) uint8 RGB, (n,) float64: 0 where equal.

    Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric (2018), equation 1: features
    of ReLU1_2, 2_2 and 3_2 to unit length over channels, squared differences, mean over places, sum over layers. Their
    w_l are 1 here, and their network is VGG-16, so that the values are not those of the package lpips.
    """
    found = []
    for start in range(0, len(images), VGG_BATCH):
        parts = [torch.from_numpy(faces[start : start + VGG_BATCH]) for faces in (images, references)]
        layers = zip(*(vgg.activations(part.permute(0, 3, 1, 2) / 255, VGG_TAPS) for part in parts), strict=True)
        unit = [[nn.functional.normalize(of_face, dim=1, eps=1e-10) for of_face in layer] for layer in layers]
        found.append(torch.as_tensor(sum((a - b).square().sum(1).mean((1, 2)) for a, b in unit)))
    return torch.cat(found).double().numpy()
