"""VDSR's network (Kim et al., CVPR 2016): the residual between a bicubic image and the sharp one."""

from torch import Tensor, nn


class VDSRNet(nn.Module):
    """`depth` conv3 layers of `width` with ReLUs between: image (B, channels, H, W) to its residual, the same shape.

    20 layers of 64 on one channel: 664,704 weights; like the common count of 665 K, without biases.
    """

    def __init__(self, channels: int = 1, width: int = 64, depth: int = 20):
        super().__init__()
        layers: list[nn.Module] = []
        for i, o in zip([channels] + [width] * (depth - 1), [width] * (depth - 1) + [channels], strict=True):
            conv = nn.Conv2d(i, o, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            layers += [conv, nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image)
