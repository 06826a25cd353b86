"""CBN as a method: its options, the fit of its shape basis and its loss."""

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from datasets.batch import Batch, in_order, is_complete
from datasets.components import COMPONENTS, POINTS
from datasets.degrade import HR, resize
from datasets.pairs import Pairs
from methods import options
from methods.cbn.model import SIZES, Cascades
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.trained import Optimiser, Phase, TrainedMethod


class Options(options.Options):
    """Options of CBN."""

    width: float = Field(1.0, gt=0, description="scales the channels of every layer")
    depth: int = Field(12, ge=3, description="convolutions of a branch")
    modes: int = Field(20, ge=1, le=2 * POINTS, description="principal components of the shape basis")
    sigma: float = Field(1.5, gt=0, description="standard deviation of the masks' Gaussians, px of a 64 px map")
    landmark_weight: float = Field(1.0, ge=0, description="weight of the landmark loss relative to the image loss")
    epochs: int = Field(40, ge=1)
    batch_size: int = Field(64, ge=1)
    lr: float = Field(5e-4, gt=0, description="learning rate")


def landmark_error(landmarks: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, in box coordinates, over the faces that have all 68 landmarks; 0 where none has."""
    known = is_complete(target)
    error = (landmarks - target.nan_to_num()) * (2 / HR)
    return (error**2).mean((1, 2)).mul(known).sum() / known.sum().clamp(min=1)


class CBN(TrainedMethod):
    """Deep cascaded bi-network: estimate the face's shape and double the image, three times."""

    Options = Options
    module: Cascades

    def network(self) -> Cascades:
        o = self.options
        return Cascades(o.modes, o.sigma, o.depth, o.width)

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
        landmarks = in_order(batch.landmarks)
        errors = sum(landmark_error(shape, landmarks) for shape in shapes)
        return {**terms, "L_landmarks": self.options.landmark_weight * errors / len(shapes)}, None

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return as "heatmaps" the masks (B, 4, 64, 64) of the components at the last cascade's landmarks."""
        with evaluating(self.module):
            images, shapes = self.module(check_lr(lr, self.dtype))
            masks = self.module.masks(shapes[-1], 64)[:, : len(COMPONENTS)]
        return images[-1].clamp(0, 1), {"heatmaps": masks}
