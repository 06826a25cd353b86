"""MTUN and DIC with given heatmaps: what they see is the truth about these very faces, or nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmark.predict import BATCH, predict
from benchmark.training.loop import Settings, train
from datasets.batch import Batch, to_float
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.bicubic import Bicubic
from methods.interface import Context
from methods.trained import TrainedMethod
from tests.methods.common import CPU, assert_same, inputs_of, made

OPTIONS = {"mtun": {"stacks": 0, "feature": False, "adversarial": False}, "dic": {"width": 0.1}}


def given(name: str, heatmaps: str, **options: object) -> TrainedMethod:
    return made(name, **OPTIONS[name], heatmaps=heatmaps, **options)


@pytest.fixture
def moved(batch: Batch) -> Batch:
    """The faces with their landmarks elsewhere."""
    return replace(batch, landmarks=batch.landmarks + 20)


@pytest.mark.parametrize(("name", "least"), [("mtun", 1e-3), ("dic", 1e-5)])
def test_true_heatmaps_change_every_face(name: str, least: float, batch: Batch, moved: Batch) -> None:
    true = given(name, "true")
    one, other, again = (true.upscale(batch.lr, truth) for truth in (batch, moved, batch))
    assert_same(one, again)
    assert (one - other).abs().amax((1, 2, 3)).min() > least
    wide = true.to("cpu", torch.float64).upscale(batch.lr.double(), batch)
    torch.testing.assert_close(wide.float(), one, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "heatmaps"), [("mtun", "zero"), ("dic", "zero"), ("dic", "estimated")])
def test_other_networks_do_not_see_the_truth(name: str, heatmaps: str, batch: Batch, moved: Batch) -> None:
    method = given(name, heatmaps)
    assert not method.requires_ground_truth
    alone = method.upscale(batch.lr)
    assert_same(method.upscale(batch.lr, batch), alone)
    assert_same(method.upscale(batch.lr, moved), alone)


@pytest.mark.parametrize("name", OPTIONS)
def test_empty_heatmaps_are_those_of_faces_without_landmarks(name: str, batch: Batch) -> None:
    nowhere = replace(
        batch, landmarks=torch.full_like(batch.landmarks, torch.nan), component=torch.full_like(batch.component, -1)
    )
    assert_same(given(name, "zero").upscale(batch.lr), given(name, "true").upscale(batch.lr, nowhere))


@pytest.mark.parametrize("name", OPTIONS)
def test_without_the_truth_it_is_refused(name: str, batch: Batch) -> None:
    method = given(name, "true")
    assert method.requires_ground_truth
    for lr, truth in ((batch.lr, None), (batch.lr[:3], batch)):
        with pytest.raises(BadInput, match=f"^{name}: the true (heatmaps|landmarks) of these faces are not known"):
            method.upscale(lr, truth)


def test_training_hands_over_the_heatmaps_that_heb_is_trained_on(batch: Batch) -> None:
    method = given("mtun", "true", sigma=3.0)
    [phase] = method.phases(Context(CPU))
    seen = inputs_of(method.module.decoder)
    assert "L_h" not in phase.loss(batch, 0)[0]
    assert_same(seen[0][1], batch.heatmaps(64, 3.0, "upright"))


class Copy(Bicubic):
    """Gives back the HR faces of the truth."""

    requires_ground_truth = True

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        assert truth is not None
        assert torch.equal(lr, truth.lr)
        return truth.hr


def test_predict_hands_over_the_truth_about_each_face(pairs: Pairs, tmp_path: Path) -> None:
    pairs = pairs[np.arange(len(pairs) - 1)]
    assert len(pairs) % BATCH  # the last batch is smaller
    predict(Copy(), to_float(torch.from_numpy(pairs.lr)), pairs, tmp_path, "copy")
    for name, hr in zip(pairs.faces["name"], pairs.hr, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{name}.png")), hr)


def test_the_validation_hands_over_the_truth_too(pairs: Pairs, tmp_path: Path) -> None:
    context = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv")
    train(given("mtun", "true"), pairs, context, Settings())
    assert pd.read_csv(context.log)["val_psnr"].notna().all()
