"""Stage `evaluate`: a run's PNG files against the test HR faces, a row a face, and their means with intervals."""

from __future__ import annotations

import argparse
import json
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmark import cli, config
from benchmark.provenance import data_hash, git_commit
from benchmark.scoring.metrics import luma, psnr, ssim
from benchmark.scoring.statistics import mean_interval
from datasets import pose
from datasets.face import BadInput
from datasets.images import decode
from datasets.pairs import Pairs

COLUMNS = ("psnr", "ssim", "psnr_y", "ssim_y")


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    none = f"{run.images(0).parent}: no images; run `python -m benchmark.predict --run {run.name}` first"
    seeds = cli.seeds_at_hand(run, lambda seed: run.images(seed).is_dir(), none)
    pairs = Pairs.load(experiment.data / "test")
    tables = []
    estimates = {}
    for seed in seeds:
        table = score_folder(run.images(seed), pairs)
        table.insert(0, "seed", seed)
        tables.append(table)
        estimates[f"seed{seed}"] = score_inspected(run.images(seed) / "inspect.npz", pairs)
    rows = pd.concat(tables, ignore_index=True)
    summary = summarise(rows) | {"estimates": {k: v for k, v in estimates.items() if v}} | provenance(run, seeds)
    with cli.whole_file(run.metrics.with_suffix(".csv")) as part:
        rows.to_csv(part, index=False, float_format="%.6f")
    with cli.whole_file(run.metrics) as part:
        part.write_text(json.dumps(summary, indent=1) + "\n")
    print(f"{run.name}: PSNR {summary['psnr']:.2f} dB, SSIM {summary['ssim']:.3f} over {summary['faces']} faces")


def score_folder(folder: Path, pairs: Pairs) -> pd.DataFrame:
    """PSNR and SSIM of folder/NAME.png for every test face, RGB and Y, with its yaw bin and source; a row a face.

    BadInput names what is missing, mis-sized or unreadable: an incomplete set is never scored.
    """
    names = list(pairs.faces["name"])
    check_complete(folder, names)

    def score(row: int) -> list[float]:
        image = decode((folder / f"{names[row]}.png").read_bytes(), f"{folder / names[row]}.png")
        reference = pairs.hr[row]
        if image.shape != reference.shape:
            size = f"{image.shape[1]} x {image.shape[0]}"
            raise BadInput(f"{folder / names[row]}.png: {size}, expected 128 x 128; predict again")
        y, y_reference = luma(image), luma(reference)
        return [psnr(image, reference), ssim(image, reference), psnr(y, y_reference), ssim(y, y_reference)]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scores = list(tqdm(pool.map(score, range(len(names))), total=len(names), desc=folder.parent.name, unit="face"))
    table = pd.DataFrame(scores, columns=list(COLUMNS))
    table.insert(0, "name", names)
    table["yaw_bin"] = [pose.bin_of(v) for v in pairs.faces["yaw"]]
    table["source"] = list(pairs.faces["source"])
    return table


def score_inspected(path: Path, pairs: Pairs) -> dict[str, Any]:
    """Errors of the heatmaps and warps that the method wrote down; {} where it wrote none."""
    if not path.exists():
        return {}
    from benchmark.scoring.estimates import score_estimates  # needs torch, which is slow to import

    return score_estimates(path, pairs)


def check_complete(folder: Path, names: list[str]) -> None:
    """BadInput unless `folder` holds a PNG for every name and no other."""
    found = {p.stem for p in folder.glob("*.png")}
    for kind, wrong in (("missing", set(names) - found), ("not of the test set", found - set(names))):
        if wrong:
            shown = ", ".join(f"{name}.png" for name in sorted(wrong)[:5])
            raise BadInput(f"{folder}: {len(wrong)} of {len(names)} images {kind}: {shown}...; predict again")


def summarise(rows: pd.DataFrame) -> dict[str, Any]:
    """Means over faces (and seeds) with 95 % bootstrap intervals over faces."""
    by_face = rows.groupby("name", sort=False)[list(COLUMNS)].mean()
    summary: dict[str, Any] = {"faces": len(by_face), "seeds": int(rows["seed"].nunique())}
    for column in COLUMNS:
        mean, low, high = mean_interval(by_face[column].to_numpy())
        summary |= {column: mean, f"{column}_interval": [low, high]}
    return summary


def provenance(run: config.Run, seeds: list[int]) -> dict[str, Any]:
    """What the numbers are tied to: seeds, data hash, commit, versions, and what training and prediction recorded."""
    trained = [json.loads(p.read_text()) for s in seeds if (p := run.weights(s) / "config.json").exists()]
    return {
        "run": run.name,
        "method": run.method,
        "scored_seeds": seeds,
        "data": data_hash(run.experiment.data),
        "commit": git_commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "training": trained,
    } | _timing(run.images(seeds[0]) / "seconds.txt")


def _timing(path: Path) -> dict[str, Any]:
    """Seconds a face and the device, as predict recorded them; images from elsewhere come without."""
    if not path.exists():
        return {"predict_seconds": None, "predict_device": None}
    seconds, *_, device = path.read_text().split()
    return {"predict_seconds": float(seconds), "predict_device": device}


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__, per_run=True))
