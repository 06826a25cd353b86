"""The convolutional autoencoder and the deconvolutions: from the LR face to features at 64 px (paper, section 3.2)."""

import torch
from torch import Tensor, nn

from methods.layers import normed


def down(i: int, o: int, kernel: int = 4) -> nn.Sequential:
    """A convolution that halves the size (kernel 4), or takes 2 px to 1 (kernel 2)."""
    stride, padding = (2, 1) if kernel == 4 else (1, 0)
    return normed(nn.Conv2d(i, o, kernel, stride, padding), nn.LeakyReLU(0.2, inplace=True))


class Deconv(nn.ConvTranspose2d):
    """A deconvolution; of a few pixels on a CPU as one matrix product, which is several times as fast there."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        batch, channels, side, _ = x.shape
        if x.is_cuda or side > 4:
            return super().forward(x, output_size)
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        # Channels last in the matrix, as the weights lie in memory: their copy would take longer than the product.
        columns = x.permute(0, 2, 3, 1).reshape(-1, channels) @ self.weight.permute(0, 2, 3, 1).flatten(1)
        columns = columns.view(batch, side * side, kernel * kernel, -1).permute(0, 3, 2, 1).flatten(1, 2)
        size = (side - 1) * stride - 2 * padding + kernel
        out = nn.functional.fold(columns, size, kernel, padding=padding, stride=stride)
        return out if self.bias is None else out + self.bias[:, None, None]


def up(i: int, o: int, kernel: int = 4) -> nn.Sequential:
    """A deconvolution that doubles the size (kernel 4), or takes 1 px to 2 (kernel 2)."""
    stride, padding = (2, 1) if kernel == 4 else (1, 0)
    return normed(Deconv(i, o, kernel, stride, padding), nn.ReLU(inplace=True))


class Autoencoder(nn.Module):
    """LR faces (B, 3, 16, 16) in [-1, 1] to features (B, 8g, 16, 16), through 1 px and with skips."""

    def __init__(self, g: int):
        super().__init__()
        self.e1, self.e2, self.e3 = down(3, g), down(g, 4 * g), down(4 * g, 16 * g)
        self.code = nn.Sequential(down(16 * g, 64 * g, kernel=2), up(64 * g, 32 * g, kernel=2))
        self.d3, self.d2, self.d1 = up(48 * g, 24 * g), up(28 * g, 16 * g), up(17 * g, 8 * g)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.e1(x)
        e2 = self.e2(e1)
        e3 = self.e3(e2)
        d3 = self.d3(torch.cat([self.code(e3), e3], 1))
        d2 = self.d2(torch.cat([d3, e2], 1))
        return self.d1(torch.cat([d2, e1], 1))
