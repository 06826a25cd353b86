"""Stage `evaluate`: a run's PNG files against the test HR faces, a row a face, and their means with intervals."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import cpu_count
from tqdm import tqdm

from benchmark import cli, config
from benchmark.provenance import data_hash, require_weights
from benchmark.scoring import elsewhere
from benchmark.scoring.metrics import COLUMNS, DECIMALS, luma, psnr, ssim
from benchmark.scoring.statistics import summarise
from datasets import pose, sr_faces
from datasets.pairs import Pairs


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    run = experiment.run(arguments.run)
    command = f"python -m benchmark.predict --experiment {experiment.name} --run {run.name}"
    none = f"{run.images(0).parent}: no images; run `{command}` first"
    here = [seed for seed in run.seeds if run.images(seed).is_dir()]
    for seed in here:
        require_weights(run.images(seed), run.weights(seed), f"run `{command}` again")
    known = elsewhere.scores(run, record_of(run, here[0])) if here else elsewhere.Elsewhere()
    cli.seeds_at_hand(run, here.__contains__, none, known.seeds)
    pairs = Pairs.load(experiment.data / "test")
    tables, estimates = known.rows, known.estimates
    for seed in here:
        table = score_folder(run.images(seed), pairs)
        table.insert(0, "seed", seed)
        tables.append(table)
        estimates[f"seed{seed}"] = errors_of(run, seed, pairs)
    rows = pd.concat(tables).sort_values("seed", kind="stable", ignore_index=True)
    estimates = {seed: errors for seed, errors in sorted(estimates.items()) if errors}
    write(run, rows, estimates, facts_of(run, here, known.records))


def write(run: config.Run, rows: pd.DataFrame, estimates: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write metrics/RUN.csv (a row a face and seed), .json (the rows' means alone) and .facts.json (all the rest).

    The means stand alone so that `dvc metrics show` is a table of a few numbers a run.
    """
    summary = summarise(rows)
    means = {key: summary[key] for key in (*COLUMNS, "faces")}
    rest = {key: value for key, value in summary.items() if key not in means}
    with cli.whole_file(run.metrics.with_suffix(".csv")) as part:
        rows.to_csv(part, index=False)
    for path, content in ((run.metrics, means), (run.facts, rest | {"estimates": estimates} | facts)):
        with cli.whole_file(path) as part:
            part.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{run.name}: PSNR {summary['psnr']:.2f} dB, SSIM {summary['ssim']:.3f} over {summary['faces']} faces")


def score_folder(folder: Path, pairs: Pairs) -> pd.DataFrame:
    """PSNR and SSIM of folder/NAME.png for every test face, RGB and Y, rounded, with what `about` says of it.

    BadInput names what is missing, mis-sized or unreadable: an incomplete set is never scored.
    """
    names = list(pairs.faces["name"])
    sr_faces.require_names(folder, names, beside=[config.ESTIMATES])

    def score(row: int) -> list[float]:
        image, reference = sr_faces.read(folder / f"{names[row]}.png"), pairs.hr[row]
        y, y_reference = luma(image), luma(reference)
        return [psnr(image, reference), ssim(image, reference), psnr(y, y_reference), ssim(y, y_reference)]

    with ThreadPoolExecutor(cpu_count()) as pool:
        scores = list(tqdm(pool.map(score, range(len(names))), total=len(names), desc=folder.parent.name, unit="face"))
    table = pd.DataFrame(scores, columns=list(COLUMNS)).round(DECIMALS)
    table.insert(0, "name", names)
    return table.assign(**about(pairs))


def about(pairs: Pairs) -> dict[str, list[Any]]:
    """What the rows say of each face: person, yaw bin, source, and how much of the crop is black, %.

    Black is what lies outside the photograph; it is scored like the rest.
    """
    faces = pairs.faces
    black = [round(100 * float((face == 0).all(-1).mean()), 1) for face in pairs.hr]
    yaw_bins = [pose.bin_of(v) for v in faces["yaw"]]
    return {"person": list(faces["person"]), "yaw_bin": yaw_bins, "source": list(faces["source"]), "black": black}


def errors_of(run: config.Run, seed: int, pairs: Pairs) -> dict[str, Any]:
    """Errors of the heatmaps and warps that the method wrote down; {} where it wrote none."""
    if not run.estimates(seed).exists():
        return {}
    from benchmark.scoring.estimates import SIGMA, score_estimates  # needs torch, which is slow to import

    sigma = record_of(run, seed).get("options", {}).get("sigma", SIGMA)
    return score_estimates(run.estimates(seed), pairs, sigma)


def facts_of(run: config.Run, seeds: list[int], others: list[dict[str, Any]]) -> dict[str, Any]:
    """What the numbers are tied to: seeds, data hash, and what each training recorded of itself.

    others: records of seeds beside `seeds`, which were scored elsewhere.
    """
    records = [*others, *(record for seed in seeds if (record := record_of(run, seed)))]
    return {
        "run": run.name,
        "method": run.method,
        "scored_seeds": sorted([*seeds, *(record["seed"] for record in others)]),
        "data": data_hash(run.experiment.data),
        "training": sorted(records, key=itemgetter("seed")),
    }


def record_of(run: config.Run, seed: int) -> dict[str, Any]:
    """config.json beside the seed's weights; {} for images from elsewhere."""
    path = run.weights(seed) / "config.json"
    return json.loads(path.read_text()) if path.is_file() else {}


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__, per_run=True))
