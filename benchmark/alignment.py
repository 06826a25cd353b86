"""LR faces turned upright for fitting, predicting and upscaling alike: by STN_0, by their true warps, or not at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from benchmark import config
from benchmark.make import make_method
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Align, unaligned
from methods.stn0 import STN0

_BATCH = 64


def alignment(
    experiment: config.Experiment, how: str, device: torch.device, dtype: torch.dtype = torch.float32
) -> Align:
    """How LR faces of this type are turned upright, of config.ALIGNMENTS; BadInput where an STN_0 is not trained."""
    if how in config.ALIGNERS:
        return load_stn0(experiment.aligner(how), device, dtype)
    return oracle if how == "oracle" else unaligned


def load_stn0(aligner: config.Aligner, device: torch.device, dtype: torch.dtype = torch.float32) -> Align:
    """An STN_0, which needs no warps; BadInput where it is not trained."""
    method = make_method(aligner)
    assert isinstance(method, STN0)
    method.load(aligner.weights())
    method.to(device, dtype)
    return by_stn0(method)


def by_stn0(method: STN0) -> Align:
    """Upright by what the network sees, whatever the warps are. It waits for nothing: a CUDA graph may hold it."""
    return lambda lr, warp: torch.cat([method.align(part)[0] for part in lr.split(_BATCH)])


def oracle(lr: Tensor, warp: Tensor | None) -> Tensor:
    """LR faces turned upright by their true warps; BadInput where those are not to be had."""
    if warp is None:
        raise BadInput("oracle alignment: the true warp is known for prepared faces alone; take a run without it")
    return degrade.align(lr, warp)


def aligned_faces(pairs: Pairs, align: Align, device: torch.device) -> Tensor:
    """The LR faces of `pairs` as a run is to see them: (N, 3, 16, 16) float64 in [0, 1] on `device`, not rounded.

    In float64, so that no processor's way of rounding is to be seen in images of 8 bits.
    """
    lr, warp = to_float(torch.from_numpy(np.array(pairs.lr))), torch.from_numpy(np.array(pairs.warp))
    lr = lr.to(device, torch.float64, memory_format=torch.contiguous_format)
    return align(lr, warp.to(device, torch.float64))


def aligned_pairs(pairs: Pairs, align: Align, device: torch.device) -> Pairs:
    """`pairs` with its LR faces turned upright, in float64, and rounded to 8 bits, for methods fitted in one go.

    The engine aligns the LR faces of a trained method itself, because their warps change from epoch to epoch.
    """
    if align is unaligned:
        return pairs
    return dataclasses.replace(pairs, lr=to_uint8(aligned_faces(pairs, align, device)).cpu().numpy())
