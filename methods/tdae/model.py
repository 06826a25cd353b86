"""TDAE's three networks (Yu and Porikli, CVPR 2017; layers from the authors' public code). Images are in [-1, 1]."""

from functools import reduce

import torch
from torch import Tensor, nn

from methods.layers import AT_16, AT_32, AUTHORS_64, STN, DoublingConv2d, locnet, normed, scaled


def block(i: int, o: int, kernel: int, doubles: bool = False) -> nn.Sequential:
    """Convolution that keeps the size, or `doubles` it by nearest neighbours first; BN, ReLU."""
    conv = DoublingConv2d(i, o, kernel) if doubles else nn.Conv2d(i, o, kernel, padding=kernel // 2)
    return normed(conv, nn.ReLU(inplace=True))


def compose(*warps: Tensor) -> Tensor:
    """One warp (B, 4) for several that act one after another: the input resampled by the first, then the second, ...

    The second samples the first's output, so a point goes through the second warp first: p -> W1(W2(p)).
    """

    def two(first: Tensor, second: Tensor) -> Tensor:
        (rotation1, scale1, tx1, ty1), (rotation2, scale2, tx2, ty2) = first.unbind(1), second.unbind(1)
        cos, sin = scale1 * torch.cos(rotation1), scale1 * torch.sin(rotation1)
        tx, ty = cos * tx2 - sin * ty2 + tx1, sin * tx2 + cos * ty2 + ty1
        return torch.stack([rotation1 + rotation2, scale1 * scale2, tx, ty], 1)

    return reduce(two, warps)


class Decoder(nn.Module):
    """LR faces (B, 3, 16, 16) to HR faces (B, 3, 128, 128).

    aligns: the first decoder, which takes unaligned noisy faces and aligns them by two STNs, at 32 and 64 px.
    Without it the second decoder, which lacks the STNs and the first two convolutions. width scales every layer.
    """

    def __init__(self, aligns: bool, width: float = 1.0):
        super().__init__()
        w64, w128, w256, w512 = scaled(width, 64, 128, 256, 512)
        stem = [nn.Conv2d(3, w64, 5, padding=2), nn.ReLU(), nn.Conv2d(w64, w128, 3, padding=1), nn.ReLU()]
        self.stem = nn.Sequential(*stem) if aligns else nn.Identity()
        self.lift = block(w128 if aligns else 3, w512, 3)
        # An STN between enlargement and convolution needs the enlargement as a layer of its own.
        self.to_64, self.to_128 = block(w512, w256, 3, not aligns), block(w256, w128, 5, not aligns)
        self.head = nn.Sequential(block(w128, w64, 5, doubles=True), nn.Conv2d(w64, 3, 5, padding=2))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.stns = nn.ModuleList()
        if aligns:
            self.stns.extend([STN(locnet(w512, 32, AT_32)), STN(locnet(w256, 64, AUTHORS_64))])

    def forward(self, lr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The HR faces, not clamped, and the STNs' warps (B, 4) in the order in which they act."""
        warps = []
        x = self.lift(self.stem(lr))
        for i, layer in enumerate((self.to_64, self.to_128)):
            if self.stns:
                x, warp = self.stns[i](self.upsample(x))
                warps.append(warp)
            x = layer(x)
        return self.head(x), warps


class Encoder(nn.Module):
    """HR faces (B, 3, 128, 128), as the first decoder makes them, to aligned LR faces (B, 3, 16, 16), by two STNs."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        w32, w64, w128, w256 = scaled(width, 32, 64, 128, 256)
        self.to_32 = nn.Sequential(block(3, w32, 5), nn.MaxPool2d(2), block(w32, w64, 5), nn.MaxPool2d(2))
        self.at_32, self.stn_32 = block(w64, w128, 3), STN(locnet(w128, 32, AT_32))
        self.pool = nn.MaxPool2d(2)
        self.at_16, self.stn_16 = block(w128, w256, 3), STN(locnet(w256, 16, AT_16))
        self.head = nn.Conv2d(w256, 3, 3, padding=1)

    def forward(self, hr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The LR faces, not clamped, and the STNs' warps (B, 4) in the order in which they act."""
        x, warp_32 = self.stn_32(self.at_32(self.to_32(hr)))
        x, warp_16 = self.stn_16(self.at_16(self.pool(x)))
        return self.head(x), [warp_32, warp_16]


class Networks(nn.Module):
    """Decoder, encoder, decoder in a row: unaligned LR faces to SR faces."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        self.decoder = Decoder(aligns=True, width=width)
        self.encoder = Encoder(width)
        self.second_decoder = Decoder(aligns=False, width=width)

    def first(self, lr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The first decoder's HR faces, clamped to [-1, 1], and its warps."""
        hr, warps = self.decoder(lr)
        return hr.clamp(-1, 1), warps

    def upright(self, lr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The encoder's aligned LR faces, clamped to [-1, 1], and the four warps so far."""
        hr, warps = self.first(lr)
        lr, more = self.encoder(hr)
        return lr.clamp(-1, 1), warps + more

    def forward(self, lr: Tensor) -> tuple[Tensor, list[Tensor]]:
        """SR faces (B, 3, 128, 128) in [-1, 1] of LR faces (B, 3, 16, 16) in [-1, 1], and the four warps."""
        upright, warps = self.upright(lr)
        return self.second_decoder(upright)[0].clamp(-1, 1), warps
