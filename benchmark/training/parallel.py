"""Several processes training as one (torchrun): who this process is, and the few things that all must agree on."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import Tensor, nn

from datasets.face import BadInput


def start(device: torch.device) -> torch.device:
    """Join the process group that torchrun set up, if any; return this process's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def stop() -> None:
    """Leave the process group, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def main() -> bool:
    """Whether this process is the one that writes and talks."""
    return rank() == 0


def say(line: str) -> None:
    """Print a line, once for all processes."""
    if main():
        print(line, flush=True)


def wait() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def mean(values: Tensor) -> Tensor:
    """The mean of `values` over the processes."""
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= world()
    return values


def agree(flag: bool, device: torch.device) -> bool:
    """The first process's flag, for all."""
    if not dist.is_initialized():
        return flag
    decision = torch.tensor([flag], dtype=torch.uint8, device=device)
    dist.broadcast(decision, 0)
    return bool(decision.item())


def share(batch_size: int) -> int:
    """This process's part of a global batch; BadInput where it cannot be split evenly."""
    if batch_size % world():
        raise BadInput(f"batch_size {batch_size} cannot be split over {world()} processes; choose a multiple")
    return batch_size // world()


def distribute(module: nn.Module, trained: nn.Module) -> nn.Module:
    """`module` wrapped so that the gradients of `trained`, a part of it, are averaged over the processes.

    Batch statistics are taken over all processes on CUDA (SyncBatchNorm). gloo has no such layer: there each process
    normalises by its own part of the batch.
    """
    if not dist.is_initialized():
        return module
    if next(trained.parameters()).is_cuda:
        nn.SyncBatchNorm.convert_sync_batchnorm(trained)
    return nn.parallel.DistributedDataParallel(module)
