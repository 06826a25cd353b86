"""The decoder: from upright features and heatmaps at 64 px to the SR face (the paper, section 3.2 and figure 2)."""

import torch
from torch import Tensor, nn

from methods.layers import DoublingConv2d, Residual


class Decoder(nn.Module):
    """`aligned` (B, 2g, 64, 64) and heatmaps (B, 4, 64, 64), or None, to SR faces (B, 3, 128, 128) about [-1, 1].

    skip: the branch that corrects errors of the heatmaps; without it the network is Ours† of Table 1.
    trunk: width of the first layers as a multiple of g; 3 with the authors' trunk for a network without heatmaps.
    """

    def __init__(self, g: int, heatmaps: int, skip: bool = True, trunk: int = 2):
        super().__init__()
        self.trunk = nn.Sequential(_block(_conv3(2 * g + heatmaps, trunk * g)), _block(DoublingConv2d(trunk * g, g, 3)))
        self.skip = _block(DoublingConv2d(2 * g, 2 * g, 3)) if skip else None
        merge = (3 * g, 2 * g) if skip else (g, g)
        self.merge = nn.Sequential(_conv3(*merge), Residual(merge[1], g), Residual(g, g), nn.ReLU(inplace=True))
        self.image = nn.Sequential(_block(_conv3(g, g // 2)), nn.Conv2d(g // 2, 3, 5, padding=2))

    def forward(self, aligned: Tensor, heatmaps: Tensor | None) -> Tensor:
        x = self.trunk(aligned if heatmaps is None else torch.cat([aligned, heatmaps], 1))
        if self.skip is not None:
            x = torch.cat([self.skip(aligned), x], 1)
        return self.image(self.merge(x))


def _conv3(i: int, o: int) -> nn.Conv2d:
    return nn.Conv2d(i, o, 3, padding=1)


def _block(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, Residual(conv.out_channels, conv.out_channels), nn.ReLU(inplace=True))
