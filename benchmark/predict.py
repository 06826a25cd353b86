"""Stage `predict`: a trained run's SR images of the test faces, a PNG each, and what the method estimates besides."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from benchmark import cli, config
from benchmark.runs import external
from benchmark.runs.alignment import aligned_faces, alignment
from benchmark.runs.fingerprint import images_up_to_date, is_trained, mark_images
from benchmark.runs.float64 import FastFloat64
from benchmark.runs.hardware import choose_device, machine
from benchmark.runs.make import alignment_of, load_method
from datasets import degrade
from datasets.batch import Batch, DeviceFaces, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Method

SR = (3, degrade.HR, degrade.HR)
BATCH = 8  # the fastest on a CPU: larger ones leave the caches
TIMED_BATCHES = 2


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    seeds = [seed for seed in run.seeds if is_trained(run, seed)]
    if not seeds:
        raise BadInput(
            f"{run.weights(0).parent}: no seed is trained as {config.PARAMS} says; "
            f"run `python -m benchmark train --experiment {experiment.name} --run {run.name}` first"
        )
    cli.tell_missing(run.name, run.seeds, seeds)
    todo = [seed for seed in seeds if not images_up_to_date(run, seed)]
    for seed in sorted({*seeds} - {*todo}):
        print(f"{run.images(seed)}: up to date, kept")
    if todo:
        predict_seeds(run, todo, Pairs.load(experiment.data / "test"), arguments.device)


def predict_seeds(run: config.Run, seeds: list[int], pairs: Pairs, device_name: str) -> None:
    """Write the SR images of these seeds, and how long one takes."""
    experiment = run.experiment
    if run.external:
        for seed in seeds:
            with cli.whole_folder(run.images(seed)) as folder:
                external.import_seed(run, seed, pairs, folder)
                mark_images(folder, run, seed)
        return
    dtype = getattr(torch, experiment.predict.precision)
    device = choose_device(device_name)
    lr = aligned_faces(pairs, alignment(experiment, alignment_of(run), device, torch.float64), device).to(dtype)
    for seed in seeds:
        method = load_method(run, seed).to(device, dtype)
        with cli.whole_folder(run.images(seed)) as folder:
            predict(method, lr, pairs, folder, run.name)
            mark_images(folder, run, seed)
    choose_device(device_name, experiment.training.threads)  # timed with as many threads as it was trained with
    seconds = measure_latency(method.to(device), lr[: TIMED_BATCHES * BATCH].float(), pairs)
    cli.write_json(run.predict_provenance, {"seconds_a_face": seconds, **machine(device)})


def predict(method: Method, lr: Tensor, pairs: Pairs, folder: Path, label: str) -> None:
    """Write folder/NAME.png for every face and, if the method estimates heatmaps or warps, those in float16.

    Args:
        lr: the faces of `pairs` as the method wants them, (N, 3, 16, 16) in [0, 1].
    """
    names = pairs.faces["name"].to_numpy()
    truth_of = truths(method, pairs)

    def write(rows: Tensor) -> dict[str, Tensor]:
        with torch.no_grad(), FastFloat64():
            sr, estimated = method.upscale_and_inspect(lr[rows], truth_of(rows))
        if sr.shape != (len(rows), *SR):
            raise BadInput(f"{label}: upscale gives {tuple(sr.shape)}, not {(len(rows), *SR)}; mend the method")
        for image, name in zip(to_uint8(sr).cpu().numpy(), names[rows.cpu().numpy()], strict=True):
            Image.fromarray(image).save(folder / f"{name}.png", compress_level=1)
        return {key: values.half().cpu() for key, values in estimated.items()}

    first, *rest = torch.arange(len(lr), device=lr.device).split(BATCH)
    with one_thread_a_core(lr) as workers, ThreadPoolExecutor(workers) as pool:
        estimates = [write(first)]  # by itself: what a method makes at its first call is there for all threads
        estimates += tqdm(pool.map(write, rest), f"predict {label}", len(rest), unit="batch")
    if estimates[0]:
        merged = {key: torch.cat([part[key] for part in estimates]).contiguous() for key in estimates[0]}
        save_file(merged, folder / config.ESTIMATES)


def truths(method: Method, pairs: Pairs) -> Callable[[Tensor], Batch | None]:
    """The truth about the faces of `pairs` with these numbers, if the method requires it."""
    return DeviceFaces(pairs, method.device).batch if method.requires_ground_truth else lambda rows: None


@contextmanager
def one_thread_a_core(lr: Tensor) -> Iterator[int]:
    """The number of batches at a time: PyTorch's threads for float64 on a CPU, which they hardly speed up, else one."""
    threads = torch.get_num_threads()
    if lr.dtype != torch.float64 or lr.device.type != "cpu" or threads == 1:
        yield 1
        return
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def measure_latency(method: Method, lr: Tensor, pairs: Pairs) -> float:
    """Seconds a face in float32.

    On a CPU the processor's time, all threads together, which other work on the machine does not lengthen.

    Args:
        lr: the first faces of `pairs`, as the method wants them.
    """
    clock = time.process_time if lr.device.type == "cpu" else time.perf_counter
    truth_of = truths(method, pairs)
    parts = [(lr[rows], truth_of(rows)) for rows in torch.arange(len(lr), device=lr.device).split(BATCH)]
    method.upscale(*parts[0])  # untimed: the first call of a network sets up its kernels
    seconds = 0.0
    for part, truth in parts:
        began = clock()
        to_uint8(method.upscale(part, truth)).cpu()
        seconds += clock() - began
    return float(f"{seconds / len(lr):.6g}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__, per_run=True)
    cli.add_device(options)
    return options
