"""Stage `evaluate`: a run's PNG files against the test HR faces, a row a face, and their means with intervals."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import cpu_count
from tqdm import tqdm

from benchmark import cli, config
from benchmark.runs import external
from benchmark.runs.fingerprint import images_up_to_date, is_scored
from benchmark.runs.provenance import RECORD, data_hash, read_json
from benchmark.scoring.estimates import SIGMA, error_rows, estimates, score_estimates
from benchmark.scoring.metrics import COLUMNS, DECIMALS, luma, psnr, ssim
from benchmark.scoring.statistics import read_rows, summarise
from datasets import pose, sr_faces
from datasets.face import BadInput
from datasets.pairs import Pairs

VERSION = 1  # raise it when the same images must get other scores


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    here = [seed for seed in run.seeds if images_up_to_date(run, seed)]
    kept = kept_scores(run, [seed for seed in run.seeds if seed not in here])
    if not here:
        command = f"python -m benchmark predict --experiment {experiment.name} --run {run.name}"
        raise BadInput(f"{run.images(0).parent}: no up-to-date images; run `{command}` first")
    cli.tell_missing(run.name, run.seeds, {*here, *kept})
    pairs = Pairs.load(experiment.data / "test")
    records = [read_json(run.weights(seed) / RECORD) for seed in here]
    tables, errors = [], {}
    for seed, record in zip(here, records, strict=True):
        table = score_folder(run.images(seed), pairs)
        table.insert(0, "seed", seed)
        estimated = estimates(run.estimates(seed)), pairs, record.get("options", {}).get("sigma", SIGMA)
        errors[f"seed{seed}"] = score_estimates(*estimated)
        tables.append(table.join(error_rows(*estimated)))
    if kept:
        facts, rows = read_json(run.facts), read_rows(run.metrics.with_suffix(".csv"))
        tables.append(rows[rows["seed"].isin(kept)])
        errors |= {f"seed{seed}": facts["estimates"].get(f"seed{seed}", {}) for seed in kept}
        records += [record for record in facts["training"] if record["seed"] in kept]
    rows = pd.concat(tables).sort_values("seed", kind="stable", ignore_index=True)
    write(run, rows, {seed: known for seed, known in sorted(errors.items()) if known}, facts_of(run, records))


def kept_scores(run: config.Run, seeds: list[int]) -> list[int]:
    """Of these seeds, which have no images here, those that metrics/ has up-to-date scores of."""
    if not (seeds and run.facts.is_file() and run.metrics.with_suffix(".csv").is_file()):
        return []
    known = [record["seed"] for record in read_json(run.facts).get("training", [])]
    kept = [seed for seed in seeds if is_scored(run, seed)]
    for seed in sorted({*seeds} & {*known}):
        state = "kept" if seed in kept else "left out, for it was trained otherwise"
        print(f"{run.name}: seed {seed} was scored elsewhere; it is {state}")
    return kept


def write(run: config.Run, rows: pd.DataFrame, errors: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write metrics/RUN.csv (a row a face and seed), .json (the rows' means alone) and .facts.json (all the rest).

    The means stand alone so that `dvc metrics show` is a table of a few numbers a run.
    """
    summary = summarise(rows)
    means = {key: summary[key] for key in (*COLUMNS, "faces")}
    rest = {key: value for key, value in summary.items() if key not in means}
    with cli.whole_file(run.metrics.with_suffix(".csv")) as part:
        rows.to_csv(part, index=False)
    cli.write_json(run.metrics, means)
    cli.write_json(run.facts, rest | {"estimates": errors} | facts)
    print(f"{run.name}: PSNR {summary['psnr']:.2f} dB, SSIM {summary['ssim']:.3f} over {summary['faces']} faces")


def score_folder(folder: Path, pairs: Pairs) -> pd.DataFrame:
    """Score folder/NAME.png for every test face, as `score_faces` does.

    Raises:
        BadInput: names what is missing, mis-sized or unreadable: an incomplete set is never scored.
    """
    names = list(pairs.faces["name"])
    sr_faces.require_names(folder, names, beside=[config.ESTIMATES])
    return score_faces(lambda row: sr_faces.read(folder / f"{names[row]}.png"), pairs, folder.parent.name)


def score_faces(image_of: Callable[[int], np.ndarray], pairs: Pairs, title: str) -> pd.DataFrame:
    """PSNR and SSIM of every test face, RGB and Y, rounded, with what `about` says of it.

    Args:
        image_of: gives the SR face (128, 128, 3) uint8 of a row of `pairs`; called from several threads.
        pairs: the test faces.
        title: what the progress bar says.
    """

    def score(row: int) -> list[float]:
        image, reference = image_of(row), pairs.hr[row]
        y, y_reference = luma(image), luma(reference)
        return [psnr(image, reference), ssim(image, reference), psnr(y, y_reference), ssim(y, y_reference)]

    with ThreadPoolExecutor(cpu_count()) as pool:
        scores = list(tqdm(pool.map(score, range(len(pairs))), total=len(pairs), desc=title, unit="face"))
    table = pd.DataFrame(scores, columns=list(COLUMNS)).round(DECIMALS)
    table.insert(0, "name", pairs.faces["name"].tolist())
    return table.assign(**about(pairs))


def about(pairs: Pairs) -> dict[str, list[Any]]:
    """What the rows say of each face: person, yaw bin, source, and how much of the crop is black, %.

    Black is what lies outside the photograph; it is scored like the rest.
    """
    faces = pairs.faces
    black = [round(100 * float((face == 0).all(-1).mean()), 1) for face in pairs.hr]
    yaw_bins = [pose.bin_of(v) for v in faces["yaw"]]
    return {"person": list(faces["person"]), "yaw_bin": yaw_bins, "source": list(faces["source"]), "black": black}


def facts_of(run: config.Run, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What the numbers belong to: seeds, data, precision of the SR images, and the record of each training."""
    records = sorted((record for record in records if record), key=itemgetter("seed"))
    warnings = external.warnings_of(run, run.seeds)
    return {
        "run": run.name,
        "method": run.method,
        "scored_seeds": [record["seed"] for record in records],
        "data": data_hash(run.experiment.data),
        "precision": run.experiment.predict.precision,
        "training": records,
        **({"warnings": warnings} if warnings else {}),
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.stage_parser(__doc__, per_run=True)
