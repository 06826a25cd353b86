"""The trunk of MTUN: all that comes before heatmap branch and decoder, from LR face to upright features at 64 px."""

import torch
from torch import Tensor, nn

from methods.layers import AUTHORS_64, PAPER_64, STN, locnet, normed
from methods.mtun.autoencoder import Autoencoder, up
from methods.mtun.recipes import Recipe

TRUNK = ("autoencoder", "up_32", "up_64", "stn", "aligned")  # its parts


class Trunk(nn.Module):
    """Autoencoder, deconvolutions, STN and one convolution: 95 % of the network's parameters.

    width: g, 32 in the authors' code. autoencoder: False leaves it out (Ours‡ of Table 1).
    """

    def __init__(self, width: int, autoencoder: bool, recipe: Recipe):
        super().__init__()
        g = width
        self.channels = {16: 8 * g + 3 if autoencoder else 3, 32: 4 * g, 64: 2 * g}
        self.autoencoder = Autoencoder(g) if autoencoder else None
        self.up_32, self.up_64 = up(self.channels[16], 4 * g), up(4 * g, 2 * g)
        layers = PAPER_64 if recipe.locnet == "paper" else AUTHORS_64
        self.stn = STN(locnet(2 * g + 3, 64, layers), recipe.align_corners, recipe.stn_rotation)
        if recipe.locnet_init == "he":
            self._initialise_locnet()
        self.aligned = normed(nn.Conv2d(2 * g + 3, 2 * g, 3, padding=1), nn.ReLU(inplace=True))

    def _initialise_locnet(self) -> None:
        for layer in self.stn.locnet[:-1]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def trunk(self) -> nn.ModuleList:
        """The trunk's own parts, without what a subclass adds."""
        return nn.ModuleList(part for name in TRUNK if (part := getattr(self, name)) is not None)

    def through_trunk(self, lr: Tensor) -> tuple[dict[int, Tensor], Tensor, Tensor]:
        """LR faces (B, 3, 16, 16) to unaligned features by size, `aligned` (B, 2g, 64, 64) and the warp (B, 4)."""
        features = self._features(lr)
        upright, warp = self.stn(features[64])
        return features, self.aligned(upright), warp

    def _features(self, lr: Tensor) -> dict[int, Tensor]:
        """The unaligned features at 16, 32 and 64 px."""
        x = 2 * lr - 1
        at_16 = x if self.autoencoder is None else torch.cat([x, self.autoencoder(x)], 1)
        at_32 = self.up_32(at_16)
        # This copy of the LR face stays in [0, 1], so that what the STN moves in from outside is black.
        enlarged = nn.functional.interpolate(lr, scale_factor=4)
        return {16: at_16, 32: at_32, 64: torch.cat([enlarged, self.up_64(at_32)], 1)}


def initialise_norms(module: nn.Module, recipe: Recipe) -> None:
    """Draw the first gamma of every batch normalisation as the recipe asks for it."""
    if recipe.norm_init == "uniform":
        for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
            nn.init.uniform_(norm.weight)
