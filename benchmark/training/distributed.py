"""Several processes training as one (torchrun): which one this is, and the few things that all must agree on."""

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


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


def print_once(line: str) -> None:
    """Print a line, once for all processes."""
    if is_main():
        print(line, flush=True)


def barrier() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def mean(values: Tensor) -> Tensor:
    """Average `values` over the processes."""
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= world_size()
    return values


def broadcast(flag: bool, device: torch.device) -> bool:
    """Return the first process's flag, in all of them."""
    if not dist.is_initialized():
        return flag
    decision = torch.tensor([flag], dtype=torch.uint8, device=device)
    dist.broadcast(decision, 0)
    return bool(decision.item())


def local_part(batch_size: int) -> slice:
    """This process's part of a global batch.

    Raises:
        BadInput: if the batch cannot be split evenly.
    """
    if batch_size % world_size():
        raise BadInput(f"batch_size {batch_size} cannot be split over {world_size()} processes; choose a multiple")
    size = batch_size // world_size()
    return slice(rank() * size, (rank() + 1) * size)


def distribute(objective: nn.Module, trained: nn.Module) -> nn.Module:
    """Wrap `objective` so that the gradients of `trained`, a part of it, are averaged over the processes.

    Batch statistics are taken over all processes on CUDA (SyncBatchNorm). gloo has no such layer: there each process
    normalises by its own part of the batch.
    """
    if not dist.is_initialized():
        return objective
    if next(trained.parameters()).is_cuda:
        nn.SyncBatchNorm.convert_sync_batchnorm(trained)
    return nn.parallel.DistributedDataParallel(objective)
