"""From Python: `load` a trained network, `score` a folder of SR images, read a `table` as a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from torch import Tensor

__all__ = ["load", "score", "table"]


def load(name: str, device: str = "cpu") -> Callable[[Tensor], np.ndarray]:
    """Load the stored network EXPERIMENT/RUN, its alignment included.

    Returns:
        A function of LR faces (N, 3, 16, 16), RGB in [0, 1], that gives SR faces (N, 128, 128, 3), RGB, uint8.

    Raises:
        BadInput: if there is no such run, or its weights are not here.
    """
    import torch

    from benchmark import config
    from benchmark.upscale import upscaler

    experiment, _, run = name.partition("/")
    return upscaler(config.load(experiment).run(run), torch.device(device))


def score(folder: str | Path, experiment: str) -> pd.DataFrame:
    """Score SR images folder/NAME.png against the experiment's test faces; likely mistakes are warnings.

    Returns:
        A row a face: name, psnr, ssim, psnr_y, ssim_y (dB, 8-bit), person, yaw_bin, source, black.

    Raises:
        BadInput: names files that are missing, not of the test set, of another size or unreadable.
    """
    import warnings
    from pathlib import Path

    from benchmark import config
    from benchmark.compare import score_images
    from datasets.pairs import Pairs

    rows, mistakes = score_images(Path(folder), Pairs.load(config.load(experiment).data / "test"))
    for line in mistakes:
        warnings.warn(f"{folder}: {line}", stacklevel=2)
    return rows


def table(number: int, experiment: str) -> pd.DataFrame:
    """Table 1 to 4: a row a run; of PSNR and SSIM the paper's, ours with its interval, and the difference."""
    from benchmark import config
    from benchmark.reporting import paper_tables
    from benchmark.reporting.results import Results

    return paper_tables.compare(number, Results(config.load(experiment)))
