"""A small adversarial method that uses what the loop offers, and faces for it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from benchmark.training.loop import Settings, train
from datasets import degrade
from datasets.batch import Batch, to_float, to_uint8
from datasets.pairs import ARRAYS, Pairs
from methods import options
from methods.interface import Context
from methods.trained import Critic, Optimiser, Phase, TrainedMethod


def make_pairs(n: int = 24, validation: int = 4) -> Pairs:
    """Smooth random images with warps; the last `validation` of them are the validation fold."""
    generator = torch.Generator().manual_seed(0)
    hr = to_uint8(degrade.resize(torch.rand(n, 3, 6, 6, generator=generator), 128))
    warp = degrade.sample_warps(n, generator)
    lr = to_uint8(degrade.degrade(to_float(hr), warp))
    points = 128 * torch.rand(n, 68, 2, generator=generator)
    names = [f"face{i}" for i in range(n)]
    faces = pd.DataFrame({"name": names, "person": names, "photo": names, "corpus": "tiny", "source": "tiny"})
    faces["points"], faces["yaw"], faces["validation"] = 68, 0.0, [int(i >= n - validation) for i in range(n)]
    return Pairs(hr.numpy(), lr.numpy(), warp.numpy(), points.numpy(), np.ones((n, 68), bool), faces)


def write_pairs(pairs: Pairs, folder: Path) -> None:
    """The layout of datasets.pairs."""
    folder.mkdir(parents=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(pairs, name))
    pairs.faces.to_csv(folder / "faces.csv", index=False)


class Options(options.Options):
    dropout: float = 0.2
    norm: bool = True
    epochs: int = 3
    delay: float = 0.0  # seconds an update takes longer
    recipe: str = "paper"


class Tiny(TrainedMethod):
    """A pixel phase with RMSprop, then an adversarial phase with Adam on fixed warps."""

    wants = "unaligned"
    Options = Options

    def __init__(self, options: dict | None = None):
        super().__init__(options)
        norm = nn.BatchNorm2d(8) if self.options.norm else nn.Identity()
        layers = [nn.Conv2d(3, 8, 3, padding=1), norm, nn.ReLU(), nn.Dropout(self.options.dropout)]
        self.module = nn.Sequential(*layers, nn.Conv2d(8, 3, 3, padding=1))

    def phases(self, context: Context) -> list[Phase]:
        self.critic = nn.Sequential(nn.AvgPool2d(32), nn.Flatten(), nn.Dropout(self.options.dropout), nn.Linear(48, 1))
        rmsprop = Optimiser("rmsprop", 1e-2, decay=0.9, warmup=((3, 0.1),), clip=1.0)
        adam = Optimiser("adam", 1e-3, schedule="cosine")
        sgd = Optimiser("sgd", 1e-2)
        epochs = self.options.epochs
        critic = Critic(self.critic, sgd, self.critic_loss)
        return [
            Phase("pixels", epochs, 6, self.module, rmsprop, self.pixel_loss),
            Phase("play", epochs, 8, self.module, adam, self.loss, critic, resample_degradation=False),
        ]

    def enlarge(self, lr: Tensor) -> Tensor:
        return interpolate(lr + self.module(lr), size=(128, 128))

    def pixel_loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], None]:
        time.sleep(self.options.delay)
        return {"pixel": mse_loss(self.enlarge(batch.lr), batch.hr)}, None

    def loss(self, batch: Batch, epoch: int) -> tuple[dict[str, Tensor], Tensor]:
        time.sleep(self.options.delay)
        sr = self.enlarge(batch.lr)
        weight = 0.01 * 0.9**epoch
        return {"pixel": mse_loss(sr, batch.hr), "fool": -weight * self.critic(sr).mean()}, sr

    def critic_loss(self, batch: Batch, sr: Tensor) -> dict[str, Tensor]:
        return {"critic": (self.critic(sr) - self.critic(batch.hr)).mean() + 0.1 * self.critic(sr).square().mean()}

    def upscale(self, lr: Tensor, truth: Batch | None = None) -> Tensor:
        self.module.eval()
        return self.enlarge(lr).clamp(0, 1)


def assert_same_run(one: Path, other: Path) -> None:
    """Two folders hold bit-equal weights and logs."""
    a, b = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name
    for name in ("log.csv", "log.first.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def fit(folder: Path, settings: Settings, max_updates: int | None = None, **options: Any) -> Tiny:
    """Train a Tiny in `folder`."""
    torch.manual_seed(1)
    method = Tiny(options)
    context = Context(torch.device("cpu"), 1, folder, folder / "log.csv")
    train(method, make_pairs(), context, settings, max_updates)
    return method


def fit_and_save(folder: Path, **options: Any) -> None:
    """A whole program: train with a checkpoint after every update, and save."""
    torch.set_num_threads(1)
    fit(folder, Settings(checkpoint_seconds=0, precision="float32"), **options).save(folder)
