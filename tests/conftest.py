"""Fixtures that every test folder shares: a few synthetic faces in memory and on disk, and a two-step training loop."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from datasets import degrade
from datasets.batch import Batch, DeviceFaces, to_uint8
from datasets.pairs import Pairs
from methods.interface import Context, Method
from methods.trained import TrainedMethod

N = 24
CPU = torch.device("cpu")
PROFILE = np.r_[0:12, 17:21, 27:33, 36:41, 48:60]  # 39 of the 68 points in the order of Menpo's profiles


def _arc(centre: tuple[float, float], radii: tuple[float, float], degrees: np.ndarray) -> np.ndarray:
    angle = np.radians(degrees)
    return np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], 1)


def template() -> np.ndarray:
    """68 landmarks of a plain frontal face in the 128 px crop, iBUG's order: (68, 2) float64."""
    chin = _arc((64, 62), (42, 60), np.linspace(190, -10, 17))
    brows = [_arc((x, 46), (13, 7), np.linspace(200, 340, 5)) for x in (42, 86)]
    nose = np.r_[_arc((64, 65), (0, 13), np.linspace(-90, 90, 4)), _arc((64, 79), (11, 4), np.linspace(180, 0, 5))]
    eyes = [_arc((x, 52), (9, 4), np.linspace(180, 480, 6)) for x in (42, 86)]
    mouth = np.r_[
        _arc((64, 98), (17.5, 8), np.linspace(180, 510, 12)), _arc((64, 98), (12, 3), np.linspace(180, 495, 8))
    ]
    return np.concatenate([chin, *brows, nose, *eyes, mouth])


def _smooth(size: int, rng: np.random.Generator) -> Tensor:
    """Random colours at `size` x `size`, blown up smoothly: (N, 3, 128, 128) in about [0, 1]."""
    return degrade.resize(torch.from_numpy(rng.random((N, 3, size, size), np.float32)), 128)


def _spots(landmarks: np.ndarray, radius: float) -> Tensor:
    """1 at a landmark, falling smoothly to 0: (n, 1, 128, 128)."""
    axis = np.arange(128)
    kernel = np.exp(-((axis - landmarks[..., None]) ** 2) / (2 * radius**2))
    return torch.from_numpy(np.einsum("npy,npx->npyx", kernel[:, :, 1], kernel[:, :, 0]).max(1)[:, None]).float()


@pytest.fixture(scope="session")
def pairs() -> Pairs:
    """24 smooth coloured faces with dark eyes, nose and mouth and a light chin; each fourth is a profile of 39 points.

    Two faces a person; the last four faces are the validation fold. The LR faces have random warps.
    """
    rng = np.random.default_rng(0)
    spread = 1 + rng.uniform(-0.06, 0.06, (N, 1, 2))
    points = (template() - 64) * spread + 64 + rng.normal(0, 1.5, (N, 1, 2)) + rng.normal(0, 0.5, (N, 68, 2))
    image = 0.35 + 0.3 * _smooth(2, rng) + 0.25 * _smooth(6, rng)
    image = image * (1 - 0.7 * _spots(points[:, np.r_[17:27, 31:68]], 3)) + 0.15 * _spots(points[:, :17], 5)
    hr = degrade.quantise(image)
    warp = degrade.sample_warps(N, torch.Generator().manual_seed(0))

    profile = np.arange(N) % 4 == 3
    landmarks = points.astype(np.float32)
    landmarks[profile, :39] = landmarks[profile][:, PROFILE]
    landmarks[profile, 39:] = np.nan
    faces = pd.DataFrame(
        {
            "name": [f"{i:04d}" for i in range(N)],
            "corpus": "fixture",
            "source": "fixture",
            "person": [f"p{i // 2}" for i in range(N)],
            "photo": [f"f{i}" for i in range(N)],
            "points": np.where(profile, 39, 68),
            "yaw": np.where(profile, 60.0, rng.uniform(-15, 15, N)),
            "validation": (np.arange(N) >= N - 4).astype(int),
        }
    )
    lr = to_uint8(degrade.degrade(hr, warp)).numpy()
    return Pairs(to_uint8(hr).numpy(), lr, warp.numpy(), landmarks, ~np.isnan(landmarks[..., 0]), faces)


@pytest.fixture(scope="session")
def batch(pairs: Pairs) -> Batch:
    """Four of the faces, a profile among them, as a loss sees them."""
    return DeviceFaces(pairs, CPU).batch(torch.arange(4))


def train_briefly(method: TrainedMethod, pairs: Pairs, context: Context, updates: int = 2, size: int = 4) -> None:
    """A stand-in for the loop: `updates` steps of every phase with Adam, on batches of at most `size` faces."""
    torch.manual_seed(context.seed)
    for phase in method.phases(context):
        rows = np.ones(len(pairs), bool) if phase.faces is None else phase.faces(pairs)
        faces, generator = DeviceFaces(pairs[rows], context.device), torch.Generator().manual_seed(context.seed)
        modules = [m.train() for m in (phase.module, phase.critic and phase.critic.module) if m is not None]
        optimisers = [torch.optim.Adam([p for p in m.parameters() if p.requires_grad]) for m in modules]
        for _ in range(updates):
            pick = torch.randperm(len(faces), generator=generator)[: min(size, phase.batch_size)].to(context.device)
            warp = degrade.sample_warps(len(pick), generator).to(context.device) if phase.resample_degradation else None
            batch = faces.batch(pick, warp, pick % 2 == 0 if phase.flip else None)
            batch.lr = context.align(batch.lr, batch.warp)
            terms, sr = phase.loss(batch, 0)
            _descend(optimisers[0], terms)
            if phase.critic is not None:
                assert sr is not None
                _descend(optimisers[1], phase.critic.loss(batch, sr.detach()))


def _descend(optimiser: torch.optim.Optimizer, terms: dict[str, Tensor]) -> None:
    optimiser.zero_grad()
    torch.stack(list(terms.values())).sum().backward()
    optimiser.step()


@pytest.fixture(scope="session")
def fit_briefly(pairs: Pairs) -> Callable[..., Method]:
    """fit_briefly(method, seed=0, faces=pairs.training()) fits any method, a trained one for two updates a phase."""

    def fit(method: Method, seed: int = 0, faces: Pairs | None = None) -> Method:
        context = Context(device=method.device, seed=seed, train=train_briefly)
        method.fit(pairs.training() if faces is None else faces, context)
        return method

    return fit
