"""SR faces of other processors: what another instruction set and number of threads make of the same weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from methods.interface import create
from methods.trained import TrainedMethod
from tests.methods.test_contract import tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# PyTorch's own kernels, its convolutions and its matrix products, as a processor of 2008 would compute them.
OLD = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
}
NEW = {"OMP_NUM_THREADS": "2"}
UPSCALE = """
import sys
from pathlib import Path

import torch

from benchmark.runs.float64 import FastFloat64
from datasets.batch import to_uint8
from datasets.pairs import Pairs
from methods.interface import Context, create
from tests.methods.test_contract import tiny

name, dtype, folder = sys.argv[1], getattr(torch, sys.argv[2]), Path(sys.argv[3])
method = create(name, tiny(name))
if (folder / "train").is_dir():
    method.fit(Pairs.load(folder / "train"), Context(torch.device("cpu")))
else:
    method.load(folder)
lr = torch.load(folder / "lr.pt").to(dtype) / 255
with FastFloat64():
    images = to_uint8(method.to("cpu", dtype).upscale(lr)).numpy()
(folder / "images").write_bytes(images.tobytes())
"""


def upscaled(name: str, dtype: str, folder: Path, settings: dict[str, str]) -> bytes:
    """What the method, stored or fitted in `folder`, makes of the LR faces there in a process of these settings."""
    unset = {key: value for key, value in os.environ.items() if key not in OLD}
    subprocess.run(
        [sys.executable, "-c", UPSCALE, name, dtype, str(folder)],
        env=unset | {"PYTHONPATH": str(ROOT)} | settings,
        check=True,
    )
    return (folder / "images").read_bytes()


@pytest.fixture
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A method of random weights and 32 random LR faces, in a folder."""
    torch.manual_seed(0)
    method = create(request.param, tiny(request.param))
    assert isinstance(method, TrainedMethod)
    for parameter in method.module.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    method.save(tmp_path)
    torch.save(torch.randint(256, (32, 3, 16, 16)), tmp_path / "lr.pt")
    return request.param, tmp_path


@pytest.mark.parametrize("stored", ["cbn", "mtun"], indirect=True)
def test_images_do_not_depend_on_the_processor(stored: tuple[str, Path]) -> None:
    name, folder = stored
    images = upscaled(name, "float64", folder, NEW)
    assert len(set(images)) > 20  # a picture, and not one colour
    assert upscaled(name, "float64", folder, OLD) == images


def test_a_fit_in_closed_form_does_not_either(pairs_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to(pairs_folder)
    torch.save(torch.randint(256, (32, 3, 16, 16)), tmp_path / "lr.pt")
    images = upscaled("position_patch", "float64", tmp_path, NEW)
    assert len(set(images)) > 20
    assert upscaled("position_patch", "float64", tmp_path, OLD) == images
