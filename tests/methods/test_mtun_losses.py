"""MTUN's losses against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.batch import Batch
from methods.interface import Context
from methods.layers import WARP_UNITS, L_w
from methods.mtun import losses
from methods.vgg import VGGFeatures
from tests.methods.test_mtun import CPU, make, phase_of


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


@pytest.mark.parametrize(("heb_at", "sigma"), [(64, 2.0), (32, 1.0), (16, 0.5)])
def test_structure_loss_is_the_sum_of_mean_squared_errors(heb_at: int, sigma: float, batch: Batch) -> None:
    method = make(stacks=2, heb_at=heb_at, sigma=2.0, heatmap_weight=3.0)
    terms, _ = phase_of(method).loss(batch, 0)
    target = batch.heatmaps(heb_at, sigma, "lr" if heb_at < 64 else "upright").double().numpy()
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
