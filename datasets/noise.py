"""Faces of noise, for measurements of speed."""

import numpy as np
import pandas as pd
import torch

from datasets import degrade
from datasets.batch import to_uint8
from datasets.pairs import Pairs


def smooth_noise(n: int) -> Pairs:
    """Make `n` training faces of smooth noise with 68 landmarks anywhere."""
    rng = np.random.default_rng(0)
    hr = degrade.quantise(degrade.resize(torch.from_numpy(rng.random((n, 3, 8, 8), np.float32)), degrade.HR))
    warp = degrade.sample_warps(n, torch.Generator().manual_seed(0))
    landmarks = rng.uniform(20, 108, (n, 68, 2)).astype(np.float32)
    names = [f"{i:02d}" for i in range(n)]
    faces = pd.DataFrame({"name": names, "person": names, "points": 68, "yaw": 0.0, "validation": 0})
    lr = to_uint8(degrade.degrade(hr, warp)).numpy()
    return Pairs(to_uint8(hr).numpy(), lr, warp.numpy(), landmarks, np.ones((n, 68), bool), faces)
