"""The multi-task upsampling network: both branches around one spatial transformer (the paper, figure 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from datasets import degrade
from datasets.components import COMPONENTS
from methods.layers import AUTHORS_64, PAPER_64, STN, locnet, normed
from methods.mtun.autoencoder import Autoencoder, up
from methods.mtun.decoder import Decoder
from methods.mtun.heb import HEB
from methods.mtun.options import Options
from methods.mtun.recipes import Recipe

upsample = nn.functional.interpolate


class Estimates(NamedTuple):
    """What the network makes of a batch.

    sr: (B, 3, 128, 128), about [-1, 1]. heatmaps: of every stack (B, 4, S, S), over the upright face where the HEB
    stands after the STN (S = 64), over the unaligned one before it (16, 32). warp: (B, 4) as estimated by the STN.
    """

    sr: Tensor
    heatmaps: tuple[Tensor, ...]
    warp: Tensor


class Generator(nn.Module):
    """U: unaligned LR faces (B, 3, 16, 16) in [0, 1] to SR faces, heatmaps and the warp.

    With the HEB before the STN (heb_at 16 or 32) its heatmaps are brought to 64 px and turned with the features.
    """

    def __init__(self, options: Options, recipe: Recipe):
        super().__init__()
        g, self.heb_at, self.residual = options.width, options.heb_at, options.residual
        channels = {16: 8 * g + 3 if options.autoencoder else 3, 32: 4 * g, 64: 2 * g}
        self.autoencoder = Autoencoder(g) if options.autoencoder else None
        self.up_32, self.up_64 = up(channels[16], 4 * g), up(4 * g, 2 * g)
        layers = PAPER_64 if recipe.locnet == "paper" else AUTHORS_64
        self.stn = STN(locnet(2 * g + 3, 64, layers), recipe.align_corners, recipe.stn_rotation)
        if recipe.locnet_init == "he":
            self._initialise_locnet()
        self.aligned = normed(nn.Conv2d(2 * g + 3, 2 * g, 3, padding=1), nn.ReLU())
        self.heb = HEB(channels[self.heb_at], 2 * g, options.stacks) if options.stacks else None
        maps, trunk = len(COMPONENTS) if options.stacks else 0, 3 if options.authors_trunk else 2
        self.decoder = Decoder(g, maps, options.skip and not options.authors_trunk, trunk)
        self._initialise(recipe)

    def _initialise_locnet(self) -> None:
        for layer in self.stn.locnet[:-1]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def _initialise(self, recipe: Recipe) -> None:
        if recipe.norm_init == "uniform":
            for norm in (m for m in self.modules() if isinstance(m, nn.BatchNorm2d)):
                nn.init.uniform_(norm.weight)
        if self.residual:  # then the first SR face is the bicubic one
            for parameter in self.decoder.image[-1].parameters():
                nn.init.zeros_(parameter)

    def front(self) -> nn.ModuleList:
        """What `warp` depends on: all that comes before the turned features."""
        parts = (self.autoencoder, self.up_32, self.up_64, self.stn)
        return nn.ModuleList(part for part in parts if part is not None)

    def back(self) -> nn.ModuleList:
        """The rest."""
        return nn.ModuleList(part for part in (self.aligned, self.heb, self.decoder) if part is not None)

    def warp(self, lr: Tensor) -> Tensor:
        """The STN's estimate (B, 4) alone, which leaves HEB and decoder out."""
        return self.stn.estimate(self._features(lr)[64])

    def forward(self, lr: Tensor) -> Estimates:
        features = self._features(lr)
        if self.heb is None or self.heb_at == 64:
            upright, warp = self.stn(features[64])
            aligned = self.aligned(upright)
            heatmaps = () if self.heb is None else self.heb(aligned)
            sr = self.decoder(aligned, heatmaps[-1] if heatmaps else None)
        else:
            heatmaps = self.heb(features[self.heb_at])
            tilted = torch.cat([features[64], upsample(heatmaps[-1], size=64)], 1)
            upright, warp = self.stn(features[64], tilted)
            turned, maps = upright.split([features[64].shape[1], len(COMPONENTS)], 1)
            sr = self.decoder(self.aligned(turned), maps)
        if self.residual:
            sr = sr + 2 * degrade.resize(degrade.align(lr, warp), degrade.HR) - 1
        return Estimates(sr, heatmaps, warp)

    def _features(self, lr: Tensor) -> dict[int, Tensor]:
        """The unaligned features at 16, 32 and 64 px."""
        x = 2 * lr - 1
        at_16 = x if self.autoencoder is None else torch.cat([x, self.autoencoder(x)], 1)
        at_32 = self.up_32(at_16)
        # This copy of the LR face stays in [0, 1], so that what the STN turns in from outside is black.
        return {16: at_16, 32: at_32, 64: torch.cat([upsample(lr, scale_factor=4), self.up_64(at_32)], 1)}
