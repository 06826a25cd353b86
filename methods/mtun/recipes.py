"""Where the paper, its authors' public code and this project differ: the recipes' settings, and the table of them.

A row with a key sets that field of Recipe; a row without one states a decision that holds for all recipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Recipe:
    """How MTUN is trained, and the few details of its network that depend on whom one follows."""

    optimiser: Literal["rmsprop", "adam"]
    alpha: float
    lr: float
    schedule: Literal["exponential", "cosine"]
    decay: float
    floor: float
    warmup: tuple[tuple[int, float], ...]
    batch_size: int
    epochs: int
    fresh: bool
    flip: bool
    ema: float
    beta_decay: float
    beta_floor: float
    vgg_padded: bool
    locnet: Literal["paper", "authors"]
    align_corners: bool
    stn_rotation: float
    norm_init: Literal["ones", "uniform"]
    inverted_dropout: bool
    locnet_init: Literal["uniform", "he"]
    front_epochs: int
    front_batch_size: int
    front_rate: float
    warp_weight: float


@dataclass(frozen=True)
class Deviation:
    """One point, what each recipe does about it, and why. key: the field of Recipe that the row sets, if any."""

    point: str
    paper: Any
    authors: Any
    tuned: Any
    why: str
    key: str = ""


DEVIATIONS = (
    # Optimisation
    Deviation("optimiser", "rmsprop", "rmsprop", "adam", "for a short budget of epochs", "optimiser"),
    Deviation(
        "RMSprop's smoothing",
        0.9,
        0.9,
        0.9,
        "the paper's 'decay rate 0.01' can only mean lr x (1 - 0.01) an epoch: as smoothing it is near sign descent",
        "alpha",
    ),
    Deviation("learning rate", 1e-3, 1e-3, 1e-3, "all agree", "lr"),
    Deviation("schedule", "exponential", "exponential", "cosine", "a fixed budget ends at rate 0", "schedule"),
    Deviation("factor an epoch", 0.99, 0.99, 1.0, "the cosine takes its place in tuned", "decay"),
    Deviation("lowest learning rate", 0.0, 1e-6, 0.0, "only the authors' code has one", "floor"),
    Deviation("warm-up (updates, factor)", (), ((50, 0.02), (50, 0.2)), (), "only the authors' code has one", "warmup"),
    Deviation("batch", 8, 8, 64, "the paper does not say; 64 makes better use of a GPU", "batch_size"),
    Deviation(
        "epochs",
        64,
        64,
        20,
        "the paper does not say and the authors' loop never ends; their sibling methods are tested from epoch 63",
        "epochs",
    ),
    Deviation("a new LR warp each epoch", False, False, True, "the paper and its authors fix one a face", "fresh"),
    Deviation("mirrored faces", False, True, True, "the paper does not say; the authors' set includes them", "flip"),
    Deviation("average of the weights (decay)", 0.0, 0.0, 0.0, "an option that no recipe turns on", "ema"),
    Deviation(
        "epochs in which the front is trained alone, by Adam at 1e-3",
        0,
        0,
        6,
        "all that comes before HEB and decoder, on L_w and on L_64, the mean squared error of an RGB picture that one "
        "convolution makes of `aligned`, weight 10: it does the global work many times as fast an image as everything "
        "together, and the STN, trained by the other losses alone, turns late or is thrown off for good; the true "
        "warps are known, because this project makes the LR faces; 60 in experiment demo, 12 in standin-cpu",
        "front_epochs",
    ),
    Deviation("batch in those epochs", 32, 32, 32, "as large as the front's speed asks for", "front_batch_size"),
    Deviation(
        "the front's factor on the learning rate afterwards",
        1.0,
        1.0,
        0.3,
        "at the full rate everything together first spoils what the front knows; 0.1 in experiment standin-cpu",
        "front_rate",
    ),
    # Losses
    Deviation(
        "option beta, the weight of L_U",
        0.01,
        0.01,
        "0.01; 0.005 in experiment demo",
        "narrow networks pay for L_U with colours, so that the demo takes the least that the authors' code comes to",
    ),
    Deviation("factor of beta an epoch", 1.0, 0.995, 1.0, "only the authors' code has one", "beta_decay"),
    Deviation("lowest beta", 0.0, 0.005, 0.0, "only the authors' code has one", "beta_floor"),
    Deviation(
        "padding in VGG-19",
        True,
        False,
        False,
        "the paper names VGG-19, which pads; the authors' code does not: ReLU3_2 is 25 x 25 there",
        "vgg_padded",
    ),
    Deviation(
        "norms of L_p, L_f and L_h",
        "squared error, summed",
        "mean squared error; L_h summed over stacks",
        "as the authors",
        "with sums alpha = beta = 0.01 would mean nothing, so that all recipes take means",
    ),
    Deviation(
        "units of L_f",
        "not said",
        "features of 0..255 images, gradient / 127.5",
        "features / 127.5",
        "the same effective weight of 6.15e-7 on raw features, in all recipes",
    ),
    Deviation(
        "torchvision's VGG-19",
        "-",
        "-",
        "features x 0.452",
        "brings a network trained on standardised images to the units of the Caffe model's scaled features",
    ),
    Deviation(
        "weight of L_w, the STN's own loss",
        0.0,
        0.0,
        1.0,
        "keeps the STN in place afterwards: mean squared error of rotation, scale, shift in units of 0.2, 0.05, 0.05",
        "warp_weight",
    ),
    Deviation("L_U", "minimise log D", "minimise -log D", "minimise -log D", "equation 4's sign is a misprint"),
    # Network
    Deviation(
        "locnet of the STN",
        "paper",
        "authors",
        "paper",
        "the paper's layers leave 500 inputs at 64 px, not the 80 it names; the authors' sibling code has 180",
        "locnet",
    ),
    Deviation("shift of the STN in corner units", False, True, False, "Torch7's grid; else box units", "align_corners"),
    Deviation(
        "first rotation of the STN (radians)",
        0.0,
        1.0,
        0.0,
        "the authors' comment says identity, but their bias starts at one radian",
        "stn_rotation",
    ),
    Deviation(
        "first weights of the locnet",
        "uniform",
        "uniform",
        "he",
        "aligns a little better after the same number of updates in trials",
        "locnet_init",
    ),
    Deviation("first gamma of BN", "ones", "uniform", "ones", "Torch7 draws it from U(0, 1)", "norm_init"),
    Deviation("Dropout2d rescales", True, False, True, "Torch7's did not", "inverted_dropout"),
    Deviation(
        "residual block",
        "3x3 conv of N_i channels",
        "of N_o channels",
        "of N_o channels",
        "parameter counts follow the authors' code, in all recipes",
    ),
    Deviation(
        "outside of the turned LR face",
        "not said",
        "mid-grey",
        "black",
        "zero is mid-grey in [-1, 1]; the LR faces are black there, so the STN turns them in [0, 1] in all recipes",
    ),
    Deviation(
        "bias of a convolution before BN",
        "not said",
        "learnt",
        "fixed at 0",
        "BN subtracts it again: no output depends on it, and its gradient costs a pass over memory",
    ),
    Deviation(
        "option freeze_front",
        "-",
        "-",
        "off; on in experiment demo",
        "what comes before HEB and decoder stays as its own phase left it, the same in all runs",
    ),
    # Ablations
    Deviation(
        "network without L_h",
        "not said",
        "no HEB, decoder 3g wide, no skip",
        "no HEB, else equal",
        "the ablation then measures one thing; option authors_trunk gives the other",
    ),
    Deviation(
        "authors_trunk",
        "-",
        "3g channels at 64 px",
        "3g in the decoder's first convolution and residual",
        "as far as it can be told from the description; then as Ours†",
    ),
    Deviation(
        "R16, R32: heatmaps in the decoder",
        "not said",
        "not said",
        "nearest to 64 px, turned by the STN",
        "the HEB stands before the STN, its targets are over the unaligned face; the decoder works on the upright one",
    ),
    Deviation("R16, R32: skip", "not said", "none at 128 px", "skip: false", "as the authors"),
    Deviation(
        "heatmap kernels",
        "standard deviation by map size",
        "not said",
        "1.5 px at 64 px, in proportion elsewhere",
        "worked in trials; maximum over a component's points, so that its map peaks at 1",
    ),
)


def recipe(name: Literal["paper", "authors", "tuned"]) -> Recipe:
    """The recipe of that name, from the table's column."""
    return Recipe(**{row.key: getattr(row, name) for row in DEVIATIONS if row.key})
