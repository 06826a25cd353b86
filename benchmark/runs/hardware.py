"""What a stage computes with: its device, its precision, and memory that stays with the process."""

from __future__ import annotations

import ctypes
import os
import platform
from datetime import UTC, datetime
from typing import Any, Literal

import torch

from benchmark.params import Precision
from benchmark.runs.provenance import git_commit
from datasets.face import BadInput

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # mallopt's parameters, of glibc's malloc.h


def choose_device(name: str, threads: int | None = None) -> torch.device:
    """Choose the device for "auto" (CUDA where there is one), "cpu" or "cuda".

    Args:
        name: "auto", "cpu" or "cuda".
        threads: CPU threads of PyTorch from now on; None leaves its own choice. Another number rounds sums differently.

    Raises:
        BadInput: if "cuda" is asked for and there is none.
    """
    keep_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: no CUDA device is to be found; take --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_precision(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Resolve "auto": bfloat16 on GPUs and processors that multiply it in hardware, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        able = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return "bfloat16" if able else "float32"


def keep_memory() -> None:
    """Take big blocks in huge pages, and keep them: glibc would return them and get them zeroed again at each step.

    Call it before the first tensor is made. A setting of the user's own stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in every C library
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)  # else the thread of the backward pass has blocks of its own, which are returned
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)


def machine(device: torch.device) -> dict[str, Any]:
    """Describe where, with what and when this process works, for provenance."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": git_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
