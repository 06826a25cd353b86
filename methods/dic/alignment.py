"""DIC's alignment branch: a recurrent hourglass that finds 68 landmarks in each step's SR face."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.components import POINTS
from methods.layers import constant

MEAN = (0.509, 0.424, 0.378)  # RGB that the authors' code subtracts
DEPTH = 4


def centred(image: Tensor) -> Tensor:
    """Subtract the mean colour from images (B, 3, H, W) in [0, 1]."""
    return image - constant(MEAN, image.device)[:, None, None]


class Residual(nn.Module):
    """Bottleneck: conv1 to o/2, ReLU, conv3, conv1 to o, plus the input (through conv1 where i != o)."""

    def __init__(self, i: int, o: int):
        super().__init__()
        half = o // 2
        self.body = nn.Sequential(
            nn.Conv2d(i, half, 1), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1), nn.Conv2d(half, o, 1)
        )
        self.skip: nn.Module = nn.Identity() if i == o else nn.Conv2d(i, o, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.body(x)


class Hourglass(nn.Module):
    """One level: a residual at full size plus residuals and the next level at half size. Keeps (B, n, S, S)."""

    def __init__(self, n: int, depth: int = DEPTH):
        super().__init__()
        inner = Hourglass(n, depth - 1) if depth > 1 else Residual(n, n)
        self.upper = Residual(n, n)
        self.lower = nn.Sequential(nn.MaxPool2d(2), Residual(n, n), inner, Residual(n, n))

    def forward(self, x: Tensor) -> Tensor:
        lower = F.interpolate(self.lower(x), scale_factor=2, mode="bilinear", align_corners=True)
        return self.upper(x) + lower


class Alignment(nn.Module):
    """SR face (B, 3, 128, 128) and the step before's state to landmark maps (B, 68, 32, 32) and the next state.

    n: channels of the state, a multiple of 4; 256 in the authors' code (FeedbackHourGlass). The hourglass has 2n: its
    first half becomes the maps, its second half the state.
    """

    def __init__(self, n: int):
        super().__init__()
        self.n = n
        self.stem = nn.Sequential(
            nn.Conv2d(3, n // 4, 7, stride=2, padding=3), nn.ReLU(), Residual(n // 4, n // 2), nn.MaxPool2d(2),
            Residual(n // 2, n // 2), Residual(n // 2, n),
        )  # fmt: skip
        self.compress = nn.Conv2d(2 * n, 2 * n, 1)
        self.hourglass = Hourglass(2 * n)
        self.head = nn.Sequential(Residual(n, n), nn.Conv2d(n, n, 1), nn.ReLU(), nn.Conv2d(n, POINTS, 1))

    def forward(self, image: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Maps of an SR face in about [0, 1]; without a state, at the first step, from its features twice."""
        features = self.stem(centred(image))
        both = self.compress(torch.cat([features, features if state is None else state], 1))
        maps, state = self.hourglass(both).split(self.n, 1)
        return self.head(maps), state
