"""Position-patch regression in closed form: training faces in, one small map for each patch position out.

At one position let X (d, N) hold the LR training patches as columns, Y (D, N) the HR ones, and x the LR patch of a new
face. Ma et al. choose the weights w (N) that sum to one and best rebuild x, and paste Y w. With Z = X - x 1^T, the
local Gram matrix C = Z^T Z and the usual ridge r = 1e-6 tr(C), the textbook solves N x N for every patch anew:

    minimise  w^T (C + r I) w  under  1^T w = 1          =>    w = (C + r I)^-1 1 / (1^T (C + r I)^-1 1)

The same w from d x d: let m, n be the mean patches, X~ = X - m 1^T, Y~ = Y - n 1^T, w = 1/N + v with 1^T v = 0. Then
x - X w = x - m - X~ v and |w|^2 = |v|^2 + 1/N, so v minimises |x - m - X~ v|^2 + r |v|^2. The free minimum of this
ridge regression,

    v = X~^T (S + r I)^-1 (x - m),    S = X~ X~^T  (d, d),

already sums to zero, because X~ 1 = 0: it is the constrained one. So Y w = n + Y~ X~^T (S + r I)^-1 (x - m). The ridge
r(x) = 1e-6 (tr(S) + N |x - m|^2) depends on x, but it is a number: with S = U diag(s) U^T, found once,

    Y w = n + A ((U^T (x - m)) / (s + r(x))),    A = Y~ X~^T U  (D, d),

exactly, for every x. Below, S, s, r and A are divided by N, which cancels. The mean patches n are windows of one mean
HR face, so that averaging their overlaps gives that face back, and A takes in the overlap count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.degrade import HR, LR

RIDGE = 1e-6
FACTOR = HR // LR


@dataclass(frozen=True)
class Grid:
    """L = side * side positions of square patches, `patch` LR pixels wide and `stride` apart, row by row."""

    patch: int
    stride: int

    @property
    def side(self) -> int:
        return (LR - self.patch) // self.stride + 1

    def windows(self, hr: Tensor) -> Iterator[Tensor]:
        """The part of hr (..., 128, 128) at each position, (..., D, D) with D = 8 * patch: views, to read or add to."""
        size, stride = FACTOR * self.patch, FACTOR * self.stride
        for row in range(self.side):
            for column in range(self.side):
                yield hr[..., row * stride : row * stride + size, column * stride : column * stride + size]

    def patches(self, lr: Tensor) -> Tensor:
        """Patches of LR faces (B, 3, 16, 16) by position: (L, B, d), d = 3 * patch * patch."""
        views = lr.unfold(2, self.patch, self.stride).unfold(3, self.patch, self.stride)
        return views.permute(2, 3, 0, 1, 4, 5).reshape(self.side**2, len(lr), -1)


@dataclass(frozen=True)
class PositionMaps:
    """The fitted maps: m (L, 1, d), mean HR face (3, 128, 128), U (L, d, d), s (L, 1, d), A^T / overlaps (L, d, D)."""

    lr_mean: Tensor
    hr_mean: Tensor
    basis: Tensor
    spectrum: Tensor
    weights: Tensor

    def upscale(self, lr: Tensor, grid: Grid) -> Tensor:
        """HR faces (B, 3, 128, 128), not clamped, for LR faces (B, 3, 16, 16) of the maps' type."""
        x = grid.patches(lr) - self.lr_mean
        ridge = RIDGE * (self.spectrum.sum(2, keepdim=True) + x.square().sum(2, keepdim=True))
        # Zero only where the training patches are all alike and x is one of them: then U^T x is zero too.
        shrunk = (x @ self.basis) / (self.spectrum + ridge).clamp_min(torch.finfo(x.dtype).tiny)
        sr = self.hr_mean.expand(len(lr), -1, -1, -1).clone()
        windows = grid.windows(sr)
        # A row of positions at a time: all at once would fill memory far beyond the caches.
        for a, weights in zip(shrunk.split(grid.side), self.weights.split(grid.side), strict=True):
            for patches in a @ weights:
                window = next(windows)
                window += patches.view(window.shape)
        return sr


class Moments:
    """Sums over training faces, in float64: their size depends on the grid and never on the number of faces."""

    def __init__(self, grid: Grid, device: torch.device):
        positions, d, hr_d = grid.side**2, 3 * grid.patch**2, 3 * (FACTOR * grid.patch) ** 2
        self.grid, self.faces = grid, 0
        self.lr, self.hr, self.lr_lr, self.lr_hr = (
            torch.zeros(shape, dtype=torch.float64, device=device)
            for shape in ((positions, 1, d), (3, HR, HR), (positions, d, d), (positions, d, hr_d))
        )

    def add(self, lr: Tensor, hr: Tensor) -> None:
        """Take in B more upright faces, LR (B, 3, 16, 16) and HR (B, 3, 128, 128) in [0, 1]."""
        lr_patches, hr = self.grid.patches(lr.double()), hr.double()
        self.faces += len(lr)
        self.lr += lr_patches.sum(1, keepdim=True)
        self.hr += hr.sum(0)
        self.lr_lr.baddbmm_(lr_patches.transpose(1, 2), lr_patches)
        for total, x, y in zip(self.lr_hr, lr_patches, self.grid.windows(hr), strict=True):
            total.addmm_(x.T, y.reshape(len(y), -1))

    def solve(self) -> PositionMaps:
        """The maps in float32, of at least one face."""
        m, n = self.lr / self.faces, self.hr / self.faces
        s, basis = torch.linalg.eigh(self.lr_lr / self.faces - m.transpose(1, 2) @ m)
        overlaps = torch.zeros_like(self.hr)
        for window in self.grid.windows(overlaps):
            window += 1
        weights = torch.empty_like(self.lr_hr, dtype=torch.float32)
        parts = zip(weights, self.lr_hr, basis, m, self.grid.windows(n), self.grid.windows(overlaps), strict=True)
        for out, lr_hr, u, x, y, count in parts:
            out.copy_(u.T @ (lr_hr / self.faces - x.T @ y.reshape(1, -1)) / count.reshape(1, -1))
        # Rounding can leave an empty direction a hair below zero.
        s = s.clamp_min(0)[:, None]
        return PositionMaps(m.float(), n.float(), basis.float(), s.float(), weights)
