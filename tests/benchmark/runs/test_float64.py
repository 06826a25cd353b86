"""The float64 convolution against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.runs.float64 import FastFloat64, convolve, double

# Kernel and padding of convolutions, and of transposed convolutions of stride 2.
PLAIN = [((3, 3), (1, 1)), ((5, 3), (0, 2)), ((2, 4), (1, 0)), ((7, 7), (3, 3))]
TRANSPOSED = [((4, 4), (1, 1)), ((5, 3), (2, 0)), ((2, 6), (0, 2)), ((7, 7), (3, 3))]


@pytest.mark.parametrize(
    ("transposed", "kernel", "padding"), [(False, *sizes) for sizes in PLAIN] + [(True, *sizes) for sizes in TRANSPOSED]
)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_is_pytorchs(
    transposed: bool, kernel: tuple[int, int], padding: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    x, weight = torch.rand(2, 3, 17, 13, dtype=torch.float64), torch.randn(5, 3, *kernel, dtype=torch.float64)
    shift = torch.randn(5, dtype=torch.float64) if bias else None
    if transposed:
        weight = weight.transpose(0, 1)
        found, expected = double(x, weight, shift, padding), F.conv_transpose2d(x, weight, shift, 2, padding)
    else:
        found, expected = convolve(x, weight, shift, padding), F.conv2d(x, weight, shift, 1, padding)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_context_does_it_for_plain_float64_layers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[torch.Size] = []
    monkeypatch.setattr(
        "benchmark.runs.float64.convolve", lambda *given: done.append(given[0].shape) or convolve(*given)
    )
    plain, strided = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, stride=2)
    x = torch.rand(1, 3, 24, 24)
    with torch.no_grad(), FastFloat64():
        plain(x)
        assert not done
        strided.double()(x.double())
        assert not done
        found = plain.double()(x.double())
    assert done == [x.shape]
    torch.testing.assert_close(found, plain(x.double()), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [{}, {"stride": 1}, {"stride": 3}, {"output_padding": 1}, {"groups": 3}, {"dilation": 2}, {"padding": (2, 0)}],
    ids=str,
)
def test_deconvolutions_of_every_kind_keep_their_values(changes: dict[str, int]) -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(3, 6, 4, **{"stride": 2, "padding": 1} | changes).double()  # type: ignore[arg-type]
    x = torch.rand(2, 3, 18, 20, dtype=torch.float64)
    with torch.no_grad():
        expected = layer(x)
        with FastFloat64():
            torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)
