"""What params.yaml may hold: one declaration of each key, with its type, bounds and meaning."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "float32", "bfloat16"]


class _Block(BaseModel):
    """A block of params.yaml: unknown keys and mistyped values are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Prepare(_Block):
    """Options of stage `prepare`."""

    annotator: str = Field(description="what finds landmarks of faces that come without")
    test_fraction: float = Field(gt=0, lt=1, description="of identities")
    validation_fraction: float = Field(ge=0, lt=1, description="of training identities")
    seed: int = Field(ge=0)
    copies_together: bool = Field(default=False, description="keep copies of one photograph on one side of the split")
    test_identities: int | None = Field(default=None, ge=2, description="a sample of so many to test on; null for all")


class Recognise(_Block):
    """Options of stage `recognise`: a sample of test faces."""

    count: int = Field(ge=1)
    seed: int = Field(ge=0)


class Training(_Block):
    """What all trainings of an experiment share."""

    recipe: Literal["paper", "authors", "tuned"]
    seeds: int = Field(ge=1, description="at most so many seeds a run")
    vgg: str | None = Field(description='file of VGG-19\'s weights, "torchvision" for a download, null for random ones')
    threads: int | None = Field(default=None, ge=1, description="of PyTorch on a CPU; null for its own choice")
    precision: Precision = "auto"


class Predict(_Block):
    """Options of stage `predict`."""

    precision: Literal["float32", "float64"] = Field(
        description="float64: the same images on every processor, several times as slow"
    )


class RunItem(BaseModel):
    """An entry of `runs:` or `pretrained:`. Keys beyond these are options of the method."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    method: str
    align: str | None = Field(
        default=None, description="an STN_0 of `pretrained:`, oracle, none; null: the method's own"
    )
    trunk: str | None = Field(default=None, description="a trunk of `pretrained:` or none; null: as `methods:` says")
    seeds: int = Field(default=1, ge=1)


class ExperimentParams(_Block):
    """One block of `experiments:`."""

    name: str
    corpus: str = Field(description="what the faces are, in words")
    terms: str = Field(default="", description="under which the faces may be used")
    corpora: dict[str, dict[str, Any] | None] = Field(min_length=1)
    prepare: Prepare
    recognise: Recognise
    training: Training
    predict: Predict
    methods: dict[str, dict[str, Any] | None] = Field(description="options of each method, which a run may override")
    pretrained: dict[str, RunItem] = Field(description="STN_0 and trunks: runs that other runs build on")
    runs: dict[str, RunItem] = Field(description="runs that tables, figures and claims may show")
