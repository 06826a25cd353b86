"""Every option of MTUN: its ablations, loss weights and what may override a recipe."""

from typing import Literal, Self

from pydantic import Field, model_validator

from methods import options

RecipeName = Literal["paper", "authors", "tuned"]


class Options(options.Options):
    """Options of one run; the defaults are Ours of Table 1. None takes the recipe's value."""

    recipe: RecipeName = Field("tuned", description="see methods/mtun/recipes.py")
    width: int = Field(32, ge=2, multiple_of=2, description="g, the unit of all channel counts; the authors' is 32")
    stacks: int = Field(4, ge=0, le=4, description="hourglasses of the HEB (Table 2); 0: no HEB, no L_h (Table 3)")
    heb_at: Literal[16, 32, 64] = Field(64, description="px of the HEB's input (R16, R32; 64: after the STN)")
    heatmaps: Literal["estimated", "true", "zero"] = Field(
        "estimated", description="with stacks 0: what the decoder sees in place of the HEB's; true: an upper bound"
    )
    skip: bool = Field(True, description="false is Ours† of Table 1")
    autoencoder: bool = Field(True, description="false is Ours‡ of Table 1")
    authors_trunk: bool = Field(False, description="with stacks 0: the authors' wider decoder without skip")
    freeze_trunk: bool = Field(False, description="leave the pretrained trunk as it is; not the paper's")
    feature: bool = Field(True, description="minimise L_f")
    adversarial: bool = Field(True, description="minimise L_U")
    alpha: float = Field(0.01, ge=0, description="weight of L_f")
    beta: float = Field(0.01, ge=0, description="weight of L_U")
    heatmap_weight: float = Field(1.0, ge=0, description="weight of L_h")
    sigma: float = Field(1.5, gt=0, description="of the target heatmaps' kernels, px at 64 px")
    random_vgg_width: int = Field(64, ge=1, description="first channels of a VGG-19 with random weights; real ones: 64")
    epochs: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=2, description="batch normalisation needs 2 faces")
    lr: float | None = Field(None, gt=0, description="learning rate")
    resample_degradation: bool | None = Field(None, description="draw a new warp for each face and epoch")
    flip: bool | None = Field(None, description="mirror half of the training faces")
    trunk_lr_multiplier: float | None = Field(None, ge=0, description="factor on the pretrained trunk's learning rate")

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.heatmaps != "estimated" and (self.stacks or self.heb_at != 64):
            raise ValueError("option heatmaps: given ones replace the HEB; set stacks: 0, no heb_at")
        if self.authors_trunk and self.stacks:
            raise ValueError("option authors_trunk is for a network without HEB; set stacks: 0")
        return self
