"""The multi-task upsampling network: both branches around one spatial transformer (the paper, figure 2)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from datasets import degrade
from datasets.components import COMPONENTS
from methods.mtun.decoder import Decoder
from methods.mtun.heb import HEB
from methods.mtun.options import Options
from methods.mtun.recipes import Recipe
from methods.mtun.trunk import Trunk, initialise_norms

upsample = nn.functional.interpolate


class Estimates(NamedTuple):
    """What the network makes of a batch.

    sr: (B, 3, 128, 128), about [-1, 1]. heatmaps: of every stack (B, 4, S, S), over the upright face where the HEB
    stands after the STN (S = 64), over the unaligned one before it (16, 32). warp: (B, 4) as estimated by the STN.
    """

    sr: Tensor
    heatmaps: tuple[Tensor, ...]
    warp: Tensor


class Generator(Trunk):
    """U: unaligned LR faces (B, 3, 16, 16) in [0, 1] to SR faces, heatmaps and the warp.

    With the HEB before the STN (heb_at 16 or 32) its heatmaps are brought to 64 px and aligned with the features.
    With options.heatmaps "true" or "zero" there is no HEB, and the decoder is given heatmaps, or empty ones.
    """

    def __init__(self, options: Options, recipe: Recipe):
        super().__init__(options.width, options.autoencoder, recipe)
        g, self.heb_at = options.width, options.heb_at
        self.heb = HEB(self.channels[self.heb_at], 2 * g, options.stacks) if options.stacks else None
        maps = len(COMPONENTS) if options.stacks or options.heatmaps != "estimated" else 0
        self.empty, first = options.heatmaps == "zero", 3 if options.authors_trunk else 2
        self.decoder = Decoder(g, maps, options.skip and not options.authors_trunk, first)
        initialise_norms(self, recipe)

    def branches(self) -> nn.ModuleList:
        """All but the trunk: HEB and decoder."""
        return nn.ModuleList(part for part in (self.heb, self.decoder) if part is not None)

    def forward(self, lr: Tensor, frozen: bool = False, given: Tensor | None = None) -> Estimates:
        """Through everything; frozen: without gradients for the trunk. given: heatmaps (B, 4, 64, 64), upright."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features, aligned, warp = self.through_trunk(lr)
        heatmaps, last = (), given
        if self.empty:
            last = aligned.new_zeros(len(aligned), len(COMPONENTS), 64, 64)
        if self.heb is not None:
            heatmaps = self.heb(aligned if self.heb_at == 64 else features[self.heb_at])
            last = heatmaps[-1]
            if self.heb_at != 64:
                last = degrade.resample(upsample(last, size=64), warp)
        return Estimates(self.decoder(aligned, last), heatmaps, warp)
