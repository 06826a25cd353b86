"""VDSR as a method: one x2 network, applied three times."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch
from methods import options
from methods.interface import Context, check_lr
from methods.layers import constant, evaluating
from methods.trained import Optimiser, Phase, TrainedMethod
from methods.vdsr.model import VDSRNet

SIZES = (32, 64, 128)  # px after each x2 step
LUMA = (0.299, 0.587, 0.114)  # BT.601


class Options(options.Options):
    """Options of VDSR; the defaults are the original's."""

    colour: Literal["y", "rgb"] = Field("y", description="upscale luma and leave chroma bicubic, or upscale RGB")
    depth: int = Field(20, ge=2, description="convolutions")
    width: int = Field(64, ge=1, description="channels of each")
    crop: int = Field(41, ge=1, description="side of the random training crops, px; smaller images are used whole")
    epochs: int = Field(80, ge=1)
    step_epochs: int = Field(20, ge=1, description="the learning rate drops to a tenth every so many epochs")
    batch_size: int = Field(64, ge=1)
    lr: float = Field(0.1, gt=0, description="learning rate")
    clip: float = Field(0.4, ge=0, description="bound on the gradient norm; 0 for none")


class VDSR(TrainedMethod):
    """Enlarge by bicubic x2 and add the predicted residual, three times."""

    Options = Options
    module: VDSRNet

    def network(self) -> VDSRNet:
        return VDSRNet(1 if self.options.colour == "y" else 3, self.options.width, self.options.depth)

    def phases(self, context: Context) -> list[Phase]:
        """Build the one phase, on pixels; the network is initialised from context.seed."""
        o = self.options
        self.redraw(context.seed)
        optimiser = Optimiser(
            "sgd", o.lr, schedule="step", step_epochs=o.step_epochs, momentum=0.9, weight_decay=1e-4, clip=o.clip
        )
        return [Phase("pixel", o.epochs, o.batch_size, self.module, optimiser, self.loss, resample_degradation=False)]

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """Half the squared error, summed over an image and the three steps 16->32, 32->64, 64->128; mean over images.

        Training pairs come from the upright HR face, so warps and alignment have no effect.
        """
        total = batch.hr.new_zeros(())
        for size in SIZES:
            target = degrade.resize(batch.hr, size).clamp(0, 1)
            bicubic = degrade.resize(degrade.resize(batch.hr, size // 2).clamp(0, 1), size)
            inputs, target = random_crops(torch.stack([self.view(bicubic), self.view(target)]), self.options.crop)
            error = inputs + self.module(inputs) - target
            total = total + error.square().sum() / (2 * len(error))
        return {"L_p": total}, None

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        sr = check_lr(lr, self.dtype)
        with evaluating(self.module):
            for size in SIZES:
                bicubic = degrade.resize(sr, size)
                # A residual in luma adds the same to R, G and B.
                sr = (bicubic + self.module(self.view(bicubic))).clamp(0, 1)
        return sr

    def view(self, image: Tensor) -> Tensor:
        """Select what the network sees of RGB images: luma (B, 1, H, W), or all channels."""
        if self.options.colour == "rgb":
            return image
        return (image * constant(LUMA, image.device)[:, None, None]).sum(1, keepdim=True)


def random_crops(images: Tensor, side: int) -> Tensor:
    """Crop a random square of each face, the same in every image of it: (K, B, C, H, W) to (K, B, C, side, side).

    Images no larger than `side` are returned whole. The draw stays on the device, so that a CUDA graph repeats it.
    """
    size = images.shape[-1]
    if size <= side:
        return images
    b = torch.arange(images.shape[1], device=images.device)
    corner = torch.randint(size - side + 1, (2, len(b), 1), device=images.device)
    y, x = corner + torch.arange(side, device=images.device)
    return images[:, b[:, None, None], :, y[:, :, None], x[:, None, :]].permute(3, 0, 4, 1, 2)
