"""Blocks that several methods share: the spatial transformer, the pre-activation residual and the discriminator."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from datasets import degrade

# A locnet's layers in order: "MP2" is a max-pooling with stride 2, (k, n) a k x k convolution to n channels and a ReLU.
Layers = Sequence[Literal["MP2"] | tuple[int, int]]
PAPER_64: Layers = ("MP2", (5, 20), "MP2", (5, 20), "MP2")  # the paper, section 3.4: 500 inputs to the FC at 64 px
AUTHORS_64: Layers = ("MP2", (5, 128), "MP2", (5, 20), "MP2", (3, 20))  # the authors' sibling code: 180 inputs
AT_32: Layers = ("MP2", (5, 20), "MP2", (5, 20))  # the paper's locnet where 32 px leave 80 inputs
AT_16: Layers = ((5, 20), "MP2", (5, 20))  # likewise at 16 px
WARP_UNITS = (0.2, 0.05, 0.05, 0.05)  # rotation, scale, tx, ty: so chosen that trials learnt scale and shift early too


def count(module: nn.Module) -> int:
    """Number of parameters of a module, frozen ones included."""
    return sum(p.numel() for p in module.parameters())


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """float32 values on `device`, made once: a CUDA graph can't hold a copy from the processor's memory."""
    return torch.tensor(values, device=device)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Inference for a while: evaluation mode without gradients; the module's mode comes back afterwards."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


def freeze_bias(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """Fix at zero the bias of a convolution that a batch normalisation follows, which subtracts it again.

    It stays a parameter, so that counts equal the authors' network; training saves its gradient, a pass over memory.
    """
    assert conv.bias is not None
    nn.init.zeros_(conv.bias).requires_grad_(False)
    return conv


def scaled(width: float, *channels: int) -> list[int]:
    """Numbers of channels at this width, at least 1."""
    return [max(1, round(c * width)) for c in channels]


def normed(conv: nn.Conv2d | nn.ConvTranspose2d, activation: nn.Module) -> nn.Sequential:
    """A convolution, its batch normalisation and an activation."""
    return nn.Sequential(freeze_bias(conv), nn.BatchNorm2d(conv.out_channels), activation)


class DoublingConv2d(nn.Conv2d):
    """A convolution of the nearest x2 enlargement of its input: (B, i, S, S) to (B, o, 2S, 2S), kernel 3 or 5.

    Computed before the enlargement: two neighbouring taps that see the same small pixel are one tap, their sum. As a
    deconvolution of stride 2 by the kernel so thickened that takes 4 taps a pixel in place of 9, or 9 in place of 25.
    Parameters, values and gradients are those of Upsample and Conv2d with padding, but for rounding.
    """

    def __init__(self, i: int, o: int, kernel: int):
        super().__init__(i, o, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        turned = self.weight.transpose(0, 1).flip(2, 3)
        before, after = nn.functional.pad(turned, (1, 0, 1, 0)), nn.functional.pad(turned, (0, 1, 0, 1))
        left, right = nn.functional.pad(turned, (1, 0, 0, 1)), nn.functional.pad(turned, (0, 1, 1, 0))
        thick = before + after + left + right
        return nn.functional.conv_transpose2d(x, thick, self.bias, stride=2, padding=self.kernel_size[0] // 2)


def locnet(channels: int, size: int, layers: Layers = PAPER_64) -> nn.Sequential:
    """The localisation network of an STN: (B, channels, size, size) to (B, 4), by `layers`, FC 20 ReLU and FC 4."""
    body: list[nn.Module] = []
    width, side = channels, size
    for layer in layers:
        if layer == "MP2":
            body.append(nn.MaxPool2d(2))
            side //= 2
        else:
            kernel, out = layer
            body += [nn.Conv2d(width, out, kernel), nn.ReLU()]
            width, side = out, side - kernel + 1
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(width * side**2, 20), nn.ReLU(), nn.Linear(20, 4))


class STN(nn.Module):
    """Spatial transformer limited to a similarity (paper, section 3.4), in the convention of datasets.degrade.

    The locnet, which must end in a Linear to 4, starts with `rotation` (radians), scale 1 and no shift for every input.
    align_corners: read its shift in units of the distance between the outer pixels' centres, as the authors' code does,
    not of the box; the warp that is returned is in box coordinates either way.
    """

    def __init__(self, locnet: nn.Sequential, align_corners: bool = False, rotation: float = 0.0):
        super().__init__()
        self.locnet, self.align_corners = locnet, align_corners
        last = locnet[-1]
        assert isinstance(last, nn.Linear)
        assert last.out_features == 4
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([rotation, 1.0, 0.0, 0.0]))

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Align `source` (B, C, S, S); also returns its estimated warp (B, 4): rotation, scale, tx, ty.

        Resamples bilinearly, with zero outside, so give images in [0, 1], where zero is black.
        """
        hidden = self.locnet[:-1](source)
        # Half precision knows a scale near 1 to 0.004 only: a quarter of a pixel at the edge of the HR face.
        with torch.autocast(source.device.type, enabled=False):
            warp = self.locnet[-1](hidden.to(self.locnet[-1].weight.dtype))
        if self.align_corners:
            side = source.shape[-1]
            warp = torch.cat([warp[:, :2], warp[:, 2:] * ((side - 1) / side)], 1)
        return degrade.resample(source, warp), warp


def L_w(warp: Tensor, target: Tensor) -> Tensor:
    """How far an STN is off, which the paper has no loss for: mean squared error of warps (B, 4), in WARP_UNITS."""
    return ((warp - target) / constant(WARP_UNITS, target.device)).square().mean()


class Residual(nn.Module):
    """Pre-activation residual: BN ReLU conv3 i->o, BN ReLU conv1 o->o, plus the input (through conv1 where i != o)."""

    def __init__(self, i: int, o: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(i),
            nn.ReLU(inplace=True),
            freeze_bias(nn.Conv2d(i, o, 3, padding=1)),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 1),
        )
        self.skip: nn.Module = nn.Identity() if i == o else nn.Conv2d(i, o, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        out += self.skip(x)  # in place: nothing that the gradient needs is lost, and a pass over memory is saved
        return out


class PlainDropout2d(nn.Module):
    """Dropout of whole channels as Torch7 had it: no rescaling in training, a factor 1 - p in evaluation."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x * (1 - self.p)
        return x * (torch.rand(*x.shape[:2], 1, 1, device=x.device, dtype=x.dtype) >= self.p)


class Discriminator(nn.Module):
    """Tells real HR faces (B, 3, 128, 128) from super-resolved ones; returns logits (B,), positive for real.

    width: 32 is the authors'; all layers scale with it. inverted_dropout: False drops channels as Torch7 did.
    """

    def __init__(self, width: int = 32, inverted_dropout: bool = True):
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 3 * width]
        body: list[nn.Module] = []
        for i, o in pairwise(channels):
            dropout = nn.Dropout2d(0.2) if inverted_dropout else PlainDropout2d(0.2)
            body += [nn.Conv2d(i, o, 5, padding=2), nn.MaxPool2d(2), nn.ReLU(), dropout]
        inputs = channels[-1] * (degrade.HR // 16) ** 2
        head = [nn.Flatten(), nn.Linear(inputs, 32 * width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32 * width, 1)]
        self.body = nn.Sequential(*body, *head)

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image).squeeze(1)


def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean of -log D, or of -log(1 - D) where the faces are not real, from a discriminator's logits (B,)."""
    logits = logits.float()
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
