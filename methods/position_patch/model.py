"""Position-patch regression in closed form: training faces in, one small map for each patch position out.

At one position let X (d, N) hold the LR training patches as columns, Y (D, N) the HR ones, and x the LR patch of a new
face. Ma et al. choose the weights w (N) that sum to one and best rebuild x, and paste Y w. With Z = X - x 1^T, the
local Gram matrix C = Z^T Z and the usual ridge r = 1e-6 tr(C), the textbook solves N x N for every new patch:

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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

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


@dataclass
class Moments:
    """Sums over training faces: their size depends on the grid and never on the number of faces.

    faces: how many, (). Of their 8-bit values by position: lr (L, 1, d), lr_lr (L, d, d), lr_hr (L, d, D), and hr
    (3, 128, 128). Whole numbers, which float64 adds up exactly in any order: the same on every processor.
    """

    faces: Tensor
    lr: Tensor
    hr: Tensor
    lr_lr: Tensor
    lr_hr: Tensor

    @classmethod
    def none(cls, grid: Grid, device: torch.device) -> Self:
        """Make empty sums."""
        positions, d, hr_d = grid.side**2, 3 * grid.patch**2, 3 * (FACTOR * grid.patch) ** 2
        shapes = ((), (positions, 1, d), (3, HR, HR), (positions, d, d), (positions, d, hr_d))
        return cls(*(torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes))

    def add(self, lr: Tensor, hr: Tensor, grid: Grid) -> None:
        """Add B aligned faces, LR (B, 3, 16, 16) and HR (B, 3, 128, 128), both uint8."""
        lr_patches, hr = grid.patches(lr.double()), hr.double()
        self.faces += len(lr)
        self.lr += lr_patches.sum(1, keepdim=True)
        self.hr += hr.sum(0)
        self.lr_lr.baddbmm_(lr_patches.transpose(1, 2), lr_patches)
        for total, x, y in zip(self.lr_hr, lr_patches, grid.windows(hr), strict=True):
            total.addmm_(x.T, y.reshape(len(y), -1))

    def solve(self, grid: Grid) -> PositionMaps:
        """Solve for the maps in float64; needs at least one face."""
        n, unit = self.faces, 1 / (255 * self.faces)
        overlaps = torch.zeros_like(self.hr)
        for window in grid.windows(overlaps):
            window += 1
        # n^2 times the moments about the mean: whole numbers still, and exact to 370,000 faces.
        s, basis = torch.linalg.eigh((n * self.lr_lr - self.lr.transpose(1, 2) @ self.lr) * unit**2)
        weights = torch.empty_like(self.lr_hr)
        parts = zip(weights, self.lr_hr, basis, self.lr, grid.windows(self.hr), grid.windows(overlaps), strict=True)
        for out, lr_hr, u, x, y, count in parts:
            out.copy_(u.T @ (n * lr_hr - x.T @ y.reshape(1, -1)) * (unit**2 / count.reshape(1, -1)))
        # Rounding can leave an empty direction a hair below zero.
        s = s.clamp_min(0)[:, None]
        return PositionMaps(self.lr * unit, self.hr * unit, basis, s, weights)
