"""The float64 convolutions against PyTorch's own."""

from typing import Any

import pytest
import torch
from torch import nn

from benchmark.runs import float64
from benchmark.runs.float64 import FastFloat64, convolve

# Which layers it does itself, once (a convolution) or four times (a deconvolution), and which it leaves to PyTorch.
PLAIN = [((3, 3), {"padding": 1}), ((5, 3), {"padding": (0, 2)}), ((2, 4), {"bias": False}), ((7, 7), {})]
DOUBLING = [((4, 4), {"padding": 1}), ((5, 3), {"padding": (2, 0)}), ((2, 6), {"bias": False}), ((7, 7), {})]
OTHER = [{"stride": 1}, {"stride": 3}, {"output_padding": 1}, {"groups": 3}, {"dilation": 2}]
LAYERS = [
    *((1, nn.Conv2d, kernel, changes) for kernel, changes in PLAIN),
    *((4, nn.ConvTranspose2d, kernel, {"stride": 2} | changes) for kernel, changes in DOUBLING),
    *((0, nn.ConvTranspose2d, (4, 4), {"stride": 2} | changes) for changes in OTHER),
    (0, nn.Conv2d, (3, 3), {"stride": 2}),
]


@pytest.mark.parametrize(("calls", "kind", "kernel", "changes"), LAYERS, ids=str)
def test_float64_layers_keep_their_values_and_float32_ones_are_pytorchs(
    calls: int, kind: type[nn.Module], kernel: tuple[int, int], changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    monkeypatch.setattr(float64, "convolve", lambda *given: done.append(given) or convolve(*given))
    torch.manual_seed(0)
    layer, x = kind(3, 6, kernel, **changes), torch.rand(2, 3, 19, 17)
    with torch.no_grad(), FastFloat64():
        layer(x)
        assert not done
        found = layer.double()(x.double())
    assert len(done) == calls
    torch.testing.assert_close(found, layer(x.double()), rtol=0, atol=1e-12)
