"""DIC's network: recovery and alignment in turn, step by step."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.dic.alignment import Alignment, centred
from methods.dic.landmarks import SIZE, grouped
from methods.dic.recovery import N_GROUPS, Recovery

FEATURES, STATE = 48, 256  # channels of recovery and alignment at width 1, as in the authors' code


def initialise(module: nn.Module) -> None:
    """He's normal initialisation and biases of zero, as in the authors' code.

    The fan-in is PyTorch's, which for a deconvolution is its outputs': the first SR faces are nearly bilinear.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


class DICNet(nn.Module):
    """LR faces (B, 3, 16, 16) in [0, 1] to an SR face and landmark maps after each of `steps` steps.

    width: scales all channels. aligned: whether there is an alignment branch; without one the attention sees maps that
    are given, or zeros.
    """

    def __init__(self, width: float, steps: int, groups: int, fusion_blocks: int, aligned: bool = True):
        super().__init__()
        self.steps = steps
        self.recovery = Recovery(max(1, round(FEATURES * width)), groups, fusion_blocks)
        self.alignment = Alignment(4 * max(1, round(STATE / 4 * width))) if aligned else None
        # Not the alignment branch: without normalisation, He's makes its maps grow a hundredfold a step.
        initialise(self.recovery)

    def forward(self, lr: Tensor, given: Tensor | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """SR faces (B, 3, 128, 128), not clamped, and landmark maps (B, 68, 32, 32), of each step.

        given: without an alignment branch, the groups' maps (B, 5, 32, 32) for the attention; None: zeros.
        """
        images, maps, state = list[Tensor](), list[Tensor](), None
        enlarged = F.interpolate(lr, scale_factor=8, mode="bilinear", align_corners=False)
        features = self.recovery.stem(centred(lr))
        hidden = self.recovery.first(features)
        attention = lr.new_zeros(len(lr), N_GROUPS, SIZE, SIZE) if given is None else given
        for step in range(self.steps):
            if step:
                hidden = self.recovery.block(torch.cat([features, hidden], 1), attention)
            images.append(enlarged + self.recovery.residual(hidden))
            if self.alignment is not None:
                found, state = self.alignment(images[-1], state)
                attention = grouped(found)
                maps.append(found)
        return images, maps
