"""Convolutions in float64 on a CPU, three to five times as fast as PyTorch's own.

PyTorch's own copies every patch of an image into a matrix that does not fit the caches. Here each of the kernel's k x k
places is one matrix product with a shifted view of the padded image, which nothing copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SMALL = 16  # px: up to this size PyTorch's own are as fast


class FastFloat64(TorchFunctionMode):
    """A context in which convolutions that this module can do are done by it; all other functions are PyTorch's."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in (torch.conv2d, torch.conv_transpose2d):
            layer = (_plain if func is torch.conv2d else _doubling)(*args, **(kwargs or {}))
            if layer and args[0].dtype == torch.float64 and args[0].device.type == "cpu":
                return layer()
        return func(*args, **(kwargs or {}))


def _plain(
    x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Callable[[], Tensor] | None:
    """`convolve` with the arguments of torch.conv2d; None where PyTorch's own is as fast, or it cannot do that."""
    usual = _pair(stride) == _pair(dilation) == (1, 1) and groups == 1 and not isinstance(padding, str) and x.ndim == 4
    large = weight.shape[-1] > 1 and x.shape[-1] > SMALL
    return partial(convolve, x, weight, bias, _pair(padding)) if usual and large else None


def _doubling(
    x: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Callable[[], Tensor] | None:
    """`double` with the arguments of torch.conv_transpose2d; None if it cannot do that."""
    usual = _pair(dilation) == (1, 1) and _pair(output_padding) == (0, 0) and groups == 1 and x.ndim == 4
    fits = _pair(stride) == (2, 2) and x.shape[-1] >= SMALL
    return partial(double, x, weight, bias, _pair(padding)) if usual and fits else None


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Convolve with stride 1.

    Args:
        x: (B, C, H, W).
        weight: (O, C, k, l).
        bias: (O,), or None.
        padding: zeros above and below, left and right.
    """
    above, left = padding
    kernel = weight.permute(2, 3, 0, 1).contiguous()
    # Rows are joined: a shift by a pixel is a shift of the whole. One row more, for the last of the shifts.
    padded = x.new_zeros(x.shape[1], x.shape[2] + 2 * above + 1, x.shape[3] + 2 * left)
    inside = padded[:, above : above + x.shape[2], left : left + x.shape[3]]
    width = padded.shape[2]
    height = padded.shape[1] - weight.shape[2]
    out = x.new_empty(len(x), len(weight), height, width - weight.shape[3] + 1)
    sums = x.new_empty(len(weight), height, width)
    joined, joined_sums = padded.flatten(1), sums.flatten(1)
    start = x.new_zeros(len(weight), 1) if bias is None else bias[:, None]
    for image, result in zip(x, out, strict=True):  # one at a time, so that all of it stays in the caches
        inside.copy_(image)
        joined_sums.copy_(start.expand_as(joined_sums))
        for row, line in enumerate(kernel):
            for column, factors in enumerate(line):
                shift = row * width + column
                joined_sums.addmm_(factors, joined[:, shift : shift + height * width])
        result.copy_(sums[..., : out.shape[3]])
    return out


def double(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Convolve transposed with stride 2: each of the four places of an output pixel has a part of the kernel.

    Args:
        x: (B, C, H, W).
        weight: (C, O, k, l).
        bias: (O,), or None.
        padding: pixels that are cut off above and below, left and right.
    """
    height, width = (2 * (size - 1) + k for size, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    out = x.new_empty(len(x), weight.shape[1], height, width)
    for row in range(2):
        for column in range(2):
            part = weight[:, :, row::2, column::2].flip(2, 3).transpose(0, 1)
            out[:, :, row::2, column::2] = convolve(x, part, bias, (part.shape[2] - 1, part.shape[3] - 1))
    above, left = padding
    return out[:, :, above : height - above, left : width - left].contiguous()
