"""Ma et al.'s position-patch hallucination as a method."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from safetensors.torch import load_file, save_file
from torch import Tensor

from datasets.batch import Batch
from datasets.degrade import LR
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods import options
from methods.interface import Context, Method, check_lr
from methods.position_patch.model import Grid, Moments, PositionMaps

MOMENTS = "moments.safetensors"
CHUNK = 256  # faces in float64 at a time: bounds the memory of `fit`


class Options(options.Options):
    """Options of position patches."""

    patch: int = Field(4, ge=1, le=LR, description="side of the LR patches, px")
    overlap: int = Field(2, ge=0, description="overlap of neighbouring LR patches, px")
    faces: int = Field(0, ge=0, description="training faces, drawn by the run's seed; 0 for all")

    @model_validator(mode="after")
    def _patches_cover_the_face(self) -> Self:
        if self.overlap >= self.patch or (LR - self.patch) % (self.patch - self.overlap):
            raise ValueError(
                f"options patch: {self.patch}, overlap: {self.overlap}; overlap is less than patch, and their "
                f"difference divides {LR} - patch"
            )
        return self


class PositionPatch(Method):
    """Combine the training patches at each position to match the LR patch; the same weights combine the HR patches."""

    Options = Options

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        self.grid = Grid(self.options.patch, self.options.patch - self.options.overlap)
        self.moments = Moments.none(self.grid, self.device)
        self.maps: PositionMaps | None = None  # solved at the first upscale, in self.dtype

    def fit(self, pairs: Pairs, context: Context) -> None:
        """Sum moments over the training faces, a chunk at a time.

        Raises:
            BadInput: if there are fewer than the option `faces` asks for.
        """
        rows = np.flatnonzero(pairs.faces["validation"] == 0)
        wanted = self.options.faces or len(rows)
        if not 0 < wanted <= len(rows):
            raise BadInput(f"params.yaml: PositionPatch option faces: {wanted}; there are {len(rows)} training faces")
        rows = np.sort(np.random.default_rng(context.seed).permutation(rows)[:wanted])
        moments = Moments.none(self.grid, self.device)
        for start in range(0, len(rows), CHUNK):
            chunk = pairs[rows[start : start + CHUNK]]
            lr, hr = (torch.from_numpy(np.array(a)).to(self.device).permute(0, 3, 1, 2) for a in (chunk.lr, chunk.hr))
            moments.add(lr, hr, self.grid)
        self.moments, self.maps = moments, None

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        return self._solved().upscale(check_lr(lr, self.dtype), self.grid).clamp(0, 1)

    def save(self, folder: Path) -> None:
        """Store the sums, not the maps: the basis that the solver finds depends on the processor."""
        sums = {name: tensor.cpu() for name, tensor in vars(self.moments).items()}
        save_file(sums, folder / MOMENTS)

    def load(self, folder: Path) -> None:
        path = folder / MOMENTS
        if not path.is_file():
            raise BadInput(f"{path}: no sums; run `dvc repro` or `python -m benchmark train` for this run first")
        self.moments, self.maps = Moments(**load_file(path, device=str(self.device))), None

    def to(self, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Self:
        super().to(device, dtype)
        moved = {name: sums.to(device) for name, sums in vars(self.moments).items()}
        self.moments, self.maps = Moments(**moved), None
        return self

    def parameters_count(self) -> int:
        return sum(tensor.numel() for tensor in vars(self._solved()).values())

    def _solved(self) -> PositionMaps:
        """The maps, solved once in float64."""
        if self.maps is None:
            maps = vars(self.moments.solve(self.grid))
            self.maps = PositionMaps(**{name: part.to(self.dtype) for name, part in maps.items()})
        return self.maps
