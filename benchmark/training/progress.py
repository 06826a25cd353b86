"""What a user sees of a training run: the bar, log.csv, the sample grids, and how long it will take."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from benchmark.cli import whole_file
from benchmark.training import parallel

_ESTIMATE_AFTER = 5  # updates
_WRITE_EVERY = 5.0  # seconds
FILE = "progress.json"
TIMES = ("images_per_second", "seconds")  # of an epoch: the only facts of a row that differ from call to call


class Progress:
    """A bar over `total` images with images a second and the time left, and on the CPU a forecast in words.

    folder/progress.json says every few seconds where the run stands, for those who do not see the bar.
    """

    def __init__(self, total: int, done: int, device: torch.device, folder: Path):
        self.file, self.written = folder / FILE, -math.inf
        terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=total,
            initial=done,
            unit="image",
            unit_scale=True,
            mininterval=0.5 if terminal else 30,
            disable=not parallel.main(),
        )
        self.cpu = device.type == "cpu"
        self.start, self.updates, self.images = time.monotonic(), 0, 0
        self.done, self.total = done, total
        if self.cpu:
            parallel.say(f"no GPU: training on the CPU, {torch.get_num_threads()} thread(s)")

    def step(self, phase: str, epoch: int, images: int) -> None:
        """Count one update."""
        self.bar.set_description(f"{phase} epoch {epoch + 1}", refresh=False)
        self.bar.update(images)
        self.updates, self.images = self.updates + 1, self.images + images
        if time.monotonic() - self.written >= _WRITE_EVERY and parallel.main():
            self._write(phase, epoch)
        if self.cpu and self.updates == _ESTIMATE_AFTER:
            rate = self.images / (time.monotonic() - self.start)
            left = duration((self.total - self.done) / rate)
            parallel.say(f"this run will take about {left} ({rate:.0f} images/s on this CPU)")

    def _write(self, phase: str, epoch: int) -> None:
        """A sign of life, for `run_all --status`."""
        self.written = time.monotonic()
        speed = self.images / (self.written - self.start)
        state = {"phase": phase, "epoch": epoch + 1, "images": self.done + self.images}
        state |= {"total": self.total, "images_per_second": round(speed, 2), "time": time.time()}
        with whole_file(self.file) as part:
            part.write_text(json.dumps(state) + "\n")

    def close(self) -> None:
        self.bar.close()


def duration(seconds: float) -> str:
    """Seconds in words, to the nearest sensible unit."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    """log.csv: a row an epoch; columns phase, epoch, lr, val_psnr, then the loss terms. Times have no place in it."""
    with whole_file(path) as part:
        pd.DataFrame(rows).drop(columns=list(TIMES), errors="ignore").to_csv(part, index=False, float_format="%.6g")


def first_log(log: Path) -> Path:
    """Where the loss terms of each phase's first updates stand, beside log.csv: what a replay is compared with."""
    return log.with_suffix(".first.csv")


def save_grid(path: Path, lr: Tensor, sr: Tensor, hr: Tensor) -> None:
    """A picture of three rows, LR enlarged by nearest neighbour, SR and HR, a column a face."""
    from torchvision.utils import save_image  # a second to import, which most stages can do without

    large = F.interpolate(lr, size=hr.shape[-2:], mode="nearest")
    with whole_file(path) as part:
        save_image(torch.cat([large, sr, hr]).clamp(0, 1), part, nrow=len(hr))
