"""How MTUN is trained: recipes `paper`, `authors` (their public code) and `tuned`; deviations.yaml has the reasons."""

from dataclasses import dataclass, replace
from typing import Literal

from methods.trained import Schedule


@dataclass(frozen=True)
class Recipe:
    """How MTUN is trained, and the details of its network on which sources differ. The defaults are the paper's."""

    optimiser: Literal["rmsprop", "adam"] = "rmsprop"
    lr: float = 1e-3
    schedule: Schedule = "exponential"
    decay: float = 0.99
    floor: float = 0.0
    warmup: tuple[tuple[int, float], ...] = ()
    batch_size: int = 8
    epochs: int = 64
    resample_degradation: bool = False
    flip: bool = False
    beta_decay: float = 1.0
    beta_floor: float = 0.0
    vgg_padded: bool = True
    locnet: Literal["paper", "authors"] = "paper"
    align_corners: bool = False
    stn_rotation: float = 0.0
    norm_init: Literal["ones", "uniform"] = "ones"
    inverted_dropout: bool = True
    locnet_init: Literal["uniform", "he"] = "uniform"
    trunk_lr_multiplier: float = 1.0
    warp_weight: float = 0.0


PAPER = Recipe()
AUTHORS = replace(
    PAPER,
    floor=1e-6,
    warmup=((50, 0.02), (50, 0.2)),
    flip=True,
    beta_decay=0.995,
    beta_floor=0.005,
    vgg_padded=False,
    locnet="authors",
    align_corners=True,
    stn_rotation=1.0,
    norm_init="uniform",
    inverted_dropout=False,
)
TUNED = replace(
    PAPER,
    optimiser="adam",
    schedule="cosine",
    decay=1.0,
    batch_size=64,
    epochs=20,
    resample_degradation=True,
    flip=True,
    vgg_padded=False,
    locnet_init="he",
    trunk_lr_multiplier=0.3,
    warp_weight=1.0,
)
RECIPES = {"paper": PAPER, "authors": AUTHORS, "tuned": TUNED}
