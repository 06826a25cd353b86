"""Write prepared faces to the arrays of datasets.pairs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.crop import Crop
from datasets.pairs import TEXTS
from datasets.split import unit_numbers

CHUNK = 256  # faces degraded at a time


def write_pairs(
    folder: Path, images: np.ndarray, rows: np.ndarray, crops: Sequence[Crop], validation: np.ndarray, seed: int
) -> None:
    """Write one side of the split; the warp of a face depends on the seed and its name alone.

    Args:
        folder: made here.
        images: (M, 128, 128, 3) uint8, the pixels of all crops.
        rows: (N,), which of them are of this side; `crops` and `validation` (N,) bool are in this order.
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
            # In float64 no processor's last bits decide a rounding to 8 bits: the data have one hash everywhere.
            exact = to_float(torch.from_numpy(hr)).double(), warp[part].double()
            lr[part] = to_uint8(degrade.degrade(*exact)).numpy()
    np.save(folder / "lr.npy", lr)
    np.save(folder / "warp.npy", warp.numpy())
    np.save(folder / "landmarks.npy", np.stack([c.landmarks for c in crops]))
    np.save(folder / "visible.npy", np.stack([c.visible for c in crops]))
    table = pd.DataFrame({column: [getattr(c.entry, field) for c in crops] for column, field in TEXTS.items()})
    table["points"] = [c.points for c in crops]
    table["yaw"] = [round(c.yaw, 2) for c in crops]
    table["validation"] = validation.astype(int)
    table.to_csv(folder / "faces.csv", index=False)
