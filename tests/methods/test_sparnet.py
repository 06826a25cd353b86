"""SPARNet: parameter counts, face attention units, sizes, recipe and loss."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import degrade
from datasets.batch import Batch
from methods.interface import Context
from methods.layers import count
from methods.sparnet.method import SPARNet
from methods.sparnet.model import EnlargingConv2d, FaceAttentionUnit, Hourglass, SPARNetwork
from tests.methods.common import CPU, assert_same, inputs_of

TINY = {"width": 0.0625, "depth": 1}


def test_parameters_are_the_originals() -> None:
    assert SPARNet().parameters_count() == 10_518_867  # 10.52 M in the authors' README
    assert SPARNet({"depth": 1, "attention": "3d"}).parameters_count() == 5_242_211  # 5.24 M, likewise


def test_width_scales_every_layer() -> None:
    assert count(SPARNetwork(0.5, 3)) / count(SPARNetwork(1.0, 3)) == pytest.approx(0.25, abs=0.01)
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
    module.attention.register_forward_hook(lambda _, given, __: seen.update(given=given[0]))
    module.attention[1].register_forward_hook(lambda _, __, out: seen.update(logits=out))
    out = module(x)
    assert out.shape == seen["features"].shape == (2, 6, 16, 16)
    assert_same(seen["given"], seen["features"])  # the map is estimated from the features, not from the input
    assert seen["logits"].shape == (2, maps, 16, 16)
    assert seen["logits"].std() > 0
    expected = module.shortcut(x) + seen["logits"].sigmoid() * seen["features"]
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


def test_unit_begins_with_a_normalisation_and_leaves_its_input_alone() -> None:
    module, x = fau().train(), torch.randn(2, 3, 16, 16, dtype=torch.float64)
    before = x.clone()
    residual, of_triple = (module(given) - module.shortcut(given) for given in (x, 3 * x))
    torch.testing.assert_close(residual, of_triple, rtol=0, atol=1e-3)
    assert_same(x, before)


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
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 3, 128, 128)
    body = [(16, True)] * 2  # that keeps size and channels
    assert units == [(64, False), (32, False), (16, False), *body, (32, False), (64, False), (128, False)]
    assert small == [(4, 4)] * 8


def test_network_sees_the_bicubic_face_in_minus_1_to_1() -> None:
    method, lr = SPARNet(TINY), torch.rand(2, 3, 16, 16).round()  # black and white, so that bicubic overshoots
    seen = inputs_of(method.module.encoder)
    method.upscale(lr)
    assert_same(seen[0][0], 2 * degrade.resize(lr, 128).clamp(0, 1) - 1)
    assert seen[0][0].min() == -1


def constant(value: float) -> SPARNet:
    """The method with a network that gives one value everywhere."""
    method = SPARNet(TINY)
    nn.init.zeros_(method.module.decoder[-1].weight)
    nn.init.constant_(method.module.decoder[-1].bias, value)
    return method


def test_loss_is_the_mean_absolute_error_in_minus_1_to_1(batch: Batch) -> None:
    terms, sr = constant(0.5).loss(batch, 0)
    assert sr is None
    assert set(terms) == {"L_p"}
    assert terms["L_p"].item() == pytest.approx((0.5 - (2 * batch.hr - 1)).abs().mean().item(), rel=1e-6)


@pytest.mark.parametrize(("value", "expected"), [(-3.0, 0.0), (-1.0, 0.0), (0.5, 0.75), (1.0, 1.0), (2.0, 1.0)])
def test_sr_faces_are_in_0_to_1(value: float, expected: float) -> None:
    assert (constant(value).upscale(torch.rand(1, 3, 16, 16)) == expected).all()


def test_recipe_is_the_authors() -> None:
    [phase] = SPARNet({"width": 0.0625}).phases(Context(CPU))
    o = phase.optimiser
    assert (phase.epochs, phase.batch_size, phase.critic) == (20, 32, None)
    assert (o.kind, o.lr, o.betas, o.weight_decay) == ("adam", 2e-4, (0.9, 0.99), 0)
    assert o.rate(19, 1900, 2000) == 2e-4
    [cosine] = SPARNet(TINY | {"schedule": "cosine"}).phases(Context(CPU))
    assert cosine.optimiser.rate(19, 1999, 2000) < 1e-9


def test_initial_weights_are_the_authors_and_follow_the_seed() -> None:
    method = SPARNet({"width": 0.125})
    first, again, other = (method.phases(Context(CPU, seed))[0].module for seed in (1, 1, 2))
    for mean, kind in [(0.0, nn.Conv2d), (1.0, nn.BatchNorm2d)]:
        weights = torch.cat([m.weight.detach().flatten() for m in first.modules() if isinstance(m, kind)])
        assert weights.mean().item() == pytest.approx(mean, abs=2e-3)
        assert weights.std().item() == pytest.approx(0.02, rel=0.1)
    assert not any(p.any() for name, p in first.named_parameters() if name.endswith("bias"))
    assert_same(again.state_dict(), first.state_dict())
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


def test_upscaling_keeps_no_state() -> None:
    method = SPARNet(TINY)
    method.module.train()
    before = copy.deepcopy(method.module.state_dict())
    method.upscale(torch.rand(2, 3, 16, 16))
    assert_same(method.module.state_dict(), before)
    assert method.module.training
