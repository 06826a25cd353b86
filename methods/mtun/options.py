"""Every option of MTUN: its ablations, loss weights and what may override a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from datasets.face import BadInput
from methods.options import above, at_least


@dataclass(frozen=True)
class Options:
    """Options of one run; the defaults are Ours of Table 1. BadInput where a value or a combination has no meaning.

    recipe: see methods.mtun.recipes. width: g, 32 in the authors' code.
    stacks: hourglasses of the HEB (S1 to S4 of Table 2); 0 leaves the HEB and L_h out (Table 3, left).
    heb_at: size of the features that the HEB sees (R16 and R32 of Table 2, before the STN; 64, after it).
    heatmaps: what the decoder sees beside the features where there is no HEB (stacks 0): "true" ones, which no estimate
    can surpass, or "zero", from which nothing can be learnt. Bounds of what the HEB may bring, not the paper's.
    skip: False is Ours† of Table 1. autoencoder: False is Ours‡.
    authors_trunk: with stacks 0, the authors' wider decoder without skip.
    freeze_front: leave what comes before HEB and decoder as its own phase left it; not the paper's, but runs then share
    those weights, and none of their time goes there.
    feature, adversarial: whether L_f and L_U are minimised; L_p always is, L_h with stacks above 0.
    alpha, beta, heatmap_weight: weights of L_f, L_U and L_h. sigma: of the target heatmaps' kernels, pixels at 64 px.
    random_vgg_width: channels of the first layer of a VGG-19 with random weights; real weights have 64.
    epochs, batch_size, lr, fresh (warps), flip, ema (decay), front_epochs, front_batch_size (of its own phase),
    front_rate (its factor on the learning rate afterwards): None takes the recipe's.
    """

    recipe: Literal["paper", "authors", "tuned"] = "tuned"
    width: int = 32
    stacks: int = 4
    heb_at: Literal[16, 32, 64] = 64
    heatmaps: Literal["estimated", "true", "zero"] = "estimated"
    skip: bool = True
    autoencoder: bool = True
    authors_trunk: bool = False
    freeze_front: bool = False
    feature: bool = True
    adversarial: bool = True
    alpha: float = at_least(0, 0.01)
    beta: float = at_least(0, 0.01)
    heatmap_weight: float = at_least(0, 1.0)
    sigma: float = 1.5
    random_vgg_width: int = at_least(1, 64)
    epochs: int | None = at_least(1, None)
    batch_size: int | None = None
    lr: float | None = above(0, None)
    fresh: bool | None = None
    flip: bool | None = None
    ema: float | None = at_least(0, None)
    front_epochs: int | None = at_least(0, None)
    front_batch_size: int | None = None
    front_rate: float | None = at_least(0, None)

    def __post_init__(self) -> None:
        if self.width < 2 or self.width % 2:
            raise BadInput(f"params.yaml: MTUN option width: {self.width}; give an even number of at least 2")
        if not 0 <= self.stacks <= 4:
            raise BadInput(f"params.yaml: MTUN option stacks: {self.stacks}; give 0 (no HEB) to 4")
        if self.heatmaps != "estimated" and (self.stacks or self.heb_at != 64):
            raise BadInput("params.yaml: MTUN option heatmaps: given ones stand for the HEB; set stacks: 0, no heb_at")
        if self.ema is not None and self.ema >= 1:
            raise BadInput(f"params.yaml: MTUN option ema: {self.ema}; give less than 1")
        if self.sigma <= 0:
            raise BadInput(f"params.yaml: MTUN option sigma: {self.sigma}; give a positive number of pixels")
        if self.authors_trunk and self.stacks:
            raise BadInput("params.yaml: MTUN option authors_trunk is for a network without HEB; set stacks: 0")
        for name in ("batch_size", "front_batch_size"):
            if (size := getattr(self, name)) is not None and size < 2:
                raise BadInput(f"params.yaml: MTUN option {name}: {size}; batch normalisation needs 2 faces")
