"""MTUN: its size, its ablations, its losses against independent computations, and that it learns."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from datasets import align, degrade
from datasets.batch import Batch, to_float
from datasets.components import component_of
from datasets.face import BadInput
from datasets.portrait.drawing import draw
from methods.interface import Context
from methods.layers import WARP_UNITS, L_w, PlainDropout2d, count
from methods.mtun import TINY, losses
from methods.mtun.autoencoder import Deconv
from methods.mtun.generator import Generator
from methods.mtun.method import MTUN
from methods.mtun.recipes import recipe
from methods.trained import Phase
from methods.vgg import VGGFeatures

CPU = torch.device("cpu")


def make(**options) -> MTUN:
    return MTUN(TINY | options)


def phase_of(method: MTUN, **context) -> Phase:
    [phase] = method.phases(Context(device=CPU, **context))
    return phase


def neighbours(module: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    """Neighbouring layers of every Sequential."""
    chains = [list(m) for m in module.modules() if isinstance(m, nn.Sequential)]
    return [pair for chain in chains for pair in itertools.pairwise(chain)]


# ------------------------------------------------------------------------------------------------ size and shape
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


def test_authors_recipe_has_the_sibling_codes_locnet() -> None:
    assert count(MTUN({"recipe": "authors"}).module.stn) == 285_872


def test_only_biases_before_a_normalisation_are_frozen(full: Generator) -> None:
    before_norm = {
        id(a.bias)
        for a, b in neighbours(full)
        if isinstance(a, nn.Conv2d | nn.ConvTranspose2d) and isinstance(b, nn.BatchNorm2d)
    }
    frozen = {id(p) for p in full.parameters() if not p.requires_grad}
    assert frozen == before_norm
    assert frozen
    assert all(p.abs().max() == 0 for p in full.parameters() if not p.requires_grad)


@pytest.mark.parametrize(
    ("options", "size", "found"),
    [
        ({}, 64, "heatmaps"),
        ({"stacks": 3}, 64, "heatmaps"),
        ({"skip": False}, 64, "heatmaps"),
        ({"autoencoder": False}, 64, "heatmaps"),
        ({"heb_at": 16, "skip": False}, 16, "heatmaps_lr"),
        ({"heb_at": 32, "skip": False}, 32, "heatmaps_lr"),
        ({"heb_at": 16, "autoencoder": False}, 16, "heatmaps_lr"),
        ({"stacks": 0}, None, None),
        ({"stacks": 0, "authors_trunk": True}, None, None),
    ],
)
def test_every_ablation_has_its_heatmaps(options: dict, size: int | None, found: str | None) -> None:
    method, lr = make(**options), torch.rand(3, 3, 16, 16)
    estimates = method.module(lr)
    assert estimates.sr.shape == (3, 3, 128, 128)
    assert estimates.warp.shape == (3, 4)
    assert [maps.shape for maps in estimates.heatmaps] == [(3, 4, size, size)] * method.options.stacks
    assert set(method.upscale_and_inspect(lr)[1]) == {"warp_stn"} | ({found} if found else set())


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


def catch(module: nn.Module) -> list[tuple[Tensor, ...]]:
    """The inputs that the module is called with from now on."""
    calls: list[tuple[Tensor, ...]] = []
    module.register_forward_pre_hook(lambda _, inputs: calls.append(inputs))
    return calls


@pytest.mark.parametrize("heb_at", [16, 64])
def test_the_stn_turns_the_lr_face_and_early_heatmaps_upright(heb_at: int) -> None:
    network = make(heb_at=heb_at).module.eval()
    known = torch.tensor([0.5, 0.9, 0.1, -0.08])
    with torch.no_grad():
        network.stn.locnet[-1].bias.copy_(known)
    aligned, decoded = catch(network.aligned), catch(network.decoder)
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
    heb = make(stacks=2).module.heb.eval()
    x = torch.rand(1, 8, 64, 64)
    first, second = heb(x)
    with torch.no_grad():
        heb.stacks[0].heatmaps.bias += 1
    moved_first, moved_second = heb(x)
    torch.testing.assert_close(moved_first, first + 1)
    assert not torch.allclose(moved_second, second)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"width": 5}, "width"),
        ({"stacks": 5}, "stacks"),
        ({"sigma": 0.0}, "sigma"),
        ({"heb_at": 128}, "heb_at"),
        ({"recipe": "best"}, "recipe"),
        ({"stacks": 4, "authors_trunk": True}, "authors_trunk"),
        ({"batch_size": 1}, "option batch_size: 1; give at least 2"),
        ({"batch_size": 0}, "option batch_size: 0; give at least 2"),
        ({"stacks": True}, "stacks"),
        ({"lr": "fast"}, "lr"),
    ],
)
def test_options_without_meaning_are_refused(options: dict, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        MTUN(options)


# ------------------------------------------------------------------------------------------------ losses
@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ({}, {"L_p", "L_f", "L_U", "L_h"}),
        ({"adversarial": False}, {"L_p", "L_f", "L_h"}),
        ({"adversarial": False, "feature": False}, {"L_p", "L_h"}),
        ({"stacks": 0}, {"L_p", "L_f", "L_U"}),
        ({"stacks": 0, "adversarial": False, "feature": False}, {"L_p"}),
    ],
)
def test_loss_sets_of_table_3(options: dict, terms: set[str], batch: Batch) -> None:
    phase = phase_of(make(recipe="paper", **options))
    found, sr = phase.loss(batch, 0)
    assert set(found) == terms
    assert all(term.ndim == 0 and term.isfinite() for term in found.values())
    assert (phase.critic is None) == ("L_U" not in terms)
    assert sr is not None
    assert sr.shape == batch.hr.shape


def numpy_target(batch: Batch, size: int, sigma: float, tilted: bool) -> np.ndarray:
    """Target heatmaps written out: for every face, component and visible landmark, a Gaussian; the largest counts."""
    target = np.zeros((len(batch.hr), 4, size, size))
    y, x = np.mgrid[:size, :size]
    for face in range(len(batch.hr)):
        rotation, scale, tx, ty = batch.warp[face].double().numpy()
        for point, component in zip(batch.landmarks[face].double().numpy(), batch.component[face], strict=True):
            if component < 0:
                continue
            u, v = (point + 0.5) / 64 - 1
            if tilted:
                u, v = (
                    scale * (math.cos(rotation) * u - math.sin(rotation) * v) + tx,
                    scale * (math.sin(rotation) * u + math.cos(rotation) * v) + ty,
                )
            px, py = (u + 1) * size / 2 - 0.5, (v + 1) * size / 2 - 0.5
            kernel = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
            target[face, component] = np.maximum(target[face, component], kernel)
    return target


@pytest.mark.parametrize(("heb_at", "sigma"), [(64, 2.0), (32, 1.0), (16, 0.5)])
def test_structure_loss_is_the_sum_of_mean_squared_errors(heb_at: int, sigma: float, batch: Batch) -> None:
    method = make(stacks=2, heb_at=heb_at, sigma=2.0, heatmap_weight=3.0)
    terms, _ = phase_of(method).loss(batch, 0)
    target = numpy_target(batch, heb_at, sigma, tilted=heb_at < 64)
    with torch.no_grad():
        heatmaps = method.module(batch.lr).heatmaps
    expected = sum(((maps.double().numpy() - target) ** 2).mean() for maps in heatmaps)
    assert terms["L_h"].item() == pytest.approx(3 * expected, rel=1e-4)


@pytest.mark.parametrize("heb_at", [64, 16])
def test_targets_are_in_full_precision_under_autocast(heb_at: int, batch: Batch) -> None:
    method = make(heb_at=heb_at)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        target = method.target(batch)
    torch.testing.assert_close(target, method.target(batch), rtol=0, atol=0)


def test_pixel_and_feature_losses_compare_images_in_minus_one_to_one(batch: Batch) -> None:
    method = make(alpha=0.5)
    context = Context(device=CPU)
    phase = method.phases(context)[-1]
    terms, sr = phase.loss(batch, 0)
    assert sr is not None
    hr = 2 * batch.hr - 1
    assert terms["L_p"].item() == pytest.approx(np.mean((sr - hr).detach().double().numpy() ** 2), rel=1e-5)
    psi = VGGFeatures(None)
    assert terms["L_f"].item() == pytest.approx(0.5 * (psi(sr) - psi(hr)).square().mean().item(), rel=1e-5)
    assert context.notes["vgg"] == "random, width 64, seed 0"


def test_adversarial_losses_of_a_critic_with_a_known_answer(batch: Batch) -> None:
    class Brightness(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.mean((1, 2, 3))

    bright, dark = torch.ones(2, 3, 8, 8), -torch.ones(2, 3, 8, 8)
    sigmoid = 1 / (1 + math.exp(-1))
    assert losses.L_U(Brightness(), bright).item() == pytest.approx(-math.log(sigmoid))
    terms = losses.L_D(Brightness(), hr=bright, sr=dark)
    assert {name: round(term.item(), 5) for name, term in terms.items()} == {
        "L_D_real": round(-math.log(sigmoid), 5),
        "L_D_sr": round(-math.log(1 - (1 - sigmoid)), 5),
    }
    # Fooling the critic costs the generator less.
    assert losses.L_U(Brightness(), bright) < losses.L_U(Brightness(), dark)


def test_weight_of_the_adversarial_loss_follows_the_recipe(batch: Batch) -> None:
    assert make(recipe="paper").beta(500) == 0.01
    authors = make(recipe="authors")
    assert authors.beta(10) == pytest.approx(0.01 * 0.995**10)
    assert authors.beta(500) == 0.005
    phase = phase_of(authors)
    assert phase.critic is not None
    phase.critic.module.eval()
    first, last = (phase.loss(batch, epoch)[0]["L_U"].item() for epoch in (0, 500))
    assert last == pytest.approx(first / 2, rel=1e-4)


def test_gradients_reach_every_parameter(batch: Batch) -> None:
    method = make(stacks=4)
    phase = phase_of(method)
    nn.init.normal_(method.module.stn.locnet[-1].weight, std=0.01)  # zero at first, which hides the layers before it
    terms, sr = phase.loss(batch, 0)
    torch.stack(list(terms.values())).sum().backward()
    assert sr is not None
    assert phase.critic is not None
    for p in phase.critic.module.parameters():
        p.grad = None
    torch.stack(list(phase.critic.loss(batch, sr.detach()).values())).sum().backward()
    for module in (method.module, phase.critic.module):
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name
                assert parameter.grad.abs().max() > 0, name


# ------------------------------------------------------------------------------------------------ recipes
def test_authors_recipe_builds_what_their_code_did() -> None:
    method = make(recipe="authors")
    phase = phase_of(method)
    assert (phase.optimiser.kind, phase.optimiser.alpha, phase.optimiser.eps) == ("rmsprop", 0.9, 1e-8)
    assert phase.optimiser.floor == 1e-6
    assert phase.optimiser.warmup == ((50, 1 / 50), (50, 1 / 5))
    assert phase.resample_degradation is False
    gammas = torch.cat([m.weight for m in method.module.modules() if isinstance(m, nn.BatchNorm2d)])
    assert 0 <= gammas.min() < 0.1
    assert 0.9 < gammas.max() <= 1
    assert method.module.stn.locnet[-1].bias.tolist() == [1, 1, 0, 0]
    assert phase.critic is not None
    assert any(isinstance(m, PlainDropout2d) for m in phase.critic.module.modules())


def test_paper_recipe_decays_as_the_paper_says() -> None:
    phase = phase_of(MTUN({"width": 4, "stacks": 1, "recipe": "paper"}))
    assert (phase.optimiser.kind, phase.optimiser.lr, phase.optimiser.decay) == ("rmsprop", 1e-3, 0.99)
    assert phase.optimiser.warmup == ()
    assert phase.batch_size == 8


def test_options_override_the_recipe() -> None:
    phase = phase_of(make(recipe="authors", epochs=3, batch_size=5, lr=0.5, resample_degradation=True, flip=False))
    assert (phase.epochs, phase.batch_size, phase.resample_degradation, phase.flip) == (3, 5, True, False)
    assert (phase.optimiser.lr, recipe("authors").lr) == (0.5, 1e-3)


# ------------------------------------------------------------------------------------------------ the STN
def test_loss_of_the_stn_is_a_mean_of_squares_in_its_units() -> None:
    target = torch.tensor([[0.1, 0.9, 0.0, 0.05], [0.0, 1.0, 0.0, 0.0]])
    assert L_w(target, target) == 0
    for column, unit in enumerate(WARP_UNITS):
        off = target.clone()
        off[1, column] -= 2 * unit  # a square of 4 in one of 8 numbers
        assert L_w(off, target).item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["paper", "authors", "tuned"])
def test_only_the_tuned_recipe_trains_the_stn_on_known_warps(name: str, batch: Batch) -> None:
    assert ("L_w" in phase_of(make(recipe=name)).loss(batch, 0)[0]) == (name == "tuned")


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"), [(2, 1, 0, 1), (4, 2, 1, 2), (4, 2, 1, 4), (4, 2, 1, 8)]
)
def test_deconvolution_of_few_pixels_is_a_deconvolution(kernel: int, stride: int, padding: int, size: int) -> None:
    torch.manual_seed(0)
    own, plain = (kind(6, 5, kernel, stride, padding) for kind in (Deconv, nn.ConvTranspose2d))
    plain.load_state_dict(own.state_dict())
    x = torch.randn(3, 6, size, size, requires_grad=True)
    direction = torch.randn_like(plain(x))
    torch.testing.assert_close(own(x), plain(x), rtol=0, atol=1e-5)
    gradients = [torch.autograd.grad((layer(x) * direction).sum(), [x, *layer.parameters()]) for layer in (own, plain)]
    for found, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


def test_weights_are_stored_in_half_precision(batch: Batch, tmp_path: Path) -> None:
    method = make(stacks=0)
    exact = {name: tensor.clone() for name, tensor in method.module.state_dict().items()}
    method.save(tmp_path)
    stored = load_file(tmp_path / "weights.safetensors")
    assert stored.keys() == exact.keys()
    for name, tensor in stored.items():
        assert tensor.dtype == (torch.float16 if tensor.ndim > 1 else exact[name].dtype), name
    other = make(stacks=0)
    other.load(tmp_path)
    assert torch.equal(method.upscale(batch.lr), other.upscale(batch.lr))


# ------------------------------------------------------------------------------------------------ learning
def fit(method: MTUN, batch: Batch, updates: int, lr: float) -> float:
    """Descend on one batch; returns the PSNR (dB) of the upscaled faces, in evaluation mode."""
    phase = phase_of(method)
    phase.module.train().to(memory_format=torch.channels_last)  # faster on the CPU
    optimiser = torch.optim.Adam([p for p in phase.module.parameters() if p.requires_grad], lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, updates)
    for _ in range(updates):
        optimiser.zero_grad()
        torch.stack(list(phase.loss(batch, 0)[0].values())).sum().backward()
        optimiser.step()
        schedule.step()
    # The statistics of the batch that the network learnt on, with its last weights.
    norms = [m for m in phase.module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        phase.module(batch.lr)
    return -10 * math.log10(F.mse_loss(method.upscale(batch.lr), batch.hr).item())


@pytest.mark.slow
def test_heatmaps_rise_in_a_brief_training(batch: Batch) -> None:
    method = make(feature=False, adversarial=False, width=8, recipe="paper")
    fit(method, batch, updates=60, lr=3e-3)
    heatmaps = method.upscale_and_inspect(batch.lr)[1]["heatmaps"]
    target = batch.heatmaps(64, 1.5)
    assert heatmaps.amax((2, 3)).min() > 0.2
    # Better than nothing and better than the best constant.
    assert F.mse_loss(heatmaps, target) < 0.8 * target.var((2, 3), correction=0).mean()


def drawn_faces(n: int) -> Batch:
    """n upright drawn faces of as many people, in three poses, and their LR faces under random warps."""
    hr, landmarks = [], []
    for who in range(n):
        drawing = draw(who, 0, 0, yaw=20.0 * (who % 3 - 1))
        anchors, rows = align.anchor_points(drawing.landmarks)
        matrix = align.similarity(anchors, align.TEMPLATE[rows])
        hr.append(align.warp(drawing.image, matrix))
        landmarks.append(align.transform(matrix, drawing.landmarks))
    faces, warp = to_float(torch.from_numpy(np.stack(hr))), degrade.sample_warps(n, torch.Generator().manual_seed(0))
    component = torch.from_numpy(component_of(68)).expand(n, 68)
    return Batch(faces, degrade.degrade(faces, warp), warp, torch.from_numpy(np.stack(landmarks)).float(), component)


@pytest.mark.slow
def test_narrow_network_learns_to_align_and_sharpen_four_faces() -> None:
    faces = drawn_faces(4)
    method = make(feature=False, adversarial=False, width=8, recipe="paper")
    aligned = degrade.resize(degrade.align(faces.lr, faces.warp), degrade.HR).clamp(0, 1)
    bicubic_with_true_warps = -10 * math.log10(F.mse_loss(aligned, faces.hr).item())
    assert fit(method, faces, updates=100, lr=8e-3) >= bicubic_with_true_warps + 2
