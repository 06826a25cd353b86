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

FRONT = ("autoencoder", "up_32", "up_64", "stn", "aligned")
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
    With options.heatmaps "true" or "zero" there is no HEB, and the decoder is handed heatmaps, or empty ones.
    """

    def __init__(self, options: Options, recipe: Recipe):
        super().__init__()
        g, self.heb_at = options.width, options.heb_at
        channels = {16: 8 * g + 3 if options.autoencoder else 3, 32: 4 * g, 64: 2 * g}
        self.autoencoder = Autoencoder(g) if options.autoencoder else None
        self.up_32, self.up_64 = up(channels[16], 4 * g), up(4 * g, 2 * g)
        layers = PAPER_64 if recipe.locnet == "paper" else AUTHORS_64
        self.stn = STN(locnet(2 * g + 3, 64, layers), recipe.align_corners, recipe.stn_rotation)
        if recipe.locnet_init == "he":
            self._initialise_locnet()
        self.aligned = normed(nn.Conv2d(2 * g + 3, 2 * g, 3, padding=1), nn.ReLU(inplace=True))
        self.heb = HEB(channels[self.heb_at], 2 * g, options.stacks) if options.stacks else None
        maps = len(COMPONENTS) if options.stacks or options.heatmaps != "estimated" else 0
        self.empty, trunk = options.heatmaps == "zero", 3 if options.authors_trunk else 2
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

    def front(self) -> nn.ModuleList:
        """What `aligned` depends on: all that comes before HEB (where that stands at 64 px) and decoder."""
        return nn.ModuleList(part for name in FRONT if (part := getattr(self, name)) is not None)

    def back(self) -> nn.ModuleList:
        """The rest."""
        return nn.ModuleList(part for part in (self.heb, self.decoder) if part is not None)

    def preview(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Through the front alone: `aligned` (B, 2g, 64, 64) and the warp (B, 4)."""
        return self._through_front(lr)[1:]

    def forward(self, lr: Tensor, frozen: bool = False, given: Tensor | None = None) -> Estimates:
        """Through everything; frozen: without gradients for the front. given: heatmaps (B, 4, 64, 64), upright."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features, aligned, warp = self._through_front(lr)
        heatmaps, last = (), given
        if self.empty:
            last = aligned.new_zeros(len(aligned), len(COMPONENTS), 64, 64)
        if self.heb is not None:
            heatmaps = self.heb(aligned if self.heb_at == 64 else features[self.heb_at])
            last = heatmaps[-1]
            if self.heb_at != 64:
                last = degrade.resample(upsample(last, size=64), warp)
        return Estimates(self.decoder(aligned, last), heatmaps, warp)

    def _through_front(self, lr: Tensor) -> tuple[dict[int, Tensor], Tensor, Tensor]:
        features = self._features(lr)
        upright, warp = self.stn(features[64])
        return features, self.aligned(upright), warp

    def _features(self, lr: Tensor) -> dict[int, Tensor]:
        """The unaligned features at 16, 32 and 64 px."""
        x = 2 * lr - 1
        at_16 = x if self.autoencoder is None else torch.cat([x, self.autoencoder(x)], 1)
        at_32 = self.up_32(at_16)
        # This copy of the LR face stays in [0, 1], so that what the STN turns in from outside is black.
        return {16: at_16, 32: at_32, 64: torch.cat([upsample(lr, scale_factor=4), self.up_64(at_32)], 1)}
