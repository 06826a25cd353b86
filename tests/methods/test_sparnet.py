"""SPARNet: parameter counts, face attention units, sizes, recipe and loss."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import degrade
from methods.interface import Context
from methods.layers import count
from methods.sparnet.method import SPARNet
from methods.sparnet.model import EnlargingConv2d, FaceAttentionUnit, Hourglass, SPARNetwork

TINY = {"width": 0.0625, "depth": 1}


def conv(i: int, o: int, normed: bool) -> int:
    """Parameters of a 3 x 3 convolution with a bias, or with a batch normalisation's scale and shift."""
    return 9 * i * o + (2 * o if normed else o)


def attention(channels: int, levels: int, maps: int) -> int:
    first = 2 * conv(channels, 64, True) + conv(64, 64, True)
    return first + 3 * (levels - 1) * conv(64, 64, True) + conv(64, 64, True) + conv(64, maps, False)


def unit(i: int, o: int, levels: int, shortcut: bool, flat: bool) -> int:
    features = 2 * i + conv(i, o, True) + conv(o, o, True)
    return features + attention(o, levels, 1 if flat else o) + shortcut * conv(i, o, False)


def total(depth: int, flat: bool) -> int:
    """The sum over the authors' layers: (input, output, levels of the hourglass) of the units that scale."""
    scaling = [(32, 64, 4), (64, 128, 3), (128, 128, 2), (128, 128, 3), (128, 64, 4), (64, 32, 5)]
    ends = conv(3, 32, False) + conv(32, 3, False)
    units = sum(unit(i, o, levels, True, flat) for i, o, levels in scaling)
    return ends + units + depth * unit(128, 128, 2, False, flat)


def test_parameters_are_the_originals() -> None:
    assert SPARNet().parameters_count() == total(10, True) == 10_518_867  # 10.52 M in the authors' README
    light = SPARNet({"depth": 1, "attention": "3d"})
    assert light.parameters_count() == total(1, False) == 5_242_211  # 5.24 M, likewise


def test_width_scales_every_layer() -> None:
    half = count(SPARNetwork(0.5, 3))
    assert 0.24 * total(3, True) < half < 0.26 * total(3, True)
    narrow = SPARNetwork(0.25)
    assert {m.out_channels for m in narrow.modules() if isinstance(m, nn.Conv2d)} == {1, 3, 8, 16, 32}


@pytest.mark.parametrize("bias", [True, False])
def test_enlarging_convolution_is_that_of_the_mirrored_enlargement(bias: bool) -> None:
    torch.manual_seed(0)
    layer = EnlargingConv2d(3, 5, bias).double()
    x = torch.rand(2, 3, 4, 6, dtype=torch.float64)
    large = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    assert (layer.bias is not None) == bias
    torch.testing.assert_close(layer(x), F.conv2d(large, layer.weight, layer.bias), rtol=0, atol=1e-12)


def fau(scale: str = "same", attention: str = "2d") -> FaceAttentionUnit:
    """A unit from 3 to 6 channels, 16 px at its output, with weights that are not all near zero."""
    torch.manual_seed(0)
    return FaceAttentionUnit(3, 6, 16, 4, scale, attention).double().eval()


