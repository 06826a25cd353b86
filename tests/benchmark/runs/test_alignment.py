"""Alignment: which faces a run sees, and that a method fitted in closed form sees them aligned and in 8 bits."""

import numpy as np
import pytest
import tiny
import torch

from benchmark.runs import alignment
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from methods.interface import unaligned

CPU = torch.device("cpu")


def test_closed_form_methods_get_aligned_pairs_by_warps_that_a_photograph_has_not() -> None:
    pairs = tiny.make_pairs()
    lr, warp = to_float(torch.from_numpy(pairs.lr)), torch.from_numpy(pairs.warp)
    by_truth = alignment.aligned_pairs(pairs, alignment.oracle, CPU)
    assert np.array_equal(by_truth.lr, to_uint8(degrade.align(lr, warp)).numpy())
    turned = alignment.aligned_pairs(pairs, lambda lr, warp: lr.flip(3), CPU)
    assert np.array_equal(turned.lr, pairs.lr[:, :, ::-1])
    assert turned.hr is pairs.hr
    assert alignment.aligned_pairs(pairs, unaligned, CPU) is pairs
    with pytest.raises(BadInput, match="known for prepared faces alone"):
        alignment.oracle(torch.rand(1, 3, 16, 16), None)
