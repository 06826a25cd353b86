"""MTUN as a method: builds the network, tells the training loop its losses (section 3.3), upscales."""

import dataclasses
from functools import cached_property, partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.batch import Batch
from datasets.face import BadInput
from methods.interface import Context, check_lr
from methods.layers import Discriminator, L_w, cross_entropy, evaluating
from methods.mtun.generator import Generator
from methods.mtun.options import Options
from methods.mtun.recipes import RECIPES, Recipe
from methods.mtun.trunk import TRUNK
from methods.targets import Targets
from methods.trained import Critic, Optimiser, Phase, TrainedMethod, read_weights
from methods.vgg import VGGFeatures

OVERRIDES = ("epochs", "batch_size", "lr", "resample_degradation", "flip", "trunk_lr_multiplier")
AFTER_TRUNK = 1  # the phase's number in the seeds where a trunk was trained first, which has 0


class MTUN(TrainedMethod):
    """Super-resolution guided by facial component heatmaps (Yu et al., ECCV 2018), with every ablation as an option."""

    wants = "unaligned"
    Options = Options
    module: Generator

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with what the options override."""
        o = self.options
        given = {name: value for name in OVERRIDES if (value := getattr(o, name)) is not None}
        recipe = dataclasses.replace(RECIPES[o.recipe], **given)
        if o.adversarial and o.beta < recipe.beta_floor:
            raise BadInput(
                f"params.yaml: MTUN option beta: {o.beta}; recipe {o.recipe} lowers it to {recipe.beta_floor}; give "
                "that at least, or set adversarial: false"
            )
        return recipe

    def network(self) -> Generator:
        return Generator(self.options, self.recipe)

    def phases(self, context: Context) -> list[Phase]:
        """One phase; the network is drawn from context.seed, and its trunk taken from context.trunk, if there is one.

        context.notes["vgg"] says what L_f compares with.
        """
        o, r = self.options, self.recipe
        optimiser = Optimiser(r.optimiser, r.lr, decay=r.decay, floor=r.floor, schedule=r.schedule, warmup=r.warmup)
        critic = targets = adversary = None
        if o.adversarial:
            [critic] = self.redraw(context.seed, lambda: Discriminator(o.width, r.inverted_dropout))
            adversary = Critic(critic, optimiser, partial(L_D, critic))
        else:
            self.redraw(context.seed)
        if context.trunk is not None:
            self.load_trunk(context.trunk)
        elif o.freeze_trunk:
            raise BadInput("params.yaml: MTUN option freeze_trunk: the run names no pretrained `trunk`; leave it out")
        if o.feature:
            psi = VGGFeatures(context.vgg, padded=r.vgg_padded, random_width=o.random_vgg_width).to(self.device)
            context.notes["vgg"] = psi.source
            targets = Targets(psi, context.features)
        phase = Phase(
            name="mtun",
            epochs=r.epochs,
            batch_size=r.batch_size,
            module=self.module.branches() if o.freeze_trunk else self.module,
            optimiser=dataclasses.replace(optimiser, lr_multiplier=r.trunk_lr_multiplier),
            loss=partial(self._loss, targets, critic),
            critic=adversary,
            resample_degradation=r.resample_degradation,
            flip=r.flip,
            pretrained=self.module.trunk() if context.trunk is not None and not o.freeze_trunk else None,
            number=None if context.trunk is None else AFTER_TRUNK,
        )
        return [phase]

    def load_trunk(self, folder: Path) -> None:
        """Take over the trunk that the method `mtun_trunk` has stored in `folder`.

        Raises:
            BadInput: if it is of another network.
        """
        tensors = read_weights(folder)
        own = {name: t.shape for name, t in self.module.state_dict().items() if name.split(".")[0] in TRUNK}
        if own != {name: tensor.shape for name, tensor in tensors.items()}:
            raise BadInput(f"{folder}: the trunk of another network; train one with this width, autoencoder and recipe")
        self.module.load_state_dict(tensors, strict=False)

    def _loss(
        self, targets: Targets | None, critic: nn.Module | None, batch: Batch, epoch: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Equation 6 by terms, weighted; SR faces in [-1, 1] for the critic."""
        o = self.options
        given = self.target(batch) if self.requires_ground_truth else None
        sr, heatmaps, warp = self.module(batch.lr, frozen=o.freeze_trunk, given=given)
        terms = {"L_p": F.mse_loss(sr, 2 * batch.hr - 1)}  # equation 1
        if targets is not None:  # equation 2
            terms["L_f"] = o.alpha * F.mse_loss(targets.psi(sr), targets(batch))
        if critic is not None:  # equation 4 with its sign put right
            terms["L_U"] = self.beta(epoch) * cross_entropy(critic(sr), real=True)
        if self.recipe.warp_weight and not o.freeze_trunk:
            terms["L_w"] = self.recipe.warp_weight * L_w(warp, batch.warp)
        if o.stacks:  # equation 5, summed over the stacks
            target = self.target(batch)
            terms["L_h"] = o.heatmap_weight * torch.stack([F.mse_loss(maps, target) for maps in heatmaps]).sum()
        return terms, sr

    def is_frozen(self, name: str) -> bool:
        return self.options.freeze_trunk and name.split(".")[0] in TRUNK

    def target(self, batch: Batch) -> Tensor:
        """Target heatmaps (B, 4, heb_at, heb_at), over the face as it lies where the HEB stands."""
        o = self.options
        # Half precision would move landmarks by a good part of a pixel.
        with torch.autocast(batch.hr.device.type, enabled=False):
            return batch.heatmaps(o.heb_at, o.sigma * o.heb_at / 64, "upright" if o.heb_at == 64 else "lr")

    @property
    def requires_ground_truth(self) -> bool:
        return self.options.heatmaps == "true"

    def beta(self, epoch: int) -> float:
        """Weight of L_U in an epoch, counted from 0."""
        return max(self.options.beta * self.recipe.beta_decay**epoch, self.recipe.beta_floor)

    def upscale_and_inspect(self, lr: Tensor, truth: Batch | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        if self.requires_ground_truth and (truth is None or len(truth.hr) != len(lr)):
            raise BadInput("mtun: the true heatmaps of these faces are not known; only prepared faces have them")
        known = self.target(truth).to(self.dtype) if truth is not None and self.requires_ground_truth else None
        with evaluating(self.module):
            sr, heatmaps, warp = self.module(check_lr(lr, self.dtype), given=known)
        estimated = {"warp_stn": warp}
        if heatmaps:
            estimated["heatmaps" if self.options.heb_at == 64 else "heatmaps_lr"] = heatmaps[-1]
        return ((sr + 1) / 2).clamp(0, 1), estimated


def L_D(critic: nn.Module, batch: Batch, sr: Tensor) -> dict[str, Tensor]:
    """Loss of the discriminator, equation 3 negated, in two terms: -log D(hr) and -log(1 - D(sr)), batch means."""
    real, fake = critic(2 * batch.hr - 1), critic(sr)
    return {"L_D_real": cross_entropy(real, real=True), "L_D_sr": cross_entropy(fake, real=False)}
