"""MTUN: its size, its ablations, its recipes, and what its parts hand each other."""

import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from datasets import degrade
from methods.interface import Context
from methods.layers import PlainDropout2d, count
from methods.mtun import TINY
from methods.mtun.autoencoder import Deconv
from methods.mtun.generator import Generator
from methods.mtun.method import MTUN
from methods.mtun.recipes import RECIPES
from methods.mtun_trunk.method import MTUNTrunk
from methods.trained import Phase
from tests.methods.common import CPU, assert_same_layer, inputs_of


def make(**options) -> MTUN:
    return MTUN(TINY | {"random_vgg_width": 4} | options)


def phase_of(method: MTUN) -> Phase:
    [phase] = method.phases(Context(CPU))
    return phase


@pytest.fixture(scope="module")
def full() -> Generator:
    return MTUN().module


def test_parameters_equal_the_published_network(full: Generator) -> None:
    assert count(full.autoencoder) == 42_157_024
    assert count(full.up_32) + count(full.up_64) == 662_080
    assert count(full.aligned) == 38_784
    assert count(full.heb) == 1_763_664
    assert count(full.decoder) == 283_811
    assert count(full) - count(full.stn) == 44_905_363
    assert count(full.stn) == 53_644
    assert count(MTUN({"recipe": "authors", "autoencoder": False}).module.stn) == 285_872  # the sibling code's


def test_only_biases_before_a_normalisation_are_frozen(full: Generator) -> None:
    chains = [list(m) for m in full.modules() if isinstance(m, nn.Sequential)]
    before_norm = {
        id(a.bias)
        for a, b in itertools.chain.from_iterable(map(itertools.pairwise, chains))
        if isinstance(a, nn.Conv2d | nn.ConvTranspose2d) and isinstance(b, nn.BatchNorm2d)
    }
    frozen = [p for p in full.parameters() if not p.requires_grad]
    assert {id(p) for p in frozen} == before_norm
    assert frozen
    assert not any(p.any() for p in frozen)


@pytest.mark.parametrize(
    ("options", "size", "found"),
    [
        ({}, 64, {"heatmaps"}),
        ({"stacks": 3}, 64, {"heatmaps"}),
        ({"skip": False}, 64, {"heatmaps"}),
        ({"autoencoder": False}, 64, {"heatmaps"}),
        ({"heb_at": 16, "skip": False}, 16, {"heatmaps_lr"}),
        ({"heb_at": 32, "skip": False}, 32, {"heatmaps_lr"}),
        ({"heb_at": 16, "autoencoder": False}, 16, {"heatmaps_lr"}),
        ({"stacks": 0}, None, set()),
        ({"stacks": 0, "authors_trunk": True}, None, set()),
    ],
)
def test_every_ablation_has_its_heatmaps(options: dict, size: int | None, found: set[str]) -> None:
    method, lr = make(**options), torch.rand(2, 3, 16, 16)
    assert [maps.shape for maps in method.module(lr).heatmaps] == [(2, 4, size, size)] * method.options.stacks
    assert method.upscale_and_inspect(lr)[1].keys() == {"warp_stn"} | found


def test_ablations_leave_out_what_they_name() -> None:
    ours, g = make().module, TINY["width"]
    without = count(make(autoencoder=False).module)
    assert without == count(ours) - count(ours.autoencoder) - 16 * 8 * g * 4 * g  # its features into up_32
    without = count(make(stacks=0).module)
    assert without == count(ours) - count(ours.heb) - 9 * 4 * 2 * g  # its heatmaps into the decoder
    assert make(skip=False).module.decoder.skip is None
    wide = make(stacks=0, authors_trunk=True).module.decoder
    assert wide.skip is None
    assert wide.trunk[0][0].out_channels == 3 * g


