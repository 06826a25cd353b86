"""What a training gets out of the processor: its precision, and memory that stays with the process."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Literal

import torch

from benchmark.config import Precision

# mallopt's parameters, of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def resolve(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """What "auto" means on a device: bfloat16 on GPUs and processors that multiply it in hardware, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu.get_capabilities()
        able = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return "bfloat16" if able else "float32"


def keep_memory() -> None:
    """Take big blocks in huge pages, and keep them: glibc would give them back and get them zeroed again at each step.

    Before the first tensor is made; a setting of the user's own stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in every C library
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)  # else the thread of the backward pass has blocks of its own, which are given back
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
