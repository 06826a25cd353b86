"""Scores on the validation fold after an epoch, and a sample of its SR faces."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.cli import whole_file
from benchmark.scoring.metrics import psnr
from benchmark.training.checkpoint import Run
from benchmark.training.step import align_batch
from datasets import degrade
from datasets.batch import to_uint8

_GRID = 8  # faces in a sample grid
_BATCH = 64


@torch.no_grad()
def validate(run: Run) -> dict[str, float]:
    """Mean PSNR (dB, 8-bit RGB) over the validation fold, NaN where it is empty; writes the sample grid.

    val_rotation: mean error of the method's own STN, degrees, where it has one. The faces are the stored ones.
    """
    if not len(run.validation):
        return {"val_psnr": math.nan}
    method, scores, turns = run.method, list[float](), list[Tensor]()
    method.module.eval()
    with torch.compiler.set_stance("force_eager"):  # odd batch sizes are not worth a compilation
        for rows in torch.arange(len(run.validation), device=run.context.device).split(_BATCH):
            batch = align_batch(run.validation.batch(rows), run.context)
            sr, estimated = method.upscale_and_inspect(batch.lr, batch if method.requires_ground_truth else None)
            if "warp_stn" in estimated:
                turns.append(degrade.wrapped(estimated["warp_stn"][:, 0].double() - batch.warp[:, 0].double()).abs())
            if not scores:
                name = f"{run.number + 1}_{run.phase.name}_{run.state.epoch + 1:04d}.png"
                _save_grid(run.context.workdir / "samples" / name, batch.lr[:_GRID], sr[:_GRID], batch.hr[:_GRID])
            images, references = (to_uint8(faces).cpu().numpy() for faces in (sr, batch.hr))
            scores += map(psnr, images, references)
    run.phase.module.train()
    rotation = {"val_rotation": torch.rad2deg(torch.cat(turns).mean()).item()} if turns else {}
    return {"val_psnr": float(np.mean(scores)), **rotation}


def _save_grid(path: Path, lr: Tensor, sr: Tensor, hr: Tensor) -> None:
    """A picture of three rows, LR enlarged by nearest neighbour, SR and HR, a column a face."""
    from torchvision.utils import save_image  # a second to import, which most stages can do without

    large = F.interpolate(lr, size=hr.shape[-2:], mode="nearest")
    with whole_file(path) as part:
        save_image(torch.cat([large, sr, hr]).clamp(0, 1), part, nrow=len(hr))
