"""LR faces aligned for training, prediction and upscaling alike: by an STN_0, by their true warps, or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark import cli, config
from benchmark.runs.float64 import FastFloat64
from benchmark.runs.make import load_method
from benchmark.scoring.estimates import rounded, warp_errors
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Align, unaligned

_BATCH = 64


def alignment(
    experiment: config.Experiment,
    how: str,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    folder: Path | None = None,
) -> Align:
    """The function that aligns LR faces of this type.

    Args:
        how: the name of an STN_0, "oracle" or "none".
        folder: of a network's weights; the STN_0 that was given away with it, if any, comes before the experiment's.

    Raises:
        BadInput: if the STN_0 is not trained.
    """
    if how == config.NOTHING:
        return unaligned
    if how == config.ORACLE:
        return oracle
    given = folder / how if folder else None
    method = load_method(experiment.run(how), 0, given if given and given.is_dir() else None).to(device, dtype)
    # It waits for nothing, so that a CUDA graph may hold it.
    return lambda lr, warp: torch.cat([method.align(part)[0] for part in lr.split(_BATCH)])


def oracle(lr: Tensor, warp: Tensor | None) -> Tensor:
    """LR faces aligned by their true warps.

    Raises:
        BadInput: if those are not known, as for photographs from elsewhere.
    """
    if warp is None:
        raise BadInput("oracle alignment: the true warp is known for prepared faces alone; take a run without it")
    return degrade.align(lr, warp)


def aligned_faces(pairs: Pairs, align: Align, device: torch.device) -> Tensor:
    """The LR faces of `pairs` as a run is to see them: (N, 3, 16, 16) float64 in [0, 1] on `device`, not rounded.

    In float64, so that rounding never changes the 8-bit images.
    """
    lr, warp = to_float(torch.from_numpy(np.array(pairs.lr))), torch.from_numpy(np.array(pairs.warp))
    lr = lr.to(device, torch.float64, memory_format=torch.contiguous_format)
    with FastFloat64():
        return align(lr, warp.to(device, torch.float64))


def aligned_pairs(pairs: Pairs, align: Align, device: torch.device) -> Pairs:
    """`pairs` with its LR faces aligned and rounded to 8 bits, for methods that are fitted in closed form.

    The training loop aligns the LR faces of a trained method itself, because their warps change from epoch to epoch.
    """
    if align is unaligned:
        return pairs
    return dataclasses.replace(pairs, lr=to_uint8(aligned_faces(pairs, align, device)).cpu().numpy())


@torch.no_grad()
def score_alignment(run: config.Run, test: Pairs) -> None:
    """Write metrics/RUN.json of an STN_0 or trunk: warp errors on the test faces, and those of aligning nothing."""
    method = load_method(run, 0).to("cpu", torch.float64)
    lr = to_float(torch.from_numpy(np.array(test.lr))).double()
    parts = [method.upscale_and_inspect(part)[1] for part in lr.split(_BATCH)]
    (name,) = [key for key in parts[0] if key.startswith("warp_")]
    estimate, truth = torch.cat([part[name] for part in parts]), torch.from_numpy(np.array(test.warp))
    identity = truth.new_tensor([0.0, 1.0, 0.0, 0.0]).expand_as(truth)
    errors = {"estimated": warp_errors(estimate, truth), "identity": warp_errors(identity, truth)}
    cli.write_json(run.metrics, {"faces": len(test), **rounded(errors)})