@pytest.mark.parametrize("heb_at", [16, 64])
def test_the_stn_turns_the_lr_face_and_early_heatmaps_upright(heb_at: int) -> None:
    network = make(heb_at=heb_at).module.eval()
    known = torch.tensor([0.5, 0.9, 0.1, -0.08])
    with torch.no_grad():
        network.stn.locnet[-1].bias.copy_(known)
    aligned, decoded = inputs_of(network.aligned), inputs_of(network.decoder)
    lr, warp = torch.rand(2, 3, 16, 16), known.expand(2, 4)
    estimates = network(lr)
    # Outside of the turned LR face is black: 0 in [0, 1].
    expected = degrade.resample(lr.repeat_interleave(4, 2).repeat_interleave(4, 3), warp)
    torch.testing.assert_close(aligned[0][0][:, :3], expected)
    assert (expected == 0).any()
    maps = estimates.heatmaps[-1]
    if heb_at == 16:
        maps = degrade.resample(maps.repeat_interleave(4, 2).repeat_interleave(4, 3), warp)
    torch.testing.assert_close(decoded[0][1], maps)
    torch.testing.assert_close(estimates.warp, warp)


def test_later_stacks_see_earlier_heatmaps() -> None:
    heb, x = make(stacks=2).module.heb.eval(), torch.rand(1, 8, 64, 64)
    first, second = heb(x)
    with torch.no_grad():
        heb.stacks[0].heatmaps.bias += 1
    moved_first, moved_second = heb(x)
    torch.testing.assert_close(moved_first, first + 1)
    assert not torch.allclose(moved_second, second)


def test_authors_recipe_builds_what_their_code_did() -> None:
    method = make(recipe="authors")
    phase = phase_of(method)
    o = phase.optimiser
    assert (o.kind, o.alpha, o.eps, o.floor, o.warmup) == ("rmsprop", 0.9, 1e-8, 1e-6, ((50, 1 / 50), (50, 1 / 5)))
    assert phase.resample_degradation is False
    assert method.module.stn.locnet[-1].bias.tolist() == [1, 1, 0, 0]
    assert any(isinstance(m, PlainDropout2d) for m in phase.critic.module.modules())


@pytest.mark.parametrize("kind", [MTUN, MTUNTrunk])
def test_authors_recipe_draws_gammas_uniformly(kind: type[MTUN | MTUNTrunk]) -> None:
    module = kind({"width": 4, "recipe": "authors"}).module
    gammas = torch.cat([m.weight for m in module.modules() if isinstance(m, nn.BatchNorm2d)])
    assert 0 <= gammas.min() < 0.1
    assert 0.9 < gammas.max() <= 1


def test_paper_recipe_decays_as_the_paper_says() -> None:
    phase = phase_of(make(recipe="paper", batch_size=None))
    o = phase.optimiser
    assert (o.kind, o.lr, o.decay, o.warmup, phase.batch_size) == ("rmsprop", 1e-3, 0.99, (), 8)


def test_options_override_the_recipe() -> None:
    phase = phase_of(make(recipe="authors", epochs=3, batch_size=5, lr=0.5, resample_degradation=True, flip=False))
    assert (phase.epochs, phase.batch_size, phase.resample_degradation, phase.flip) == (3, 5, True, False)
    assert (phase.optimiser.lr, RECIPES["authors"].lr) == (0.5, 1e-3)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"), [(2, 1, 0, 1), (4, 2, 1, 2), (4, 2, 1, 4), (4, 2, 1, 8)]
)
def test_deconvolution_of_few_pixels_is_a_deconvolution(kernel: int, stride: int, padding: int, size: int) -> None:
    torch.manual_seed(0)
    own, plain = (kind(6, 5, kernel, stride, padding) for kind in (Deconv, nn.ConvTranspose2d))
    assert_same_layer(own, plain, torch.randn(3, 6, size, size, requires_grad=True))


def test_weights_are_stored_in_half_precision(tmp_path: Path) -> None:
    method = make(stacks=0)
    exact = {name: tensor.clone() for name, tensor in method.module.state_dict().items()}
    method.save(tmp_path)
    stored = load_file(tmp_path / "weights.safetensors")
    assert stored.keys() == exact.keys()
    for name, tensor in stored.items():
        assert tensor.dtype == (torch.float16 if tensor.ndim > 1 else exact[name].dtype), name
