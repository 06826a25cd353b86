"""CBN as a method: its options, the fit of its shape basis and its loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from datasets.batch import Batch
from datasets.components import COMPONENTS
from datasets.degrade import HR, resize
from datasets.pairs import Pairs
from methods.cbn.model import SIZES, Cascades
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.options import above, at_least
from methods.trained import Optimiser, Phase, TrainedMethod


@dataclass(frozen=True)
class Options:
    """Sizes and training of CBN. width scales every layer, depth is a branch's number of convolutions, 3 or more, and
    modes the size of the shape basis.

    sigma: radius of the masks' Gaussians, in pixels of a 64 px map. landmark_weight: of the landmarks' mean squared
    error in box coordinates, beside the images' in [0, 1].
    """

    width: float = above(0, 1.0)
    depth: int = at_least(3, 12)
    modes: int = at_least(1, 20)
    sigma: float = above(0, 1.5)
    landmark_weight: float = at_least(0, 1.0)
    epochs: int = at_least(1, 40)
    batch_size: int = at_least(1, 64)
    lr: float = above(0, 5e-4)


def landmark_error(landmarks: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, in box coordinates, over the faces that have all 68 landmarks; 0 where none has."""
    known = target.isfinite().all(2).all(1)
    error = (landmarks - target.nan_to_num()) * (2 / HR)
    return (error**2).mean((1, 2)).mul(known).sum() / known.sum().clamp(min=1)


class CBN(TrainedMethod):
    """Deep cascaded bi-network: estimate the face's shape and double its size, three times in turn."""

    wants = "aligned"
    Options = Options

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        o = self.options
        self.module: Cascades = Cascades(o.modes, o.sigma, o.depth, o.width)

    def fit(self, pairs: Pairs, context: Context) -> None:
        training = pairs.faces["validation"].to_numpy() == 0
        self.module.basis.fit(np.asarray(pairs.landmarks)[training])
        super().fit(pairs, context)

    def phases(self, context: Context) -> list[Phase]:
        o = self.options
        optimiser = Optimiser("adam", o.lr, schedule="cosine", clip=1.0)
        return [Phase("cascades", o.epochs, o.batch_size, self.module, optimiser, self._loss)]

    def _loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        images, shapes = self.module(batch.lr)
        pairs = zip(SIZES, images, strict=True)
        terms = {f"L_p{size}": F.mse_loss(image, resize(batch.hr, size)) for size, image in pairs}
        landmarks = self.module.basis.in_order(batch.landmarks)
        errors = sum(landmark_error(shape, landmarks) for shape in shapes)
        return {**terms, "L_landmarks": self.options.landmark_weight * errors / len(shapes)}, None

    def upscale(self, lr: Tensor) -> Tensor:
        with evaluating(self.module):
            return self.module(check_lr(lr, self.dtype))[0][-1].clamp(0, 1)

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        """ "heatmaps": the masks (B, 4, 64, 64) of the components at the last cascade's landmarks."""
        with evaluating(self.module):
            _, shapes = self.module(check_lr(lr, self.dtype))
            return {"heatmaps": self.module.masks(shapes[-1], 64)[:, : len(COMPONENTS)]}
