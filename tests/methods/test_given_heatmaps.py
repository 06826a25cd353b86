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
from benchmark.training.engine import Settings, train
from datasets.batch import Batch, to_float
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, Method, create
from methods.mtun import TINY

CPU = torch.device("cpu")


def made(heatmaps: str, fit_briefly) -> Method:
    return fit_briefly(create("mtun", TINY | {"stacks": 0, "heatmaps": heatmaps}))


def test_the_true_heatmaps_are_heard_and_empty_ones_are_not(batch: Batch, fit_briefly) -> None:
    true, zero = made("true", fit_briefly), made("zero", fit_briefly)
    moved = replace(batch, landmarks=batch.landmarks + 20)
    faces = []
    for told in (batch, moved, batch):
        true.tell(told)
        faces.append(true.upscale(batch.lr))
    assert torch.equal(faces[0], faces[2])
    assert (faces[0] - faces[1]).abs().max() > 1e-3
    assert not zero.told
    with torch.no_grad():
        handed = true.module.eval()(batch.lr, given=torch.zeros(4, 4, 64, 64)).sr
        true.module.empty = True
        assert torch.equal(true.module(batch.lr).sr, handed)


def test_training_hands_over_the_heatmaps_that_heb_is_trained_on(batch: Batch) -> None:
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true", "sigma": 3.0})
    phase, seen = method.phases(Context(CPU))[1], []
    method.module.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    terms, _ = phase.loss(batch, 0)
    assert torch.equal(seen[0], batch.heatmaps(64, 3.0, "upright"))
    assert "L_h" not in terms


def test_faces_that_were_not_told_are_refused(batch: Batch, fit_briefly) -> None:
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true"})
    with pytest.raises(BadInput, match="the true heatmaps of these faces are not known"):
        method.upscale(batch.lr)
    method.tell(batch)
    with pytest.raises(BadInput, match="not known"):
        method.upscale(batch.lr[:3])
    with pytest.raises(BadInput, match="set stacks: 0, no heb_at"):
        create("mtun", {"heatmaps": "true"})


def test_its_front_is_the_one_that_other_runs_train() -> None:
    """Else it could not take over their first phase."""
    networks = []
    for options in ({"stacks": 4}, {"stacks": 0, "heatmaps": "true"}):
        method = create("mtun", TINY | options)
        first = method.phases(Context(CPU, seed=5))[0]
        networks.append((first.shared, method.module.front().state_dict()))
    (one, a), (other, b) = networks
    assert one == other
    assert all(torch.equal(a[name], b[name]) for name in a)


class Copy(Method):
    """Gives back the HR faces that it was told of."""

    told = True
    batch: Batch

    def tell(self, batch: Batch) -> None:
        self.batch = batch

    def upscale(self, lr: Tensor) -> Tensor:
        assert torch.equal(lr, self.batch.lr)
        return self.batch.hr

    def fit(self, pairs, context): ...
    def save(self, folder): ...
    def load(self, folder): ...


def test_predict_tells_of_each_face_what_is_true_of_it(pairs: Pairs, tmp_path: Path) -> None:
    assert len(pairs) % BATCH
    predict(Copy(), to_float(torch.from_numpy(pairs.lr)), pairs, tmp_path / "sr", "copy")
    for name, hr in zip(pairs.faces["name"], pairs.hr, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "sr" / f"{name}.png")), hr)


def test_the_validation_tells_too(pairs: Pairs, tmp_path: Path) -> None:
    context = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv")
    method = create("mtun", TINY | {"stacks": 0, "heatmaps": "true", "front_epochs": 1, "random_vgg_width": 4})
    train(method, pairs, context, Settings())
    assert pd.read_csv(tmp_path / "log.csv")["val_psnr"].notna().tolist() == [False, True]
