"""Pictures of an experiment's test faces, and which of them a figure shows: drawn by seed, never by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from benchmark import reference
from benchmark.reporting import results as measured
from benchmark.reporting.results import Results
from benchmark.scoring.estimates import estimates
from datasets import degrade, pose, sr_faces
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.heatmaps import SIGMA, heatmaps
from datasets.pairs import Pairs

SIZE = degrade.HR
LEVELS = 3  # easy, middling and hard faces of each yaw bin
COLOURS = np.array([(0.2, 0.6, 1.0), (1.0, 0.8, 0.1), (1.0, 0.2, 0.3), (0.3, 0.9, 0.3)])  # of COMPONENTS
GREEN = (0, 255, 0)


@dataclass(frozen=True)
class Gallery:
    """The test faces of an experiment and, for each, its PSNR averaged over the measured runs: psnr (N,).

    Averaged over the paper's runs if there are some: one's own leave the choice of faces as it is.
    """

    results: Results
    pairs: Pairs
    psnr: np.ndarray

    @classmethod
    def load(cls, results: Results) -> Gallery | None:
        """The gallery; None in a checkout without the data.

        Raises:
            BadInput: if data and metrics are of different faces.
        """
        folder = results.experiment.data / "test"
        if not folder.is_dir():
            return None
        pairs, rows = Pairs.load(folder), results.rows
        of_paper = {run: table for run, table in rows.items() if run in reference.paper().index}
        psnr = measured.by_face(of_paper or rows, "psnr").replace(np.inf, np.nan).mean(axis=1)
        names = list(pairs.faces["name"])
        if set(names) != set(psnr.index):
            raise BadInput(f"{folder}: other faces than in {results.experiment.results}/metrics; run `dvc repro`")
        return cls(results, pairs, psnr[names].to_numpy())

    def choose(self, count: int, seed: int) -> np.ndarray:
        """Rows of `count` faces, spread over pose and difficulty."""
        return spread(self.pairs.faces["yaw"].to_numpy(), self.psnr, count, seed)

    def images(self, run: str) -> Path:
        """Folder of the run's images with its first seed."""
        return self.results.experiment.run(run).images(0)

    def has(self, run: str) -> bool:
        """Whether the run is scored and its images are at hand."""
        return run in self.results.summaries and self.images(run).is_dir()

    def hr(self, rows: np.ndarray) -> np.ndarray:
        """HR faces (n, 128, 128, 3) uint8."""
        return np.array(self.pairs.hr[rows])

    def lr(self, rows: np.ndarray) -> np.ndarray:
        """Unaligned LR faces (n, 16, 16, 3) uint8."""
        return np.array(self.pairs.lr[rows])

    def with_landmarks(self, rows: np.ndarray) -> np.ndarray:
        """HR faces (n, 128, 128, 3) uint8 with a dot on each visible landmark."""
        images, faces = self.hr(rows), self.pairs[rows]
        for image, points, seen in zip(images, faces.landmarks, faces.visible, strict=True):
            for point in points[seen].round().astype(int).tolist():
                cv2.circle(image, point, 1, GREEN, -1)
        return images

    def upright_lr(self, rows: np.ndarray) -> np.ndarray:
        """LR faces (n, 16, 16, 3) uint8, aligned by their true warps."""
        faces = self.pairs[rows]
        return to_uint8(degrade.align(to_float(torch.from_numpy(faces.lr)), torch.from_numpy(faces.warp))).numpy()

    def sr(self, run: str, rows: np.ndarray) -> np.ndarray:
        """A run's SR faces (n, 128, 128, 3) uint8.

        Raises:
            BadInput: names a missing image.
        """
        command = f"python -m benchmark predict --experiment {self.results.experiment.name} --run {run}"
        paths = [self.images(run) / f"{name}.png" for name in self.pairs.faces["name"].iloc[rows]]
        return np.stack([sr_faces.read(path, f"run `{command}` again") for path in paths])

    def psnr_of(self, run: str, rows: np.ndarray) -> np.ndarray:
        """PSNR of a run's SR faces (n,), dB, infinite for a face that equals the HR one."""
        table = self.results.rows[run]
        return table[table["seed"] == 0].set_index("name")["psnr"][self.pairs.faces["name"].iloc[rows]].to_numpy()

    def true_heatmaps(self, rows: np.ndarray) -> np.ndarray:
        """Heatmaps of the landmarks over the upright face: (n, 4, 128, 128) in [0, 1]."""
        sigma = SIGMA * SIZE / 64
        faces = self.pairs[rows]
        return heatmaps(torch.from_numpy(faces.landmarks), torch.from_numpy(faces.component), SIZE, sigma).numpy()

    def heatmaps(self, run: str, rows: np.ndarray) -> np.ndarray | None:
        """A run's estimates over the upright face, enlarged to (n, 4, 128, 128) and clipped to [0, 1]; None without."""
        maps = estimates(self.results.experiment.run(run).estimates(0)).get("heatmaps")
        if maps is None:
            return None
        large = F.interpolate(maps[torch.from_numpy(rows)], size=SIZE, mode="bilinear", align_corners=False)
        return large.clamp(0, 1).numpy()


def overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Heatmaps (N, 4, H, W) in [0, 1] over images (N, H, W, 3) uint8, a colour a component; uint8."""
    tint = np.einsum("nchw,ck->nhwk", maps, COLOURS)
    weight = maps.max(1)[..., None] * 0.7
    return np.clip(images * (1 - weight) + 255 * np.clip(tint, 0, 1) * weight, 0, 255).astype(np.uint8)


def on_black(maps: np.ndarray) -> np.ndarray:
    """Heatmaps (n, 4, H, W) in their components' colours over black: (n, H, W, 3) uint8."""
    return overlay(np.zeros((len(maps), *maps.shape[2:], 3), np.uint8), maps)


def spread(yaw: np.ndarray, psnr: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of min(count, N) faces, from frontal to profile and from easy to hard.

    Faces are divided by yaw bin and, within a bin, into LEVELS groups of equal size by PSNR. The groups share `count`
    evenly, those at even distances first, and each draws its faces at random.

    Args:
        yaw: (N,) degrees.
        psnr: (N,) dB, how well the measured runs do on average: high is easy.
    """
    count = min(count, len(yaw))
    rng = np.random.default_rng(seed)
    bins, groups = np.array([pose.bin_of(value) for value in yaw]), []
    for name in sorted(set(bins)):
        rows = np.flatnonzero(bins == name)
        by_ease = rows[np.argsort(-psnr[rows], kind="stable")]
        groups += [rng.permutation(part) for part in np.array_split(by_ease, LEVELS) if len(part)]
    taken = np.zeros(len(groups), int)
    while taken.sum() < count:
        free = np.flatnonzero(taken < [len(group) for group in groups])
        wanted = min(count - int(taken.sum()), len(free))
        taken[free[np.linspace(0, len(free) - 1, wanted).round().astype(int)]] += 1
    return np.concatenate([group[:n] for group, n in zip(groups, taken, strict=True)])
