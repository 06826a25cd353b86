"""Ma et al.'s method against the textbook's N x N solve for every patch of every face."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from datasets import degrade
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.position_patch.method import PositionPatch
from tests.textbook import position_patch as textbook

N_TRAIN, N_TEST = 300, 2


def smooth_faces(n: int, seed: int) -> torch.Tensor:
    """HR images (n, 3, 128, 128) in [0, 1] with structure at several scales and a black corner, as alignment leaves."""
    generator = torch.Generator().manual_seed(seed)
    image = sum(
        degrade.resize(torch.rand(n, 3, size, size, generator=generator) - 0.5, 128) * amplitude
        for size, amplitude in ((4, 1.0), (16, 0.6), (64, 0.3))
    )
    image = (image + 0.5).clamp(0, 1)
    image[:, :, :32, :32] = 0
    return degrade.quantise(image)


def make_pairs(hr: torch.Tensor, validation: int = 0) -> Pairs:
    """Pairs whose stored LR faces are upright; the last `validation` of them form the fold."""
    n = len(hr)
    lr = degrade.quantise(degrade.resize(hr, 16))
    faces = pd.DataFrame({"name": [str(i) for i in range(n)], "points": 68, "validation": 0})
    faces.loc[n - validation :, "validation"] = 1
    return Pairs(
        hr=to_uint8(hr).numpy(),
        lr=to_uint8(lr).numpy(),
        warp=np.tile(np.float32([0, 1, 0, 0]), (n, 1)),
        landmarks=np.zeros((n, 68, 2), np.float32),
        visible=np.ones((n, 68), bool),
        faces=faces,
    )


def lent(seed: int = 0) -> Context:
    return Context(device=torch.device("cpu"), seed=seed)


@pytest.fixture(scope="module")
def faces() -> tuple[torch.Tensor, torch.Tensor]:
    return smooth_faces(N_TRAIN, 0), smooth_faces(N_TEST, 1)


@pytest.mark.parametrize(
    ("patch", "overlap", "count"),
    [(4, 2, N_TRAIN), (4, 3, N_TRAIN), (3, 2, N_TRAIN), (4, 0, N_TRAIN), (4, 2, 20)],  # 20: fewer than dimensions
)
def test_equals_the_textbook_solve(faces, patch, overlap, count):
    train, test = faces[0][:count], faces[1]
    train_lr = degrade.quantise(degrade.resize(train, 16)).double().numpy()
    # A patch far from every training one makes the ridge differ most between patches.
    lr = torch.cat([degrade.resize(test, 16).clamp(0, 1), torch.ones(1, 3, 16, 16)])
    method = PositionPatch({"patch": patch, "overlap": overlap})
    method.fit(make_pairs(train), lent())
    sr = method.upscale(lr).numpy()
    for i in range(len(lr)):
        expected = textbook(train_lr, train.double().numpy(), lr[i].double().numpy(), patch, patch - overlap)
        assert np.abs(sr[i] - expected).max() < 1e-4


def test_rebuilds_a_training_face_among_few(faces):
    """With fewer faces than dimensions a training face is its own best combination."""
    few = faces[0][:20]
    method = PositionPatch()
    method.fit(make_pairs(few), lent())
    sr = method.upscale(degrade.quantise(degrade.resize(few, 16)))
    assert (sr - few).abs().max() < 0.02


def test_patches_without_variation_give_the_mean_face(faces):
    same = faces[0][:1].expand(5, -1, -1, -1)
    method = PositionPatch()
    method.fit(make_pairs(same), lent())
    assert torch.allclose(method.upscale(torch.rand(3, 3, 16, 16)), same[:3], atol=1e-5)


def test_the_validation_fold_is_left_out(faces):
    train = faces[0][:40]
    with_fold, without = PositionPatch(), PositionPatch()
    with_fold.fit(make_pairs(train, validation=10), lent())
    without.fit(make_pairs(train[:30]), lent())
    lr = torch.rand(2, 3, 16, 16)
    assert torch.equal(with_fold.upscale(lr), without.upscale(lr))


def test_faces_draws_that_many_by_the_seed(faces):
    train, lr = faces[0][:60], torch.rand(2, 3, 16, 16)
    outputs = []
    for seed in (0, 0, 1):
        method = PositionPatch({"faces": 20})
        method.fit(make_pairs(train), lent(seed))
        outputs.append(method.upscale(lr))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2], atol=1e-3)
    whole = PositionPatch({"faces": 60})
    whole.fit(make_pairs(train), lent())
    assert not torch.allclose(outputs[0], whole.upscale(lr), atol=1e-3)


@pytest.mark.parametrize("options", [{"overlap": 4}, {"patch": 5, "overlap": 2}])
def test_refuses_a_grid_that_misses_the_border(options):
    with pytest.raises(BadInput, match=r"PositionPatch: options patch: ., overlap: .; overlap is less"):
        PositionPatch(options)


def test_refuses_more_faces_than_there_are(faces):
    with pytest.raises(BadInput, match="PositionPatch option faces: 50; there are"):
        PositionPatch({"faces": 50}).fit(make_pairs(faces[0][:40]), lent())


def test_refuses_to_work_unfitted():
    with pytest.raises(BadInput, match="not fitted"):
        PositionPatch().upscale(torch.zeros(1, 3, 16, 16))
