"""SPARNet: face attention units, sizes, initial weights and loss."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import degrade
from datasets.batch import Batch
from methods.sparnet import TINY
from methods.sparnet.method import SPARNet
from methods.sparnet.model import EnlargingConv2d, FaceAttentionUnit, Hourglass, SPARNetwork
from tests.methods.common import assert_same, inputs_of


@pytest.mark.parametrize("bias", [True, False])
def test_enlarging_convolution_is_that_of_the_mirrored_enlargement(bias: bool) -> None:
    torch.manual_seed(0)
    layer = EnlargingConv2d(3, 5, bias).double()
    x = torch.rand(2, 3, 4, 6, dtype=torch.float64)
    large = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    assert (layer.bias is not None) == bias
    torch.testing.assert_close(layer(x), F.conv2d(large, layer.weight, layer.bias), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("scale", "size"), [("same", 16), ("down", 32), ("up", 8)])
@pytest.mark.parametrize(("attention", "maps"), [("2d", 1), ("3d", 6)])
def test_attention_multiplies_the_features(scale: str, size: int, attention: str, maps: int) -> None:
    torch.manual_seed(0)
    module = FaceAttentionUnit(3, 6, 16, 4, scale, attention).double().eval()
    x, seen = torch.rand(2, 3, size, size, dtype=torch.float64), dict[str, Tensor]()
    module.features.register_forward_hook(lambda _, __, out: seen.update(features=out.clone()))
    module.attention.register_forward_hook(lambda _, given, __: seen.update(given=given[0]))
    module.attention[1].register_forward_hook(lambda _, __, out: seen.update(logits=out))
    before, out = x.clone(), module(x)
    assert out.shape == seen["features"].shape == (2, 6, 16, 16)
    assert_same(seen["given"], seen["features"])  # the map is estimated from the features, not from the input
    assert_same(x, before)
    assert seen["logits"].shape == (2, maps, 16, 16)
    assert seen["logits"].std() > 0
    expected = module.shortcut(x) + seen["logits"].sigmoid() * seen["features"]
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


def test_hourglass_adds_the_smaller_scales_to_the_skipped_features() -> None:
    torch.manual_seed(0)
    module, x = Hourglass(2, 3, 4).eval(), torch.rand(1, 3, 16, 16)
    smaller = module.up(module.inner(module.down(x)))
    assert smaller.shape == (1, 4, 16, 16)
    torch.testing.assert_close(module(x), module.skip(x) + smaller)


def test_units_keep_their_sizes_and_every_hourglass_goes_down_to_4_pixels() -> None:
    network = SPARNetwork(0.0625, 2).eval()
    small: list[torch.Size] = []
    units: list[tuple[int, bool]] = []  # size, and whether the shortcut is plain
    for module in network.modules():
        if isinstance(module, Hourglass) and not isinstance(module.inner, Hourglass):
            module.inner.register_forward_hook(lambda _, given, __: small.append(given[0].shape[2:]))
        if isinstance(module, FaceAttentionUnit):
            plain = isinstance(module.shortcut, nn.Identity)
            module.register_forward_hook(lambda _, __, out, plain=plain: units.append((out.shape[-1], plain)))
    network(torch.rand(1, 3, 16, 16))
    body = [(16, True)] * 2  # that keeps size and channels
    assert units == [(64, False), (32, False), (16, False), *body, (32, False), (64, False), (128, False)]
    assert small == [(4, 4)] * 8


def test_network_sees_the_bicubic_face_and_is_compared_in_minus_1_to_1(batch: Batch) -> None:
    method, lr = SPARNet(TINY), torch.rand(2, 3, 16, 16).round()  # black and white, so that bicubic overshoots
    seen = inputs_of(method.module.encoder)
    method.upscale(lr)
    assert_same(seen[0][0], 2 * degrade.resize(lr, 128).clamp(0, 1) - 1)
    assert seen[0][0].min() == -1
    nn.init.zeros_(method.module.decoder[-1].weight)
    nn.init.constant_(method.module.decoder[-1].bias, 0.5)
    [(name, loss)] = method.loss(batch, 0)[0].items()
    assert (name, loss.item()) == ("L_p", pytest.approx((0.5 - (2 * batch.hr - 1)).abs().mean().item(), rel=1e-6))


def test_initial_weights_are_the_authors() -> None:
    network = SPARNetwork(0.125)
    for mean, kind in [(0.0, nn.Conv2d), (1.0, nn.BatchNorm2d)]:
        weights = torch.cat([m.weight.detach().flatten() for m in network.modules() if isinstance(m, kind)])
        assert weights.mean().item() == pytest.approx(mean, abs=2e-3)
        assert weights.std().item() == pytest.approx(0.02, rel=0.1)
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))
