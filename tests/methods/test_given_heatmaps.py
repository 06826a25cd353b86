"""MTUN with given heatmaps: what the decoder sees is the truth about these very faces, or nothing."""

from __future__ import annotations

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
from methods.interface import Context, Method, create
from methods.mtun import TINY

CPU = torch.device("cpu")


def test_true_heatmaps_change_the_output_and_empty_ones_do_not(batch: Batch, fit_briefly) -> None:
    options = TINY | {"stacks": 0}
    true, zero = (fit_briefly(create("mtun", options | {"heatmaps": kind})) for kind in ("true", "zero"))
    moved = replace(batch, landmarks=batch.landmarks + 20)
    faces = []
    for truth in (batch, moved, batch):
        faces.append(true.upscale(batch.lr, truth))
    assert torch.equal(faces[0], faces[2])
    assert (faces[0] - faces[1]).abs().max() > 1e-3
    assert not zero.requires_ground_truth
    with torch.no_grad():
        handed = true.module.eval()(batch.lr, given=torch.zeros(4, 4, 64, 64)).sr
        true.module.empty = True
        assert torch.equal(true.module(batch.lr).sr, handed)


def test_training_hands_over_the_heatmaps_that_heb_is_trained_on(batch: Batch) -> None:
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true", "sigma": 3.0})
    [phase], seen = method.phases(Context(CPU)), []
    method.module.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    terms, _ = phase.loss(batch, 0)
    assert torch.equal(seen[0], batch.heatmaps(64, 3.0, "upright"))
    assert "L_h" not in terms


def test_without_the_truth_it_is_refused(batch: Batch, fit_briefly) -> None:
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true"})
    with pytest.raises(BadInput, match="the true heatmaps of these faces are not known"):
        method.upscale(batch.lr)
    with pytest.raises(BadInput, match="not known"):
        method.upscale(batch.lr[:3], batch)
    with pytest.raises(BadInput, match="set stacks: 0, no heb_at"):
        create("mtun", {"heatmaps": "true"})


class Copy(Method):
    """Gives back the HR faces of the truth."""

    requires_ground_truth = True

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        assert truth is not None
        assert torch.equal(lr, truth.lr)
        return truth.hr

    def fit(self, pairs, context): ...
    def save(self, folder): ...
    def load(self, folder): ...


def test_predict_hands_over_the_truth_about_each_face(pairs: Pairs, tmp_path: Path) -> None:
    pairs = pairs[np.arange(len(pairs) - 1)]
    assert len(pairs) % BATCH  # the last batch is smaller
    predict(Copy(), to_float(torch.from_numpy(pairs.lr)), pairs, tmp_path, "copy")
    for name, hr in zip(pairs.faces["name"], pairs.hr, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{name}.png")), hr)


def test_the_validation_hands_over_the_truth_too(pairs: Pairs, tmp_path: Path) -> None:
    context = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv")
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true", "random_vgg_width": 4})
    train(method, pairs, context, Settings())
    assert pd.read_csv(tmp_path / "log.csv")["val_psnr"].notna().all()
