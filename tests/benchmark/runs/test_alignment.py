"""Alignment: which faces a run sees, and that a method fitted in closed form sees them aligned and in 8 bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import experiments
import numpy as np
import pytest
import tiny
import torch

from benchmark import config
from benchmark.runs import alignment
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from methods.interface import Context, create, unaligned

CPU = torch.device("cpu")


def mirrored(lr: torch.Tensor, warp: torch.Tensor | None) -> torch.Tensor:
    return lr.flip(3)


def test_closed_form_methods_get_aligned_pairs() -> None:
    pairs = tiny.make_pairs()
    lr, warp = to_float(torch.from_numpy(pairs.lr)), torch.from_numpy(pairs.warp)
    by_truth = alignment.aligned_pairs(pairs, alignment.oracle, CPU)
    assert np.array_equal(by_truth.lr, to_uint8(degrade.align(lr, warp)).numpy())
    turned = alignment.aligned_pairs(pairs, mirrored, CPU)
    assert np.array_equal(turned.lr, pairs.lr[:, :, ::-1])
    assert alignment.aligned_pairs(pairs, unaligned, CPU) is pairs


def test_faces_to_upscale_are_not_rounded() -> None:
    pairs = tiny.make_pairs()
    lr, warp = to_float(torch.from_numpy(pairs.lr)).double(), torch.from_numpy(pairs.warp).double()
    assert torch.equal(alignment.aligned_faces(pairs, alignment.oracle, CPU), degrade.align(lr, warp))
    assert torch.equal(alignment.aligned_faces(pairs, unaligned, CPU), lr)


def test_a_runs_choice_is_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = config.load(path=experiments.write(tmp_path, experiments.block("toy")))
    assert alignment.alignment(experiment, "oracle", CPU) is alignment.oracle
    assert alignment.alignment(experiment, "none", CPU) is unaligned
    with pytest.raises(BadInput, match="stn0"):
        alignment.alignment(experiment, "stn0", CPU)


def test_a_photograph_has_no_true_warp() -> None:
    with pytest.raises(BadInput, match="known for prepared faces alone"):
        alignment.oracle(torch.rand(1, 3, 16, 16), None)


def test_position_patch_fits_on_the_aligned_faces() -> None:
    """The LR faces, and only they, are turned."""
    pairs, lr = tiny.make_pairs(40), torch.rand(2, 3, 16, 16)
    expected = dataclasses.replace(pairs, lr=np.ascontiguousarray(pairs.lr[:, :, ::-1]))
    by_align = alignment.aligned_pairs(pairs, mirrored, CPU)
    one, other, as_stored = (fitted(faces).upscale(lr) for faces in (by_align, expected, pairs))
    assert torch.equal(one, other)
    assert not torch.allclose(one, as_stored, atol=1e-2)


def fitted(pairs):
    method = create("position_patch")
    method.fit(pairs, Context(CPU))
    return method
