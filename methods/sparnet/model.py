"""SPARNet's network (Chen et al., TIP 2020): face attention units in an encoder, a body and a decoder.

Layers and channels are those of the authors' released model, which is 7% larger than the paper's.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from datasets.degrade import HR, resize
from methods.layers import DoublingConv2d, scaled

Scale = Literal["same", "down", "up"]
Attention = Literal["2d", "3d"]

BOTTLENECK = 4  # px: the smallest features of every hourglass
SLOPE = 0.2  # of the leaky ReLUs
STD = 0.02  # of the initial weights


class EnlargingConv2d(DoublingConv2d):
    """3 x 3 convolution of the nearest x2 enlargement with mirrored border: (B, i, S, S) to (B, o, 2S, 2S).

    The enlargement's two outermost pixels are equal, so to mirror it is to replicate the border of the small image.
    """

    def __init__(self, i: int, o: int, bias: bool):
        super().__init__(i, o, 3)
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="replicate"))[..., 2:-2, 2:-2]


def convolution(i: int, o: int, scale: Scale = "same", bias: bool = True) -> nn.Conv2d:
    """Return a 3 x 3 convolution with mirrored border that keeps, halves or doubles the size of its input."""
    if scale == "up":
        return EnlargingConv2d(i, o, bias)
    return nn.Conv2d(i, o, 3, stride=2 if scale == "down" else 1, padding=1, padding_mode="reflect", bias=bias)


def normed(i: int, o: int, scale: Scale = "same") -> nn.Sequential:
    """Return a convolution without bias, its batch normalisation and a leaky ReLU."""
    return nn.Sequential(convolution(i, o, scale, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(SLOPE, inplace=True))


class Hourglass(nn.Module):
    """Multi-scale features of the attention branch: (B, i, S, S) to (B, o, S, S), through S / 2**levels pixels."""

    def __init__(self, levels: int, i: int, o: int):
        super().__init__()
        self.skip = normed(i, o)
        self.down = normed(i, o, "down")
        self.inner: nn.Module = Hourglass(levels - 1, o, o) if levels > 1 else normed(o, o)
        self.up = normed(o, o, "up")

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.up(self.inner(self.down(x)))


class FaceAttentionUnit(nn.Module):
    """The paper's FAU: a residual unit whose features are multiplied by an attention map in (0, 1).

    Args of the constructor:
        i, o: channels of input and output.
        size: side of the output in pixels, a power of two above BOTTLENECK.
        middle: channels of the hourglass.
        scale: whether the output has the input's size, half of it or twice it.
        attention: "2d", one map for all channels as in the paper, or "3d", a map for each.
    """

    def __init__(self, i: int, o: int, size: int, middle: int, scale: Scale = "same", attention: Attention = "2d"):
        super().__init__()
        first: Scale = "up" if scale == "up" else "same"
        second: Scale = "down" if scale == "down" else "same"
        self.shortcut = nn.Identity() if scale == "same" and i == o else convolution(i, o, scale)
        self.features = nn.Sequential(
            nn.BatchNorm2d(i),
            nn.LeakyReLU(SLOPE, inplace=True),
            normed(i, o, first),
            convolution(o, o, second, bias=False),
            nn.BatchNorm2d(o),
        )
        levels = (size // BOTTLENECK).bit_length() - 1
        maps = 1 if attention == "2d" else o
        self.attention = nn.Sequential(Hourglass(levels, o, middle), convolution(middle, maps), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return self.shortcut(x) + self.attention(features) * features


def initialise(module: nn.Module) -> None:
    """Draw weights as the authors do: N(0, 0.02) for convolutions, N(1, 0.02) for scales of batch normalisations."""
    if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 0.0 if isinstance(module, nn.Conv2d) else 1.0, STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class SPARNetwork(nn.Module):
    """LR faces (B, 3, 16, 16) in [0, 1] to SR faces (B, 3, 128, 128) in [-1, 1], not clamped.

    Three units halve the bicubically enlarged face to 16 px, `depth` units work there, three double it back. The
    defaults have 10,518,867 parameters, the 10.52 M of the released model; depth 1 with attention "3d" has 5,242,211,
    the 5.24 M of the authors' light model.
    """

    def __init__(self, width: float = 1.0, depth: int = 10, attention: Attention = "2d"):
        super().__init__()
        w32, w64, w128 = scaled(width, 32, 64, 128)

        def unit(i: int, o: int, size: int, scale: Scale = "same") -> FaceAttentionUnit:
            return FaceAttentionUnit(i, o, size, w64, scale, attention)

        self.encoder = nn.Sequential(
            convolution(3, w32),
            unit(w32, w64, 64, "down"),
            unit(w64, w128, 32, "down"),
            unit(w128, w128, 16, "down"),
        )
        self.body = nn.Sequential(*(unit(w128, w128, 16) for _ in range(depth)))
        self.decoder = nn.Sequential(
            unit(w128, w128, 32, "up"),
            unit(w128, w64, 64, "up"),
            unit(w64, w32, 128, "up"),
            convolution(w32, 3),
        )
        self.apply(initialise)

    def forward(self, lr: Tensor) -> Tensor:
        enlarged = resize(lr, HR).clamp(0, 1)
        return self.decoder(self.body(self.encoder(2 * enlarged - 1)))