@pytest.mark.parametrize(("scale", "size"), [("same", 16), ("down", 32), ("up", 8)])
@pytest.mark.parametrize(("attention", "maps"), [("2d", 1), ("3d", 6)])
def test_attention_multiplies_the_features(scale: str, size: int, attention: str, maps: int) -> None:
    module, x = fau(scale, attention), torch.rand(2, 3, size, size, dtype=torch.float64)
    seen: dict[str, Tensor] = {}
    module.features.register_forward_hook(lambda _, __, out: seen.update(features=out.clone()))
    module.attention.register_forward_hook(lambda _, given, out: seen.update(given=given[0], attention=out))
    out = module(x)
    assert out.shape == seen["features"].shape == (2, 6, 16, 16)
    assert torch.equal(seen["given"], seen["features"])  # the map is estimated from the features, not from the input
    assert seen["attention"].shape == (2, maps, 16, 16)
    assert 0 < seen["attention"].min() < seen["attention"].max() < 1
    torch.testing.assert_close(out - module.shortcut(x), seen["attention"] * seen["features"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("bias", "factor"), [(-100.0, 0.0), (0.0, 0.5), (100.0, 1.0)])
def test_attention_of_0_leaves_the_shortcut_and_of_1_a_residual_unit(bias: float, factor: float) -> None:
    module, x = fau(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    last = module.attention[1]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, bias)
    torch.testing.assert_close(module(x), module.shortcut(x) + factor * module.features(x.clone()), rtol=0, atol=1e-12)


def test_unit_begins_with_a_normalisation_and_leaves_its_input_alone() -> None:
    module, x = fau().train(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    before = x.clone()
    residual, of_triple = (module(given) - module.shortcut(given) for given in (x, 3 * x))
    torch.testing.assert_close(residual, of_triple, rtol=0, atol=1e-3)
    assert torch.equal(x, before)


def test_hourglass_adds_the_smaller_scales_to_the_skipped_features() -> None:
    torch.manual_seed(0)
    module, x = Hourglass(2, 3, 4).eval(), torch.rand(1, 3, 16, 16)
    smaller = module.up(module.inner(module.down(x)))
    assert smaller.shape == (1, 4, 16, 16)
    torch.testing.assert_close(module(x), module.skip(x) + smaller)


def test_every_hourglass_goes_down_to_4_pixels() -> None:
    network = SPARNetwork(0.0625, 2).eval()
    small: list[tuple[int, int]] = []
    units: list[tuple[int, int]] = []
    for module in network.modules():
        if isinstance(module, Hourglass) and not isinstance(module.inner, Hourglass):
            module.inner.register_forward_hook(lambda _, given, __: small.append(tuple(given[0].shape[2:])))
        if isinstance(module, FaceAttentionUnit):
            module.register_forward_hook(lambda _, __, out: units.append(tuple(out.shape[2:])))
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 3, 128, 128)
    assert units == [(s, s) for s in (64, 32, 16, 16, 16, 32, 64, 128)]
    assert small == [(4, 4)] * 8


def test_only_units_that_keep_size_and_channels_have_a_plain_shortcut() -> None:
    network = SPARNetwork(0.0625, 2)
    plain = [isinstance(m.shortcut, nn.Identity) for m in network.modules() if isinstance(m, FaceAttentionUnit)]
    assert plain == [False] * 3 + [True] * 2 + [False] * 3


def test_network_sees_the_bicubic_face_in_minus_1_to_1() -> None:
    method, lr = SPARNet(TINY), torch.rand(2, 3, 16, 16).round()  # black and white, so that bicubic overshoots
    seen: list[Tensor] = []
    method.module.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.upscale(lr)
    torch.testing.assert_close(seen[0], 2 * degrade.resize(lr, 128).clamp(0, 1) - 1, rtol=0, atol=0)
    assert seen[0].min() == -1


def constant(value: float) -> SPARNet:
    """The method with a network that gives one value everywhere."""
    method = SPARNet(TINY)
    nn.init.zeros_(method.module.decoder[-1].weight)
    nn.init.constant_(method.module.decoder[-1].bias, value)
    return method


def test_loss_is_the_mean_absolute_error_in_minus_1_to_1(batch) -> None:
    terms, sr = constant(0.5).loss(batch, 0)
    assert sr is None
    assert set(terms) == {"L_p"}
    assert terms["L_p"].item() == pytest.approx((0.5 - (2 * batch.hr - 1)).abs().mean().item(), rel=1e-6)


@pytest.mark.parametrize(("value", "expected"), [(-3.0, 0.0), (-1.0, 0.0), (0.5, 0.75), (1.0, 1.0), (2.0, 1.0)])
def test_sr_faces_are_in_0_to_1(value: float, expected: float) -> None:
    assert (constant(value).upscale(torch.rand(1, 3, 16, 16)) == expected).all()


def test_recipe_is_the_authors() -> None:
    (phase,) = SPARNet({"width": 0.0625}).phases(Context(torch.device("cpu")))
    o = phase.optimiser
    assert (phase.epochs, phase.batch_size, phase.critic) == (20, 32, None)
    assert (o.kind, o.lr, o.betas, o.weight_decay) == ("adam", 2e-4, (0.9, 0.99), 0)
    assert o.rate(19, 1900, 2000) == 2e-4
    (cosine,) = SPARNet(TINY | {"schedule": "cosine"}).phases(Context(torch.device("cpu")))
    assert cosine.optimiser.rate(19, 1999, 2000) < 1e-9


def test_initial_weights_are_the_authors_and_follow_the_seed() -> None:
    method = SPARNet({"width": 0.125})
    first, again, other = (method.phases(Context(torch.device("cpu"), seed))[0].module for seed in (1, 1, 2))
    for mean, kind in [(0.0, nn.Conv2d), (1.0, nn.BatchNorm2d)]:
        weights = torch.cat([m.weight.detach().flatten() for m in first.modules() if isinstance(m, kind)])
        assert weights.mean().item() == pytest.approx(mean, abs=2e-3)
        assert weights.std().item() == pytest.approx(0.02, rel=0.1)
    assert not any(p.any() for name, p in first.named_parameters() if name.endswith("bias"))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


def test_upscaling_keeps_no_state() -> None:
    method = SPARNet(TINY)
    method.module.train()
    before = copy.deepcopy(method.module.state_dict())
    method.upscale(torch.rand(2, 3, 16, 16))
    after = method.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert method.module.training


def test_a_few_updates_lower_the_loss_and_reach_every_parameter(batch) -> None:
    two = dataclasses.replace(batch, hr=batch.hr[:2], lr=batch.lr[:2])
    (phase,) = SPARNet(TINY).phases(Context(torch.device("cpu")))
    optimiser = torch.optim.Adam(phase.module.parameters(), 3e-3)
    losses = []
    for _ in range(10):
        optimiser.zero_grad()
        loss = phase.loss(two, 0)[0]["L_p"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert all(p.grad is not None and p.grad.any() for p in phase.module.parameters())
    assert losses[-1] < 0.9 * losses[0]
