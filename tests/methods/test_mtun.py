"""MTUN: its size, its ablations, its recipes, what its parts hand each other, and its losses."""

import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from datasets import degrade
from datasets.batch import Batch
from methods.interface import Context
from methods.layers import PlainDropout2d, count
from methods.mtun import TINY
from methods.mtun.autoencoder import Deconv
from methods.mtun.generator import Generator
from methods.mtun.method import MTUN
from methods.mtun.recipes import RECIPES
from methods.mtun_trunk.method import MTUNTrunk
from methods.trained import Phase
from methods.vgg import VGGFeatures
from tests.methods.common import CPU, assert_same, assert_same_layer, inputs_of


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
    assert {id(p) for p in frozen} == before_norm != set()
    assert not any(p.any() for p in frozen)


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
    lr = torch.rand(2, 3, 16, 16)
    for options, names in (({}, {"heatmaps"}), ({"heb_at": 32}, {"heatmaps_lr"}), ({"stacks": 0}, set())):
        assert make(**options).upscale_and_inspect(lr)[1].keys() == {"warp_stn"} | names


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
    _, second = heb(x)
    heb.stacks[0].heatmaps.bias.data += 1
    assert not torch.allclose(heb(x)[1], second)


@pytest.mark.parametrize("kind", [MTUN, MTUNTrunk])
def test_authors_recipe_starts_as_their_code_did(kind: type[MTUN | MTUNTrunk]) -> None:
    module = kind({"width": 4, "recipe": "authors"}).module
    assert module.stn.locnet[-1].bias.tolist() == [1, 1, 0, 0]
    gammas = torch.cat([m.weight for m in module.modules() if isinstance(m, nn.BatchNorm2d)])
    assert 0 <= gammas.min() < 0.1
    assert 0.9 < gammas.max() <= 1


def test_options_override_the_recipe() -> None:
    phase = phase_of(make(recipe="authors", epochs=3, batch_size=5, lr=0.5, resample_degradation=True, flip=False))
    assert (phase.epochs, phase.batch_size, phase.resample_degradation, phase.flip) == (3, 5, True, False)
    assert (phase.optimiser.lr, RECIPES["authors"].lr) == (0.5, 1e-3)
    assert any(isinstance(m, PlainDropout2d) for m in phase.critic.module.modules())


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


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ({"recipe": "paper"}, {"L_p", "L_f", "L_U", "L_h"}),
        ({"recipe": "paper", "adversarial": False}, {"L_p", "L_f", "L_h"}),
        ({"recipe": "paper", "stacks": 0}, {"L_p", "L_f", "L_U"}),
        ({"recipe": "paper", "stacks": 0, "adversarial": False, "feature": False}, {"L_p"}),
        ({"recipe": "authors"}, {"L_p", "L_f", "L_U", "L_h"}),
        ({"recipe": "tuned"}, {"L_p", "L_f", "L_U", "L_h", "L_w"}),  # the STN, on known warps
    ],
)
def test_loss_sets_of_table_3_and_of_the_recipes(options: dict, terms: set[str], batch: Batch) -> None:
    phase = phase_of(make(**options))
    assert set(phase.loss(batch, 0)[0]) == terms
    assert (phase.critic is None) == ("L_U" not in terms)


@pytest.mark.parametrize(("heb_at", "sigma"), [(64, 2.0), (32, 1.0), (16, 0.5)])
def test_structure_loss_is_the_sum_of_mean_squared_errors(heb_at: int, sigma: float, batch: Batch) -> None:
    method = make(stacks=2, heb_at=heb_at, sigma=2.0, heatmap_weight=3.0, feature=False, adversarial=False)
    target = batch.heatmaps(heb_at, sigma, "lr" if heb_at < 64 else "upright")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_same(method.target(batch), target)  # in full precision all the same
    terms, _ = phase_of(method).loss(batch, 0)
    with torch.no_grad():
        expected = sum((maps - target).double().square().mean().item() for maps in method.module(batch.lr).heatmaps)
    assert terms["L_h"].item() == pytest.approx(3 * expected, rel=1e-4)


def test_pixel_and_feature_losses_compare_images_in_minus_one_to_one(batch: Batch) -> None:
    context = Context(CPU)
    [phase] = make(alpha=0.5).phases(context)
    terms, sr = phase.loss(batch, 0)
    sr, hr = sr.detach(), 2 * batch.hr - 1
    assert terms["L_p"].item() == pytest.approx((sr - hr).double().square().mean().item(), rel=1e-5)
    psi = VGGFeatures(None, random_width=4)
    assert terms["L_f"].item() == pytest.approx(0.5 * (psi(sr) - psi(hr)).square().mean().item(), rel=1e-5)
    assert context.notes["vgg"] == "random, width 4, seed 0"


def test_weight_of_the_adversarial_loss_follows_the_recipe(batch: Batch) -> None:
    assert make(recipe="paper").beta(500) == 0.01
    authors = make(recipe="authors", feature=False)
    assert [authors.beta(epoch) for epoch in (0, 10, 500)] == pytest.approx([0.01, 0.01 * 0.995**10, 0.005])
    phase = phase_of(authors)
    phase.critic.module.eval()
    first, last = (phase.loss(batch, epoch)[0]["L_U"].item() for epoch in (0, 500))
    assert last == pytest.approx(first / 2, rel=1e-4)
