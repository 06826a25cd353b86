"""Ma et al.'s method against the textbook's N x N solve for every patch of every face."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from datasets import degrade
from datasets.batch import to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context
from methods.position_patch import method as position_patch
from methods.position_patch.method import PositionPatch
from tests.methods.common import CPU, assert_same
from tests.textbook import position_patch as textbook


def smooth_faces(n: int, seed: int) -> Tensor:
    """HR images (n, 3, 128, 128) in [0, 1] with structure at several scales and a black corner, as alignment leaves."""
    generator = torch.Generator().manual_seed(seed)
    image = sum(
        degrade.resize(torch.rand(n, 3, size, size, generator=generator) - 0.5, 128) * amplitude
        for size, amplitude in ((4, 1.0), (16, 0.6), (64, 0.3))
    )
    image = (image + 0.5).clamp(0, 1)
    image[:, :, :32, :32] = 0
    return degrade.quantise(image)


def lr_of(hr: Tensor) -> Tensor:
    return degrade.quantise(degrade.resize(hr, 16))


def fitted(hr: Tensor, validation: int = 0, seed: int = 0, **options: int) -> PositionPatch:
    """The method, fitted on upright faces of which the last `validation` form the fold."""
    n = len(hr)
    images = [to_uint8(faces).numpy() for faces in (hr, lr_of(hr))]
    points = np.zeros((n, 68, 2), np.float32)
    faces = pd.DataFrame({"validation": [0] * (n - validation) + [1] * validation, "points": 68})
    method = PositionPatch(options)
    method.fit(Pairs(*images, np.zeros((n, 4), np.float32), points, points[..., 0] == 0, faces), Context(CPU, seed))
    return method


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return smooth_faces(100, 0)


@pytest.mark.parametrize(
    ("patch", "overlap", "count"),
    [(4, 2, 100), (3, 2, 100), (4, 0, 100), (4, 2, 20)],  # 20: fewer than dimensions
)
def test_equals_the_textbook_solve(
    patch: int, overlap: int, count: int, faces: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(position_patch, "CHUNK", 64)  # the faces are more than one chunk
    train = faces[:count]
    # A patch far from every training one makes the ridge differ most between patches.
    lr = torch.cat([degrade.resize(smooth_faces(1, 1), 16).clamp(0, 1), torch.ones(1, 3, 16, 16), lr_of(train[:1])])
    train_lr, train_hr = lr_of(train).double().numpy(), train.double().numpy()
    expected = [textbook(train_lr, train_hr, face, patch, patch - overlap) for face in lr.double().numpy()]
    sr = fitted(train, patch=patch, overlap=overlap).upscale(lr)
    np.testing.assert_allclose(sr.numpy(), expected, rtol=0, atol=1e-4)
    if count < 3 * patch**2:  # a training face is its own best combination
        torch.testing.assert_close(sr[2], train[0], rtol=0, atol=0.02)


def test_patches_without_variation_give_the_mean_face(faces: Tensor) -> None:
    same = faces[:1].expand(5, -1, -1, -1)
    torch.testing.assert_close(fitted(same).upscale(torch.rand(3, 3, 16, 16)), same[:3], rtol=1e-5, atol=1e-5)


def test_the_validation_fold_is_left_out(faces: Tensor) -> None:
    lr = torch.rand(2, 3, 16, 16)
    assert_same(fitted(faces[:40], validation=10).upscale(lr), fitted(faces[:30]).upscale(lr))


def test_faces_draws_that_many_by_the_seed(faces: Tensor) -> None:
    train, lr = faces[:60], torch.rand(2, 3, 16, 16)
    drawn = fitted(train, faces=20).upscale(lr)
    assert_same(fitted(train, faces=20).upscale(lr), drawn)
    for other in (fitted(train, faces=20, seed=1), fitted(train, faces=60)):
        assert not torch.allclose(other.upscale(lr), drawn, atol=1e-3)
    with pytest.raises(BadInput, match="PositionPatch option faces: 70; there are 60 "):
        fitted(train, faces=70)
