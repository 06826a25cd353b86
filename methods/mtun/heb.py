"""The heatmap estimation branch: stacked hourglasses with intermediate supervision (paper, sections 3.1 and 3.4)."""

from torch import Tensor, nn

from datasets.components import COMPONENTS
from methods.layers import Residual, normed

DEPTH = 4


class Hourglass(nn.Module):
    """One level: a residual at full size plus, at half size, a residual and the next level. Keeps (B, n, S, S)."""

    def __init__(self, n: int, depth: int = DEPTH):
        super().__init__()
        inner = Hourglass(n, depth - 1) if depth > 1 else Residual(n, n)
        self.upper = Residual(n, n)
        self.lower = nn.Sequential(nn.MaxPool2d(2), Residual(n, n), inner, nn.Upsample(scale_factor=2))

    def forward(self, x: Tensor) -> Tensor:
        out = self.upper(x)
        out += self.lower(x)
        return out


class Stack(nn.Module):
    """An hourglass and its heatmaps: (B, n, S, S) to features (B, n, S, S) and heatmaps (B, 4, S, S), linear."""

    def __init__(self, n: int):
        super().__init__()
        self.features = nn.Sequential(Hourglass(n), Residual(n, n), normed(nn.Conv2d(n, n, 1), nn.ReLU(inplace=True)))
        self.heatmaps = nn.Conv2d(n, len(COMPONENTS), 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, self.heatmaps(features)


class HEB(nn.Module):
    """Features (B, C, S, S) to the heatmaps of every stack, each (B, 4, S, S) with a peak of 1; the last is the best.

    n: channels inside, 64 in the paper's network. S is a multiple of 16.
    """

    def __init__(self, channels: int, n: int, stacks: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, n, 3, padding=1), Residual(n, n))
        self.stacks = nn.ModuleList(Stack(n) for _ in range(stacks))
        self.from_features = nn.ModuleList(nn.Conv2d(n, n, 1) for _ in range(stacks - 1))
        self.from_heatmaps = nn.ModuleList(nn.Conv2d(len(COMPONENTS), n, 1) for _ in range(stacks - 1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        inter = self.stem(x)
        features, maps = self.stacks[0](inter)
        heatmaps = [maps]
        for stack, by_features, by_maps in zip(self.stacks[1:], self.from_features, self.from_heatmaps, strict=True):
            inter = inter + by_features(features) + by_maps(maps)
            features, maps = stack(inter)
            heatmaps.append(maps)
        return tuple(heatmaps)
