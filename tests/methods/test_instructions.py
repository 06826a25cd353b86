"""SR faces of other processors: what another instruction set and number of threads make of the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from datasets.pairs import Pairs
from methods.interface import create
from methods.trained import TrainedMethod
from tests.benchmark.tiny import write_pairs
from tests.methods.common import tiny

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
from tests.methods.common import tiny

name, folder = sys.argv[1], Path(sys.argv[2])
method = create(name, tiny(name))
if (folder / "train").is_dir():
    method.fit(Pairs.load(folder / "train"), Context(torch.device("cpu")))
else:
    method.load(folder)
lr = torch.load(folder / "lr.pt").double() / 255
with FastFloat64():
    images = to_uint8(method.to("cpu", torch.float64).upscale(lr)).numpy()
(folder / "images").write_bytes(images.tobytes())
"""


def upscaled(name: str, folder: Path, settings: dict[str, str]) -> bytes:
    """What the method, stored or fitted in `folder`, makes of the LR faces there in a process of these settings."""
    unset = {key: value for key, value in os.environ.items() if key not in OLD}
    command = [sys.executable, "-c", UPSCALE, name, str(folder)]
    subprocess.run(command, env=unset | {"PYTHONPATH": str(ROOT)} | settings, check=True)
    return (folder / "images").read_bytes()


@pytest.mark.parametrize("name", ["cbn", "mtun", "position_patch"])
def test_images_do_not_depend_on_the_processor(name: str, pairs: Pairs, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(torch.randint(256, (32, 3, 16, 16)), tmp_path / "lr.pt")
    method = create(name, tiny(name))
    if isinstance(method, TrainedMethod):
        for parameter in method.module.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
        method.save(tmp_path)
    else:  # each processor fits it too
        write_pairs(pairs, tmp_path / "train")
    images = upscaled(name, tmp_path, NEW)
    assert len(set(images)) > 20  # a picture, and not one colour
    assert upscaled(name, tmp_path, OLD) == images
