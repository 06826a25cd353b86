"""DIC's recovery branch: feedback blocks and the attentive fusion with groups of landmark maps."""

import torch
from torch import Tensor, nn

from methods.dic.landmarks import GROUPS

N_GROUPS = len(GROUPS[68])
SLOPE = 0.2  # of every leaky ReLU, and of every PReLU at the start


def conv(i: int, o: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution and a PReLU of one slope."""
    return nn.Sequential(nn.Conv2d(i, o, kernel, stride, padding), nn.PReLU(init=SLOPE))


def deconv(i: int, o: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    """A transposed convolution and a PReLU of one slope."""
    return nn.Sequential(nn.ConvTranspose2d(i, o, kernel, stride, padding), nn.PReLU(init=SLOPE))


class GroupedResidual(nn.Module):
    """Two 3 x 3 convolutions with a leaky ReLU between, plus the input; each group of channels by itself."""

    def __init__(self, n: int):
        super().__init__()
        first, second = (nn.Conv2d(n, n, 3, padding=1, groups=N_GROUPS) for _ in range(2))
        self.body = nn.Sequential(first, nn.LeakyReLU(SLOPE), second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Fusion(nn.Module):
    """Attentive fusion: features of each group, averaged by the softmax over the groups' maps at each pixel.

    Maps of zeros weigh all groups alike.
    """

    def __init__(self, f: int, blocks: int):
        super().__init__()
        wide = f * N_GROUPS
        self.split = nn.Sequential(nn.Conv2d(f, wide, 1), nn.LeakyReLU(SLOPE))
        self.blocks = nn.Sequential(*[GroupedResidual(wide) for _ in range(blocks)])

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """Fuse features (B, f, S, S) by the groups' maps (B, 5, S, S), any values: (B, f, S, S)."""
        parts = self.blocks(self.split(x)).unflatten(1, (N_GROUPS, -1))
        return (parts * maps.softmax(1)[:, :, None]).sum(1)


class Feedback(nn.Module):
    """Feedback block of SRFBN (Li et al., CVPR 2019): densely connected up- and down-projections, x8 and back.

    inputs: channels of the input, compressed to f first. groups: pairs of projections. fusion_blocks: residual blocks
    of the attentive fusion that follows the compression; None: no fusion.
    """

    def __init__(self, inputs: int, f: int, groups: int, fusion_blocks: int | None = None):
        super().__init__()
        self.compress = conv(inputs, f, 1)
        self.fusion = None if fusion_blocks is None else Fusion(f, fusion_blocks)
        self.up = nn.ModuleList(deconv(f, f, 12, stride=8, padding=2) for _ in range(groups))
        self.down = nn.ModuleList(conv(f, f, 12, stride=8, padding=2) for _ in range(groups))
        self.before_up = nn.ModuleList(conv(f * k, f, 1) for k in range(2, groups + 1))
        self.before_down = nn.ModuleList(conv(f * k, f, 1) for k in range(2, groups + 1))
        self.out = conv(f * groups, f, 1)

    def forward(self, x: Tensor, maps: Tensor | None = None) -> Tensor:
        """Features (B, inputs, S, S), and maps (B, 5, S, S) where there is a fusion, to (B, f, S, S)."""
        x = self.compress(x)
        if self.fusion is not None:
            assert maps is not None
            x = self.fusion(x, maps)
        small, large = [x], list[Tensor]()
        for k, (up, down) in enumerate(zip(self.up, self.down, strict=True)):
            large.append(up(self.before_up[k - 1](torch.cat(small, 1)) if k else x))
            small.append(down(self.before_down[k - 1](torch.cat(large, 1)) if k else large[0]))
        return self.out(torch.cat(small[1:], 1))


class Recovery(nn.Module):
    """The recovery branch: features of the LR face, a feedback block for the first step and one for all others.

    f: channels, 48 in the authors' code.
    """

    def __init__(self, f: int, groups: int, fusion_blocks: int):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 4 * f, 3, padding=1), nn.PixelShuffle(2))
        self.first = Feedback(f, f, groups)
        self.block = Feedback(2 * f, f, groups, fusion_blocks)
        self.residual = nn.Sequential(deconv(f, f, 8, stride=4, padding=2), nn.Conv2d(f, 3, 3, padding=1))
