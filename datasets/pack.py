"""Prepared faces on disk: arrays that a training run maps or puts whole on a device, and batches made from them.

A folder holds, for N faces (all arrays .npy, images NHWC uint8 RGB, landmarks in pixels of the 128 px crop):
    hr.npy (N, 128, 128, 3)   lr.npy (N, 16, 16, 3)   warp.npy (N, 4) float32, of lr.npy
    landmarks.npy (N, 68, 2) float32, NaN past the face's own number   visible.npy (N, 68) bool
    faces.csv  name, corpus, source, person, photo, points (68 or 39), yaw (degrees), validation (0 or 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from datasets import degrade
from datasets.crop import Crop
from datasets.face import BadInput, require_folder
from datasets.heatmaps import component_of, heatmaps
from datasets.split import unit_numbers

CHUNK = 256  # faces degraded at a time
ARRAYS = ("hr", "lr", "warp", "landmarks", "visible")
TEXTS = ("name", "corpus", "source", "person", "photo")


@dataclass(frozen=True)
class Pairs:
    """One side of the split, its images mapped from disk until used. Index with a mask or indices for a part of it."""

    hr: np.ndarray
    lr: np.ndarray
    warp: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    faces: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> Pairs:
        """Map the arrays of `folder`; BadInput where it is missing or its parts disagree in length."""
        require_folder(folder, "run `dvc repro prepare` (or `python -m benchmark.prepare`) first")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        # Rows are addressed by position everywhere, so the names must not be read as numbers.
        faces = pd.read_csv(folder / "faces.csv", dtype=dict.fromkeys(TEXTS, str), keep_default_na=False)
        for name, array in arrays.items():
            if len(array) != len(faces):
                raise BadInput(f"{folder / name}.npy: {len(array)} rows, faces.csv has {len(faces)}; prepare again")
        return cls(**arrays, faces=faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, rows: np.ndarray) -> Pairs:
        arrays = {name: getattr(self, name)[rows] for name in ARRAYS}
        return replace(self, **arrays, faces=self.faces[rows] if rows.dtype == bool else self.faces.iloc[rows])

    @cached_property
    def component(self) -> np.ndarray:
        """Component of each visible landmark, (N, 68) int8; -1 for brows, hidden and absent ones."""
        table = {n: component_of(n) for n in (39, 68)}
        index = np.stack([table[n] for n in self.faces["points"]]) if len(self) else np.empty((0, 68), np.int8)
        return np.where(self.visible, index, -1).astype(np.int8)

    def training(self) -> Pairs:
        """The faces to fit on: all but the validation fold."""
        return self[self.faces["validation"].to_numpy() == 0]

    def validation(self) -> Pairs:
        """The validation fold, cut from the training people."""
        return self[self.faces["validation"].to_numpy() == 1]


def write_pairs(
    folder: Path, images: np.ndarray, rows: np.ndarray, crops: Sequence[Crop], validation: np.ndarray, seed: int
) -> None:
    """Write one side of the split: the crops, whose pixels are images[rows] (N, 128, 128, 3), and their LR faces.

    The warp of a face follows from the seed and its name alone.
    """
    folder.mkdir()
    warp = degrade.warps_from_unit(torch.from_numpy(unit_numbers([c.entry.name for c in crops], seed, 4)))
    lr = np.empty((len(rows), 16, 16, 3), np.uint8)
    with (folder / "hr.npy").open("wb") as out:  # written, not mapped: a full disk kills who writes to a map
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), 128, 128, 3)}
        np.lib.format.write_array_header_1_0(out, header)
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            hr = images[rows[part]]
            out.write(hr.tobytes())
            lr[part] = to_uint8(degrade.degrade(to_float(torch.from_numpy(hr)), warp[part])).numpy()
    np.save(folder / "lr.npy", lr)
    np.save(folder / "warp.npy", warp.numpy())
    np.save(folder / "landmarks.npy", np.stack([c.landmarks for c in crops]))
    np.save(folder / "visible.npy", np.stack([c.visible for c in crops]))
    table = pd.DataFrame({text: [getattr(c.entry, text) for c in crops] for text in TEXTS})
    table["points"] = [c.points for c in crops]
    table["yaw"] = [round(c.yaw, 2) for c in crops]
    table["validation"] = validation.astype(int)
    table.to_csv(folder / "faces.csv", index=False)


def to_float(images: Tensor) -> Tensor:
    """uint8 NHWC images to float32 (B, 3, H, W) in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).to(torch.float32) / 255


def to_uint8(images: Tensor) -> Tensor:
    """Float images (B, 3, H, W) in [0, 1] to uint8 NHWC, rounded."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@dataclass
class Batch:
    """What a loss sees. Images are float32 in [0, 1]; `lr` is upright already where the method asked for alignment."""

    hr: Tensor  # (B, 3, 128, 128), upright
    lr: Tensor  # (B, 3, 16, 16)
    warp: Tensor  # (B, 4), the true warp of the unaligned LR face
    landmarks: Tensor  # (B, 68, 2) pixels of the upright crop
    component: Tensor  # (B, 68), -1 where absent or hidden

    def heatmaps(self, size: int, sigma: float, frame: str = "upright") -> Tensor:
        """Target heatmaps (B, 4, size, size); frame "lr" places them over the unaligned LR face (Table 2, R16, R32)."""
        points = degrade.warp_points(self.landmarks, self.warp) if frame == "lr" else self.landmarks
        return heatmaps(points, self.component, size, sigma)

    def upright_lr(self) -> Tensor:
        """The LR face that a perfect alignment would give, from the upright HR face: (B, 3, 16, 16)."""
        return degrade.quantise(degrade.resize(self.hr, degrade.LR))


class DeviceFaces:
    """A set of pairs whole on a device, as uint8; every float is made there, a batch at a time."""

    def __init__(self, pairs: Pairs, device: torch.device | str):
        self.hr, self.lr = (torch.from_numpy(np.array(a)).to(device) for a in (pairs.hr, pairs.lr))
        self.warp, self.landmarks = (torch.from_numpy(np.array(a)).to(device) for a in (pairs.warp, pairs.landmarks))
        self.component = torch.from_numpy(pairs.component).to(device)

    def __len__(self) -> int:
        return len(self.hr)

    def batch(self, rows: Tensor, warp: Tensor | None = None, flip: Tensor | None = None) -> Batch:
        """The faces `rows` (B,), on the device. `warp` (B, 4) makes fresh LR faces; None takes the stored ones.

        flip: (B,) bool mirrors a face, its landmarks and its warp.
        """
        hr, landmarks = to_float(self.hr[rows]), self.landmarks[rows]
        mirror = torch.zeros(len(rows), dtype=torch.bool, device=hr.device) if flip is None else flip
        hr = torch.where(mirror[:, None, None, None], hr.flip(3), hr)
        sign = 1 - 2 * mirror.to(landmarks.dtype)
        x = torch.where(mirror[:, None], degrade.HR - 1 - landmarks[..., 0], landmarks[..., 0])
        landmarks = torch.stack([x, landmarks[..., 1]], 2)
        if warp is None:
            lr = to_float(self.lr[rows])
            lr = torch.where(mirror[:, None, None, None], lr.flip(3), lr)
            rotation, scale, tx, ty = self.warp[rows].unbind(1)
            warp = torch.stack([sign * rotation, scale, sign * tx, ty], 1)
        else:
            lr = degrade.degrade(hr, warp)
        return Batch(hr, lr, warp, landmarks, self.component[rows])
