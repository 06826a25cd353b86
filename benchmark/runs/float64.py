"""Convolutions in float64 on a CPU, three to five times as fast as PyTorch's own.

PyTorch's own copies every patch of an image into a matrix that does not fit the caches. Here each of the kernel's k x k
places is one matrix product with a shifted view of the padded image, which nothing copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FastFloat64(TorchFunctionMode):
    """A context in which convolutions that `convolve` can do are done by it; all other functions are PyTorch's."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is torch.conv2d and not kwargs and len(args) == 7:
            x, weight, bias, stride, padding, dilation, groups = args
            plain = (
                x.ndim == 4 and stride == (1, 1) and dilation == (1, 1) and groups == 1 and not isinstance(padding, str)
            )
            if plain and x.dtype == torch.float64 and x.device.type == "cpu" and weight.shape[-1] > 1:
                return convolve(x, weight, bias, padding)
        return func(*args, **(kwargs or {}))


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
