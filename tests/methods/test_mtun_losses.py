"""MTUN's losses against independent computations."""

import math

import pytest
import torch
from torch import Tensor, nn

from datasets.batch import Batch
from methods.interface import Context
from methods.mtun import TINY, losses
from methods.mtun.method import MTUN
from methods.vgg import VGGFeatures
from tests.methods.common import CPU, assert_same
from tests.methods.test_mtun import make, phase_of


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ({"recipe": "paper"}, {"L_p", "L_f", "L_U", "L_h"}),
        ({"recipe": "paper", "adversarial": False}, {"L_p", "L_f", "L_h"}),
        ({"recipe": "paper", "adversarial": False, "feature": False}, {"L_p", "L_h"}),
        ({"recipe": "paper", "stacks": 0}, {"L_p", "L_f", "L_U"}),
        ({"recipe": "paper", "stacks": 0, "adversarial": False, "feature": False}, {"L_p"}),
        ({"recipe": "authors"}, {"L_p", "L_f", "L_U", "L_h"}),
        ({"recipe": "tuned"}, {"L_p", "L_f", "L_U", "L_h", "L_w"}),  # the STN, on known warps
    ],
)
def test_loss_sets_of_table_3_and_of_the_recipes(options: dict, terms: set[str], batch: Batch) -> None:
    phase = phase_of(make(**options))
    found, sr = phase.loss(batch, 0)
    assert set(found) == terms
    assert all(term.ndim == 0 and term.isfinite() for term in found.values())
    assert (phase.critic is None) == ("L_U" not in terms)
    assert sr.shape == batch.hr.shape


@pytest.mark.parametrize(("heb_at", "sigma"), [(64, 2.0), (32, 1.0), (16, 0.5)])
def test_structure_loss_is_the_sum_of_mean_squared_errors(heb_at: int, sigma: float, batch: Batch) -> None:
    method = make(stacks=2, heb_at=heb_at, sigma=2.0, heatmap_weight=3.0, feature=False, adversarial=False)
    terms, _ = phase_of(method).loss(batch, 0)
    target = batch.heatmaps(heb_at, sigma, "lr" if heb_at < 64 else "upright").double()
    with torch.no_grad():
        expected = sum((maps.double() - target).square().mean().item() for maps in method.module(batch.lr).heatmaps)
    assert terms["L_h"].item() == pytest.approx(3 * expected, rel=1e-4)


@pytest.mark.parametrize("heb_at", [64, 16])
def test_targets_are_in_full_precision_under_autocast(heb_at: int, batch: Batch) -> None:
    method = make(heb_at=heb_at)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        target = method.target(batch)
    assert_same(target, method.target(batch))


def test_pixel_and_feature_losses_compare_images_in_minus_one_to_one(batch: Batch) -> None:
    context = Context(CPU)
    [phase] = MTUN(TINY | {"alpha": 0.5}).phases(context)
    terms, sr = phase.loss(batch, 0)
    sr, hr = sr.detach(), 2 * batch.hr - 1
    assert terms["L_p"].item() == pytest.approx((sr - hr).double().square().mean().item(), rel=1e-5)
    psi = VGGFeatures(None)
    assert terms["L_f"].item() == pytest.approx(0.5 * (psi(sr) - psi(hr)).square().mean().item(), rel=1e-5)
    assert context.notes["vgg"] == "random, width 64, seed 0"


def test_adversarial_losses_of_a_critic_with_a_known_answer() -> None:
    class Brightness(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.mean((1, 2, 3))

    critic, bright, dark = Brightness(), torch.ones(2, 3, 8, 8), -torch.ones(2, 3, 8, 8)
    surprise = math.log(1 + math.exp(-1))  # -log of the sigmoid of 1
    assert losses.L_U(critic, bright).item() == pytest.approx(surprise)
    assert losses.L_U(critic, dark).item() == pytest.approx(1 + surprise)  # fooling the critic costs less
    terms = {name: term.item() for name, term in losses.L_D(critic, hr=bright, sr=dark / 2).items()}
    assert terms == pytest.approx({"L_D_real": surprise, "L_D_sr": math.log(1 + math.exp(-0.5))})


def test_weight_of_the_adversarial_loss_follows_the_recipe(batch: Batch) -> None:
    assert make(recipe="paper").beta(500) == 0.01
    heavy = make(recipe="authors", beta=0.006)
    assert (heavy.beta(0), heavy.beta(1000)) == (0.006, 0.005)
    authors = make(recipe="authors", feature=False)
    assert authors.beta(10) == pytest.approx(0.01 * 0.995**10)
    assert authors.beta(500) == 0.005
    phase = phase_of(authors)
    phase.critic.module.eval()
    first, last = (phase.loss(batch, epoch)[0]["L_U"].item() for epoch in (0, 500))
    assert last == pytest.approx(first / 2, rel=1e-4)
