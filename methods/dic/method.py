"""DIC as a method: its options, its phases and losses, and the maps that its attention sees."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from datasets.batch import Batch, in_order, is_complete
from datasets.components import POINTS
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods import options
from methods.dic.landmarks import components, landmark_maps, true_groups
from methods.dic.model import DICNet
from methods.interface import Context, check_lr
from methods.layers import evaluating
from methods.trained import Optimiser, Phase, TrainedMethod


class Options(options.Options):
    """Options of DIC; the defaults are the authors' where their code gives them."""

    width: float = Field(1.0, gt=0, description="scales the channels of every layer")
    steps: int = Field(4, ge=2, description="recurrent steps")
    groups: int = Field(6, ge=1, description="pairs of projections in a feedback block")
    fusion_blocks: int = Field(7, ge=1, description="residual blocks of the attentive fusion")
    heatmaps: Literal["estimated", "true", "zero"] = Field(
        "estimated", description="what the attention sees; the others have no alignment branch; true: an upper bound"
    )
    sigma: float = Field(2.0, gt=0, description="standard deviation of the landmark maps' Gaussians, px at 64 px")
    landmark_weight: float = Field(0.1, ge=0, description="weight of the landmark loss relative to the image loss")
    epochs_alignment: int = Field(10, ge=0, description="of the alignment branch alone, on HR faces, before the others")
    epochs: int = Field(90, ge=1)
    batch_size: int = Field(8, ge=1)
    lr: float = Field(1e-4, gt=0, description="learning rate")
    clip: float = Field(0.0, ge=0, description="bound on the gradient norm; 0 for none")


def landmark_loss(maps: list[Tensor], target: Tensor, known: Tensor) -> Tensor:
    """Mean squared error of each step's maps (B, 68, 32, 32), summed; of faces that are `known` (B,), 0 if none is."""
    errors = torch.stack([(found - target).square().mean((1, 2, 3)) for found in maps]).sum(0)
    return (errors * known).sum() / known.sum().clamp(min=1)


def with_68_points(pairs: Pairs) -> np.ndarray:
    """Select the faces with all 68 landmarks: (N,) bool.

    Raises:
        BadInput: if there is none.
    """
    mask = (pairs.faces["points"] == POINTS).to_numpy()
    if not mask.any():
        raise BadInput("dic: no training face has 68 landmarks, its alignment branch needs some; use another corpus")
    return mask


class DIC(TrainedMethod):
    """Deep iterative collaboration (Ma et al., CVPR 2020): each SR face gives landmarks, which guide the next one."""

    Options = Options
    module: DICNet

    def network(self) -> DICNet:
        o = self.options
        return DICNet(o.width, o.steps, o.groups, o.fusion_blocks, aligned=o.heatmaps == "estimated")

    def phases(self, context: Context) -> list[Phase]:
        """The alignment branch on HR faces, if there is one, then both branches together; drawn from context.seed."""
        o = self.options
        self.redraw(context.seed)
        optimiser = Optimiser("adam", o.lr, schedule="cosine", clip=o.clip)
        both = Phase("collaboration", o.epochs, o.batch_size, self.module, optimiser, self.loss, number=1)
        if self.module.alignment is None or not o.epochs_alignment:
            return [both]
        alone = Phase(
            name="alignment",
            epochs=o.epochs_alignment,
            batch_size=o.batch_size,
            module=self.module.alignment,
            optimiser=optimiser,
            loss=self.loss_alignment,
            resample_degradation=False,
            faces=with_68_points,
            validate=False,
            number=0,
        )
        return [alone, both]

    def loss_alignment(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Landmark loss of two steps on the HR faces: without a state and with one."""
        assert self.module.alignment is not None
        first, state = self.module.alignment(batch.hr)
        second, _ = self.module.alignment(batch.hr, state)
        return {"L_landmarks": landmark_loss([first, second], *self.target(batch))}, None

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Mean absolute error, summed over the steps, and with an alignment branch the weighted landmark loss."""
        images, maps = self.module(batch.lr, self._given(batch))
        terms = {"L_p": torch.stack([F.l1_loss(image, batch.hr) for image in images]).sum()}
        if maps:
            terms["L_landmarks"] = self.options.landmark_weight * landmark_loss(maps, *self.target(batch))
        return terms, None

    def target(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """True landmark maps (B, 68, 32, 32), and which faces have all of them, (B,) bool."""
        # Half precision would move landmarks by a good part of a pixel.
        with torch.autocast(batch.hr.device.type, enabled=False):
            maps = landmark_maps(in_order(batch.landmarks), self.options.sigma)
        return maps, is_complete(batch.landmarks)

    def _given(self, batch: Batch | None) -> Tensor | None:
        """The groups' true maps (B, 5, 32, 32) where the attention sees them."""
        if batch is None or not self.requires_ground_truth:
            return None
        with torch.autocast(batch.hr.device.type, enabled=False):
            return true_groups(batch.landmarks, self.options.sigma)

    @property
    def requires_ground_truth(self) -> bool:
        return self.options.heatmaps == "true"

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the last step's SR faces, and its maps of the components (B, 4, 32, 32) as "heatmaps"."""
        if self.requires_ground_truth and (truth is None or len(truth.hr) != len(lr)):
            raise BadInput("dic: the true landmarks of these faces are not known; only prepared faces have them")
        given = self._given(truth)
        with evaluating(self.module):
            images, maps = self.module(check_lr(lr, self.dtype), None if given is None else given.to(self.dtype))
        return images[-1].clamp(0, 1), {"heatmaps": components(maps[-1])} if maps else {}
