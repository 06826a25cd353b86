"""SRGAN's two networks (Ledig et al., CVPR 2017, figure 4): the generator SRResNet and its discriminator."""

import math
from itertools import pairwise

from torch import Tensor, nn

from methods.layers import freeze_bias


class ResidualBlock(nn.Module):
    """conv3 BN PReLU conv3 BN, plus the input."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            freeze_bias(nn.Conv2d(width, width, 3, padding=1)),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            freeze_bias(nn.Conv2d(width, width, 3, padding=1)),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class SRResNet(nn.Module):
    """LR (B, 3, H, W) in [0, 1] to SR (B, 3, scale * H, scale * W) in [-1, 1], not clamped; scale is a power of two.

    16 blocks of 64 have 1.55 M parameters at x4 (the original's 1.5 M), 1.70 M at x8.
    """

    def __init__(self, width: int = 64, blocks: int = 16, scale: int = 8):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        trunk: list[nn.Module] = [ResidualBlock(width) for _ in range(blocks)]
        trunk += [freeze_bias(nn.Conv2d(width, width, 3, padding=1)), nn.BatchNorm2d(width)]
        self.trunk = nn.Sequential(*trunk)
        tail: list[nn.Module] = []
        for _ in range(int(math.log2(scale))):
            tail += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        self.tail = nn.Sequential(*tail, nn.Conv2d(width, 3, 9, padding=4))

    def forward(self, lr: Tensor) -> Tensor:
        features = self.head(lr)
        return self.tail(features + self.trunk(features))


class SRGANDiscriminator(nn.Module):
    """Images (B, 3, size, size) in [-1, 1] to logits (B,), positive for real.

    Eight conv3 layers, `width` to 8 * width channels, every second one with stride 2, LeakyReLU 0.2, BN on all but the
    first; then dense 16 * width and dense 1. The original's 64 are made for 96 px crops, here for the whole face.
    """

    def __init__(self, width: int = 64, size: int = 128):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2)]
        channels = [width * 2 ** (n // 2) for n in range(8)]
        for n, (i, o) in enumerate(pairwise(channels)):
            conv = nn.Conv2d(i, o, 3, stride=2 - n % 2, padding=1)
            layers += [freeze_bias(conv), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
        inputs = channels[-1] * (size // 16) ** 2
        head = [nn.Flatten(), nn.Linear(inputs, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1)]
        self.body = nn.Sequential(*layers, *head)

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image).squeeze(1)
