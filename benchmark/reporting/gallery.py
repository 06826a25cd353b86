"""Pictures of an experiment's test faces: HR, LR, every run's SR images and heatmaps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from benchmark import config
from benchmark.reporting import choose, measurements
from benchmark.reporting.sheet import overlay
from benchmark.scoring.estimates import estimates
from datasets import degrade, sr_faces
from datasets.face import BadInput
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs

SIZE = degrade.HR


@dataclass(frozen=True)
class Gallery:
    """The test faces of an experiment, and for each face its PSNR averaged over the measured runs: psnr (N,).

    Over the paper's runs, where there are some: one's own leave the figures' faces as they are.
    """

    experiment: config.Experiment
    pairs: Pairs
    psnr: np.ndarray

    @classmethod
    def load(cls, experiment: config.Experiment, tables: dict[str, pd.DataFrame]) -> Gallery | None:
        """None in a checkout without the data. BadInput where data and metrics are of different faces."""
        folder = experiment.data / "test"
        if not folder.is_dir():
            return None
        pairs = Pairs.load(folder)
        of_paper = {run: table for run, table in tables.items() if run in measurements.paper().index}
        by_face = measurements.by_face(of_paper or tables, "psnr").mean(axis=1)
        names = list(pairs.faces["name"])
        if set(names) != set(by_face.index):
            raise BadInput(f"{folder}: other faces than in {experiment.results}/metrics; run `dvc repro`")
        return cls(experiment, pairs, by_face[names].to_numpy())

    def choose(self, count: int, seed: int) -> np.ndarray:
        """Rows of `count` faces by the rule of benchmark.reporting.choose."""
        return choose.spread(self.pairs.faces["yaw"].to_numpy(), self.psnr, count, seed)

    def images(self, run: str) -> Path:
        """Folder of the run's images with its first seed."""
        return self.experiment.run(run).images(0)

    def has(self, run: str) -> bool:
        """Whether the run's images are at hand."""
        return run in self.experiment.runs and self.images(run).is_dir()

    def hr(self, rows: np.ndarray) -> np.ndarray:
        """HR faces (n, 128, 128, 3) uint8."""
        return np.array(self.pairs.hr[rows])

    def lr(self, rows: np.ndarray) -> np.ndarray:
        """Unaligned LR faces (n, 16, 16, 3) uint8."""
        return np.array(self.pairs.lr[rows])

    def sr(self, run: str, rows: np.ndarray) -> np.ndarray:
        """A run's SR faces (n, 128, 128, 3) uint8; BadInput names a missing image."""
        remedy = f"run `python -m benchmark.predict --experiment {self.experiment.name} --run {run}` again"
        names = self.pairs.faces["name"].iloc[rows]
        return np.stack([sr_faces.read(self.images(run) / f"{name}.png", remedy) for name in names])

    def true_heatmaps(self, rows: np.ndarray) -> np.ndarray:
        """Heatmaps of the landmarks over the upright face: (n, 4, 128, 128) in [0, 1]."""
        sigma = self.experiment.params["prepare"]["sigma"] * SIZE / 64
        faces = self.pairs[rows]
        return heatmaps(torch.from_numpy(faces.landmarks), torch.from_numpy(faces.component), SIZE, sigma).numpy()

    def heatmaps(self, run: str, rows: np.ndarray) -> np.ndarray | None:
        """A run's estimates over the upright face, enlarged to (n, 4, 128, 128) and clipped to [0, 1]; None without."""
        maps = estimates(self.experiment.run(run).estimates(0)).get("heatmaps")
        if maps is None:
            return None
        large = F.interpolate(maps[torch.from_numpy(rows)], size=SIZE, mode="bilinear", align_corners=False)
        return large.clamp(0, 1).numpy()


def on_black(maps: np.ndarray) -> np.ndarray:
    """Heatmaps (n, 4, H, W) in their components' colours over black: (n, H, W, 3) uint8."""
    return overlay(np.zeros((len(maps), *maps.shape[2:], 3), np.uint8), maps)
