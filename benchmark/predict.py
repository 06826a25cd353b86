"""Stage `predict`: the test LR faces through a trained run, one PNG a face, and what the method estimates besides.

In float64, whatever it was trained in: of the same weights every processor then makes the same images.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from benchmark import cli, config
from benchmark.alignment import aligned_faces, alignment
from benchmark.foreign import take
from benchmark.make import alignment_of, make_method, options_of
from benchmark.provenance import record_weights
from benchmark.train import stored
from benchmark.training.course import machine
from benchmark.training.fitting import choose_device
from datasets import degrade
from datasets.batch import DeviceFaces, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Method

SR = (3, degrade.HR, degrade.HR)
BATCH = 16  # the fastest on a CPU: larger ones leave the caches
TIMED = 4  # batches whose time is taken


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    none = (
        f"{run.weights(0).parent}: no seed is trained as {config.PARAMS} says; "
        f"run `python -m benchmark.train --experiment {experiment.name} --run {run.name}` first"
    )
    seeds = cli.seeds_at_hand(run, partial(stored, run), none)
    device = choose_device(arguments.device)  # how many threads share the work is not to be seen in float64
    pairs = Pairs.load(experiment.data / "test")
    if run.method == "images":
        options = options_of(run)
        with cli.whole_folder(run.images(0).parent) as folder:
            for seed in seeds:
                take(options.of(seed), list(pairs.faces["name"]), folder / f"seed{seed}")
                record_weights(folder / f"seed{seed}", run.weights(seed))
        return
    lr = aligned_faces(pairs, alignment(experiment, alignment_of(run), device, torch.float64), device)
    with cli.whole_folder(run.images(0).parent) as folder:
        for seed in seeds:
            method = make_method(run)
            method.load(run.weights(seed))
            method.to(device, torch.float64)
            predict(method, lr, pairs, folder / f"seed{seed}", run.name)
            record_weights(folder / f"seed{seed}", run.weights(seed))
    choose_device(arguments.device, experiment.threads)  # timed with as many threads as it was trained with
    seconds = pace(method.to(device), lr[: TIMED * BATCH].float(), pairs)
    with cli.whole_file(run.predict_provenance) as part:
        part.write_text(json.dumps({"seconds_a_face": seconds, **machine(device)}, indent=1) + "\n")


@torch.no_grad()
def predict(method: Method, lr: Tensor, pairs: Pairs, folder: Path, label: str) -> None:
    """Write folder/NAME.png for every face and, where the method estimates more, that (float16).

    lr: the faces of `pairs` as the method wants them. An upper bound is told the truth about them.
    """
    folder.mkdir(parents=True)
    names, tell = list(pairs.faces["name"]), teller(method, pairs)
    estimates: list[dict[str, Tensor]] = []
    for start in tqdm(range(0, len(lr), BATCH), desc=f"predict {label}", unit="batch"):
        part = lr[start : start + BATCH]
        tell(start, len(part))
        faces, estimated = method.upscale_and_inspect(part)
        if faces.shape != (len(part), *SR):
            raise BadInput(f"{label}: upscale gives {tuple(faces.shape)}, not {(len(part), *SR)}; mend the method")
        for name, image in zip(names[start:], to_uint8(faces).cpu().numpy(), strict=False):
            Image.fromarray(image).save(folder / f"{name}.png", compress_level=1)
        estimates.append(estimated)
    if estimates[0]:
        merged = {k: torch.cat([e[k] for e in estimates]).half().cpu().contiguous() for k in estimates[0]}
        save_file(merged, folder / config.ESTIMATES)


def teller(method: Method, pairs: Pairs) -> Callable[[int, int], None]:
    """What tells an upper bound the truth about the `count` faces from `start` on, and any other method nothing."""
    if not method.told:
        return lambda start, count: None
    truth = DeviceFaces(pairs, method.device)
    return lambda start, count: method.tell(truth.batch(torch.arange(start, start + count, device=method.device)))


@torch.no_grad()
def pace(method: Method, lr: Tensor, pairs: Pairs) -> float:
    """Seconds a face as one would use the method: in float32. lr: the first faces of `pairs`, as the method wants them.

    On a CPU the processor's time, all threads together, which other work on the machine does not lengthen.
    """
    clock = time.process_time if lr.device.type == "cpu" else time.perf_counter
    tell, seconds = teller(method, pairs), 0.0
    tell(0, len(lr[:BATCH]))
    method.upscale(lr[:BATCH])  # untimed: the first call of a network sets up its kernels
    for start in range(0, len(lr), BATCH):
        part = lr[start : start + BATCH]
        tell(start, len(part))
        began = clock()
        to_uint8(method.upscale(part)).cpu()
        seconds += clock() - began
    return float(f"{seconds / len(lr):.6g}")


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__, per_run=True)
    cli.add_device(parser)
    cli.run(main, parser)
