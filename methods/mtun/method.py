"""MTUN as a method: builds the network, tells the engine its losses, upscales."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch
from datasets.face import BadInput
from methods.interface import Context, Optimiser, Phase, TrainedMethod, check_lr
from methods.layers import Discriminator, evaluating
from methods.mtun import losses
from methods.mtun.generator import Generator
from methods.mtun.options import Options
from methods.mtun.recipes import Recipe, recipe
from methods.vgg import VGGFeatures

OVERRIDES = ("epochs", "batch_size", "lr", "fresh", "flip", "ema", "stn_epochs", "stn_batch_size")


class MTUN(TrainedMethod):
    """Super-resolution guided by facial component heatmaps (Yu et al., ECCV 2018), with every ablation as an option."""

    wants = "unaligned"
    Options = Options
    module: Generator

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        given = {name: getattr(self.options, name) for name in OVERRIDES}
        self.recipe: Recipe = dataclasses.replace(
            recipe(self.options.recipe), **{name: value for name, value in given.items() if value is not None}
        )
        if self.options.freeze_front and not self.recipe.stn_epochs:
            raise BadInput(
                "params.yaml: MTUN option freeze_front: the STN is untrained; set stn_epochs, or leave it out"
            )
        self.module = Generator(self.options, self.recipe)

    def phases(self, context: Context) -> list[Phase]:
        """The STN's warm-up, if any, then everything; the network starts anew from context.seed.

        context.notes["vgg"] says what L_f compares with.
        """
        o, r = self.options, self.recipe
        critic = psi = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.module = Generator(o, r).to(self.device)
            if o.adversarial:
                critic = Discriminator(o.width, r.inverted_dropout).to(self.device)
        if o.feature:
            psi = VGGFeatures(context.vgg, padded=r.vgg_padded, random_width=o.random_vgg_width).to(self.device)
            context.notes["vgg"] = psi.source
        optimiser = Optimiser(
            r.optimiser, r.lr, decay=r.decay, floor=r.floor, schedule=r.schedule, warmup=r.warmup, alpha=r.alpha
        )
        everything = Phase(
            name="mtun",
            epochs=r.epochs,
            batch_size=r.batch_size,
            module=self.module.back() if o.freeze_front else self.module,
            optimiser=dataclasses.replace(optimiser, ema=r.ema),
            loss=self._loss(psi, critic),
            critic=critic,
            critic_optimiser=optimiser if critic else None,
            critic_loss=(lambda batch, sr: losses.L_D(critic, 2 * batch.hr - 1, sr)) if critic else None,
            fresh=r.fresh,
            flip=r.flip,
        )
        return [self._warm_up(), everything] if r.stn_epochs else [everything]

    def _warm_up(self) -> Phase:
        """The STN and what comes before it, alone: some ten times as fast an image as everything."""
        r = self.recipe
        return Phase(
            name="stn",
            epochs=r.stn_epochs,
            batch_size=r.stn_batch_size,
            module=self.module.front(),
            optimiser=Optimiser("adam", 1e-3, schedule="cosine"),
            loss=self._warm_up_loss,
            flip=r.flip,
            watched=False,
            shared={"residual": self.options.residual, "align_corners": r.align_corners},
        )

    def _warm_up_loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        """L_w; with a residual mostly the pixels of the turned LR face, since the SR face is built on them."""
        warp = self.module.warp(batch.lr)
        terms = {"L_w": losses.L_w(warp, batch.warp)}
        if self.options.residual:
            upright = degrade.align(batch.lr, warp)
            terms = {"L_w": 0.01 * terms["L_w"], "L_p": losses.L_p(2 * upright - 1, 2 * batch.upright_lr() - 1)}
        return terms, None

    def _loss(
        self, psi: VGGFeatures | None, critic: Discriminator | None
    ) -> Callable[[Batch, int], tuple[dict[str, Tensor], Tensor]]:
        """Equation 6 by terms, weighted; SR faces in [-1, 1] for the critic."""

        def loss(batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
            o = self.options
            estimates, hr = self.module(batch.lr), 2 * batch.hr - 1
            terms = {"L_p": losses.L_p(estimates.sr, hr)}
            if psi is not None:
                terms["L_f"] = o.alpha * losses.L_f(psi, estimates.sr, hr)
            if critic is not None:
                terms["L_U"] = self.beta(epoch) * losses.L_U(critic, estimates.sr)
            if self.recipe.warp_weight:
                terms["L_w"] = self.recipe.warp_weight * losses.L_w(estimates.warp, batch.warp)
            if o.stacks:
                terms["L_h"] = o.heatmap_weight * losses.L_h(estimates.heatmaps, self.target(batch))
            return terms, estimates.sr

        return loss

    def target(self, batch: Batch) -> Tensor:
        """Target heatmaps (B, 4, heb_at, heb_at), over the face as it lies where the HEB stands."""
        o = self.options
        # Half precision would move landmarks by a good part of a pixel.
        with torch.autocast(batch.hr.device.type, enabled=False):
            return batch.heatmaps(o.heb_at, o.sigma * o.heb_at / 64, "upright" if o.heb_at == 64 else "lr")

    def beta(self, epoch: int) -> float:
        """Weight of L_U in an epoch, counted from 0."""
        return max(self.options.beta * self.recipe.beta_decay**epoch, self.recipe.beta_floor)

    def upscale(self, lr: Tensor) -> Tensor:
        with evaluating(self.module):
            sr = self.module(check_lr(lr)).sr
        return ((sr + 1) / 2).clamp(0, 1)

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        with evaluating(self.module):
            _, heatmaps, warp = self.module(check_lr(lr))
        found = {"warp_stn": warp}
        if heatmaps:
            found["heatmaps" if self.options.heb_at == 64 else "heatmaps_lr"] = heatmaps[-1]
        return found
