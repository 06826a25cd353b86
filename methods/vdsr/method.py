"""VDSR behind the shared interface: x2 applied three times by one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch
from methods.interface import Context, check_lr
from methods.layers import constant, evaluating
from methods.options import above, at_least
from methods.trained import Optimiser, Phase, TrainedMethod
from methods.vdsr.model import VDSRNet

SIZES = (32, 64, 128)  # what each x2 step gives
LUMA = (0.299, 0.587, 0.114)  # BT.601


@dataclass(frozen=True)
class Options:
    """The original's values by default.

    colour: "y" upscales luma and leaves chroma bicubic, "rgb" all channels. crop: side of the random squares that are
    trained on, in pixels of the larger image; an image that is smaller is taken whole. clip: bound on the gradient's
    norm. The learning rate falls to a tenth every `step_epochs`.
    """

    colour: Literal["y", "rgb"] = "y"
    depth: int = at_least(2, 20)
    width: int = at_least(1, 64)
    crop: int = at_least(1, 41)
    epochs: int = at_least(1, 80)
    step_epochs: int = at_least(1, 20)
    batch_size: int = at_least(1, 64)
    lr: float = above(0, 0.1)
    clip: float = at_least(0, 0.4)


class VDSR(TrainedMethod):
    """Sharpens a bicubic x2 image, three times over."""

    wants = "aligned"
    Options = Options
    module: VDSRNet

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        self.module = self._network()

    def _network(self) -> VDSRNet:
        return VDSRNet(1 if self.options.colour == "y" else 3, self.options.width, self.options.depth)

    def phases(self, context: Context) -> list[Phase]:
        """One phase on pixels alone; the network starts anew from context.seed."""
        o = self.options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.module = self._network().to(self.device)
        optimiser = Optimiser(
            "sgd", o.lr, schedule="step", step_epochs=o.step_epochs, momentum=0.9, weight_decay=1e-4, clip=o.clip
        )
        return [Phase("pixel", o.epochs, o.batch_size, self.module, optimiser, self.loss, fresh=False)]

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Half the squared error, summed over an image and the three steps 16->32, 32->64, 64->128; mean over images.

        The pairs come from the upright HR face: neither a warp nor the alignment plays a part.
        """
        total = batch.hr.new_zeros(())
        for size in SIZES:
            target = degrade.resize(batch.hr, size).clamp(0, 1)
            bicubic = degrade.resize(degrade.resize(batch.hr, size // 2).clamp(0, 1), size)
            inputs, target = random_squares(torch.stack([self.view(bicubic), self.view(target)]), self.options.crop)
            error = inputs + self.module(inputs) - target
            total = total + error.square().sum() / (2 * len(error))
        return {"L_p": total}, None

    def upscale(self, lr: Tensor) -> Tensor:
        sr = check_lr(lr, self.dtype)
        with evaluating(self.module):
            for size in SIZES:
                bicubic = degrade.resize(sr, size)
                # A change of luma alone adds the same to R, G and B.
                sr = (bicubic + self.module(self.view(bicubic))).clamp(0, 1)
        return sr

    def view(self, image: Tensor) -> Tensor:
        """What the network sees of RGB images: luma (B, 1, H, W), or all of it."""
        if self.options.colour == "rgb":
            return image
        return (image * constant(LUMA, image.device)[:, None, None]).sum(1, keepdim=True)


def random_squares(images: Tensor, side: int) -> Tensor:
    """A random square of each face, the same one in every image of it: (K, B, C, H, W) to (K, B, C, side, side).

    Images no larger than `side` come back whole. The draw stays on the device, so that a captured step repeats it.
    """
    size = images.shape[-1]
    if size <= side:
        return images
    b = torch.arange(images.shape[1], device=images.device)
    corner = torch.randint(size - side + 1, (2, len(b), 1), device=images.device)
    y, x = corner + torch.arange(side, device=images.device)
    return images[:, b[:, None, None], :, y[:, :, None], x[:, None, :]].permute(3, 0, 4, 1, 2)
