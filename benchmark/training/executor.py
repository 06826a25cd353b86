"""Where `launch` runs its jobs: this machine's cores, its GPUs, or SLURM."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import submitit
from joblib import cpu_count

from datasets.face import BadInput

YEAR = 60 * 24 * 365  # minutes


def executor_of(args: argparse.Namespace, folder: Path, threads: int | None) -> submitit.AutoExecutor:
    """submitit's executor for this machine or SLURM."""
    try:
        executor = submitit.AutoExecutor(folder, cluster=args.cluster, slurm_max_num_timeout=10_000)
    except RuntimeError as error:
        raise BadInput(
            f"--cluster {args.cluster}: {error}; call it on a login node, or take --cluster local"
        ) from error
    shape: dict[str, Any] = {"timeout_min": YEAR, "tasks_per_node": 1, "cpus_per_task": threads or 4}
    if args.cluster == "slurm":
        shape |= {"timeout_min": args.minutes, "gpus_per_node": args.gpus}
        shape |= {"slurm_partition": args.partition, "slurm_additional_parameters": {"requeue": True}}
    executor.update_parameters(**{key: value for key, value in shape.items() if value is not None})
    return executor


def slots_of(args: argparse.Namespace, threads: int | None) -> list[dict[str, str]]:
    """The environment of each of several jobs at a time: its CUDA device, or its number of threads."""
    if args.jobs is not None and args.jobs < 1:
        raise BadInput(f"--jobs {args.jobs}: give 1 or more")
    base = {"OMP_WAIT_POLICY": "PASSIVE"} | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    if args.cluster == "slurm":
        return [base] * (args.jobs or 64)
    import torch  # slow to import

    devices = 0 if args.device == "cpu" else torch.cuda.device_count()
    if not devices:
        return [base] * (args.jobs or (max(1, cpu_count() // threads) if threads else 1))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(devices)]
    return [base | {"CUDA_VISIBLE_DEVICES": names[i % devices]} for i in range(args.jobs or devices)]
