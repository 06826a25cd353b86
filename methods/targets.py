"""What a feature-wise loss compares with: features of the HR faces, which no training changes, computed once and kept.

On one CPU thread a step of MTUN (width 16, L_p, L_f and L_U, no HEB) takes 1.19 times as long without.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datasets.batch import Batch
from methods.vgg import VGGFeatures

VERSION = 1  # of the features: raise it when those of the same face and network change
LIMIT = 8 * 2**30  # bytes on disk for one network and set of faces


class Targets:
    """psi of a batch's HR faces (B, C, S, S), without gradient.

    With a folder, in half precision from there: a file a face and mirror image, made when it is first asked for, one
    face at a time, so that it is the same whoever makes it. Faces that LIMIT bytes do not hold are computed anew each
    time. Without a folder, computed in one go and as precise as psi is.
    """

    def __init__(self, psi: VGGFeatures, folder: Path | None):
        self.psi = psi
        self.folder = None if folder is None else folder / _digest(psi)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        hr = 2 * batch.hr - 1
        if self.folder is None or batch.rows is None or batch.mirror is None:
            return self.psi(hr)
        half = torch.is_autocast_enabled(hr.device.type)
        folder = self.folder / ("bfloat16" if half else "float32")
        cells = zip(batch.rows.tolist(), batch.mirror.tolist(), hr.split(1), strict=True)
        return torch.cat([self._one(folder, row, mirrored, face).float() for row, mirrored, face in cells])

    def _one(self, folder: Path, row: int, mirrored: bool, face: Tensor) -> Tensor:
        """Features (1, C, S, S) float16 of one face, read or made."""
        path = folder / f"{row}{'m' * mirrored}.npy"
        if path.exists():
            try:
                return torch.from_numpy(np.load(path)).to(face.device)
            except (EOFError, ValueError) as error:  # empty or cut, as a full disk leaves it
                print(f"{path}: damaged ({error}); computed again")
        features = self.psi(face).half()
        if 2 * (row + 1) * features.numel() * features.element_size() <= LIMIT:
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.tmp")  # another run may make the same one
            with part.open("wb") as file:
                np.save(file, features.cpu().numpy())
            part.replace(path)
        return features


def _digest(psi: VGGFeatures) -> str:
    """A hash of all that decides a face's features beside the face."""
    settings = [VERSION, psi.bgr, psi.scale, *(conv.padding for conv in psi.convolutions)]
    digest = hashlib.sha256(repr(settings).encode())
    for tensor in psi.state_dict().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
