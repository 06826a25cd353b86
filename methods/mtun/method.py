"""MTUN as a method: builds the network, tells the engine its losses, upscales."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from datasets import degrade
from datasets.batch import Batch
from datasets.face import BadInput
from methods.interface import Context, check_lr
from methods.layers import Discriminator, L_w, evaluating
from methods.mtun import losses
from methods.mtun.generator import FRONT, Generator
from methods.mtun.options import Options
from methods.mtun.recipes import Recipe, recipe
from methods.targets import Targets
from methods.trained import Optimiser, Phase, TrainedMethod
from methods.vgg import VGGFeatures

L_64 = 10.0  # weight of the front's own picture of the face, beside L_w
OVERRIDES = ("epochs", "batch_size", "lr", "fresh", "flip", "ema", "front_epochs", "front_batch_size", "front_rate")


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
        if self.options.freeze_front and not self.recipe.front_epochs:
            raise BadInput(
                "params.yaml: MTUN option freeze_front: the front is untrained; set front_epochs, or leave it out"
            )
        if self.options.adversarial and self.options.beta < self.recipe.beta_floor:
            raise BadInput(
                f"params.yaml: MTUN option beta: {self.options.beta}; recipe {self.options.recipe} lowers it to "
                f"{self.recipe.beta_floor}; give that at least, or set adversarial: false"
            )
        self.module = Generator(self.options, self.recipe)
        self.known: Tensor | None = None

    def phases(self, context: Context) -> list[Phase]:
        """The front, if the recipe trains it first, then everything; the network starts anew from context.seed.

        context.notes["vgg"] says what L_f compares with.
        """
        o, r = self.options, self.recipe
        critic = targets = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.module = Generator(o, r).to(self.device)
            if o.adversarial:
                critic = Discriminator(o.width, r.inverted_dropout).to(self.device)
            torch.manual_seed(context.seed)
            head = nn.Conv2d(2 * o.width, 3, 3, padding=1).to(self.device)  # the front's own, dropped after its phase
        if o.feature:
            psi = VGGFeatures(context.vgg, padded=r.vgg_padded, random_width=o.random_vgg_width).to(self.device)
            context.notes["vgg"] = psi.source
            targets = Targets(psi, context.features)
        optimiser = Optimiser(
            r.optimiser, r.lr, decay=r.decay, floor=r.floor, schedule=r.schedule, warmup=r.warmup, alpha=r.alpha
        )
        everything = Phase(
            name="mtun",
            epochs=r.epochs,
            batch_size=r.batch_size,
            module=self.module.back() if o.freeze_front else self.module,
            optimiser=dataclasses.replace(optimiser, ema=r.ema, slow=r.front_rate),
            loss=self._loss(targets, critic),
            critic=critic,
            critic_optimiser=optimiser if critic else None,
            critic_loss=(lambda batch, sr: losses.L_D(critic, 2 * batch.hr - 1, sr)) if critic else None,
            fresh=r.fresh,
            flip=r.flip,
            slow=self.module.front() if r.front_epochs and not o.freeze_front else None,
        )
        return [self._front(head), everything] if r.front_epochs else [everything]

    def _front(self, head: nn.Module) -> Phase:
        """All that comes before HEB and decoder, alone: many times as fast an image as everything."""
        r = self.recipe

        def loss(batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
            aligned, warp = self.module.preview(batch.lr)
            target = 2 * degrade.resize(batch.hr, 64).clamp(0, 1) - 1
            return {"L_w": L_w(warp, batch.warp), "L_64": L_64 * losses.L_p(head(aligned).float(), target)}, None

        return Phase(
            name="front",
            epochs=r.front_epochs,
            batch_size=r.front_batch_size,
            module=nn.ModuleList([*self.module.front(), head]),
            optimiser=Optimiser("adam", 1e-3, schedule="cosine"),
            loss=loss,
            flip=r.flip,
            watched=False,
            shared={"align_corners": r.align_corners, "L_64": L_64},
        )

    def _loss(
        self, targets: Targets | None, critic: Discriminator | None
    ) -> Callable[[Batch, int], tuple[dict[str, Tensor], Tensor]]:
        """Equation 6 by terms, weighted; SR faces in [-1, 1] for the critic."""

        def loss(batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
            o = self.options
            given = self.target(batch) if self.told else None
            estimates, hr = self.module(batch.lr, frozen=o.freeze_front, given=given), 2 * batch.hr - 1
            terms = {"L_p": losses.L_p(estimates.sr, hr)}
            if targets is not None:
                terms["L_f"] = o.alpha * losses.L_f(targets.psi, estimates.sr, targets(batch))
            if critic is not None:
                terms["L_U"] = self.beta(epoch) * losses.L_U(critic, estimates.sr)
            if self.recipe.warp_weight and not o.freeze_front:
                terms["L_w"] = self.recipe.warp_weight * L_w(estimates.warp, batch.warp)
            if o.stacks:
                terms["L_h"] = o.heatmap_weight * losses.L_h(estimates.heatmaps, self.target(batch))
            return terms, estimates.sr

        return loss

    def file_of(self, name: str) -> str:
        """A frozen front's tensors are apart: all runs of a seed have the same."""
        return "front" if self.options.freeze_front and name.split(".")[0] in FRONT else "weights"

    def target(self, batch: Batch) -> Tensor:
        """Target heatmaps (B, 4, heb_at, heb_at), over the face as it lies where the HEB stands."""
        o = self.options
        # Half precision would move landmarks by a good part of a pixel.
        with torch.autocast(batch.hr.device.type, enabled=False):
            return batch.heatmaps(o.heb_at, o.sigma * o.heb_at / 64, "upright" if o.heb_at == 64 else "lr")

    @property
    def told(self) -> bool:
        return self.options.heatmaps == "true"

    def tell(self, batch: Batch) -> None:
        self.known = self.target(batch).to(self.dtype)

    def beta(self, epoch: int) -> float:
        """Weight of L_U in an epoch, counted from 0."""
        return max(self.options.beta * self.recipe.beta_decay**epoch, self.recipe.beta_floor)

    def upscale(self, lr: Tensor) -> Tensor:
        return self.upscale_and_inspect(lr)[0]

    def inspect(self, lr: Tensor) -> dict[str, Tensor]:
        return self.upscale_and_inspect(lr)[1]

    def upscale_and_inspect(self, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self.told and (self.known is None or len(self.known) != len(lr)):
            raise BadInput("mtun: the true heatmaps of these faces are not known; prepared faces alone have them")
        with evaluating(self.module):
            sr, heatmaps, warp = self.module(check_lr(lr, self.dtype), given=self.known)
        found = {"warp_stn": warp}
        if heatmaps:
            found["heatmaps" if self.options.heb_at == 64 else "heatmaps_lr"] = heatmaps[-1]
        return ((sr + 1) / 2).clamp(0, 1), found
