"""Stage `recognise`: identity, landmarks and perceptual distance on a sample of every run's SR faces.

By a face recogniser, a landmark detector and VGG-19: PSNR says how far pixels are off, this says whether identity and
structure are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed
from tqdm import tqdm

from benchmark import cli, config
from benchmark.runs.fingerprint import images_up_to_date
from benchmark.runs.provenance import data_hash, read_json
from benchmark.scoring import recognition
from benchmark.scoring.metrics import vgg_distances
from benchmark.scoring.recognition import TRUTH
from benchmark.scoring.statistics import read_rows
from datasets import pose, sr_faces
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.vgg import VGGFeatures

FACES = "faces.csv"
DECIMALS = {"distance": 3, "nme": 4, "vgg": 4}
# Answers about the very same pixels are kept, so that a run that is trained later costs only its own.
CACHE = Memory("work/recognise", verbose=0)
VERSION = 1  # raise it when the answers about the same pixels must change


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    pairs = Pairs.load(experiment.data / "test")
    rows = recognition.sample(pairs.faces, **experiment.recognise.model_dump())
    if not len(rows):
        raise BadInput(f"{experiment.data}/test: no face has 68 landmarks; there is nothing to recognise")
    gallery = pairs[np.flatnonzero(pairs.faces["points"] == 68)]
    known = map_faces(recognition.describe, gallery.hr, gallery.landmarks, TRUTH)
    truth, people = pairs[rows], gallery.faces["person"].to_numpy()
    own = known[np.isin(gallery.faces["name"], truth.faces["name"])]
    distance_to = distances(experiment.training.vgg)
    tables = []
    for run, seed, images in image_sets(experiment, truth):
        print(f"{run} seed {seed}")
        seen = map_faces(recognition.describe, images, truth.landmarks, run)
        table = truth.faces[["name"]].assign(run=run, seed=seed, yaw_bin=truth.faces["yaw"].map(pose.bin_of))
        table["distance"] = np.linalg.norm(seen - own, axis=1)
        table["rank1"] = recognition.identified(seen, known, truth.faces["person"].to_numpy(), people).astype(int)
        table["nme"] = map_faces(recognition.misplacement, images, truth.landmarks, run)
        table["vgg"] = distance_to(images, truth.hr)
        tables.append(table.round(DECIMALS))
    looked_at = pd.concat(tables)
    table = pd.concat([looked_at, *elsewhere(experiment, looked_at)])
    order = table["run"].map([TRUTH, *experiment.runs].index)
    write(experiment, table.iloc[np.lexsort((table["seed"], order))], known, people)


def elsewhere(experiment: config.Experiment, here: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Rows of the last recognition of runs and seeds whose images are not here, but whose scores metrics/ has.

    Only of the same sample of faces as `here`: the rows of the HR faces and of runs whose images are here.
    """
    path = experiment.results / "recognition" / FACES
    if not path.is_file():
        return
    before = read_rows(path)
    names, done = list(here.loc[here["run"] == TRUTH, "name"]), set(zip(here["run"], here["seed"], strict=True))
    for (name, seed), rows in before.groupby(["run", "seed"], sort=False):
        if (name, seed) in done or name not in experiment.runs or list(rows["name"]) != names:
            continue
        if seed in scored_seeds(experiment.run(name)):
            print(f"{name} seed {seed}: its images are elsewhere; what {path} has of it is kept")
            yield rows


def scored_seeds(run: config.Run) -> list[int]:
    """The seeds that the run's metrics are of, where they are of the present data."""
    facts = read_json(run.facts)
    return facts["scored_seeds"] if facts and facts["data"] == data_hash(run.experiment.data) else []


def image_sets(experiment: config.Experiment, truth: Pairs) -> Iterator[tuple[str, int, np.ndarray]]:
    """The HR faces, then every run's and seed's up-to-date SR faces, (n, 128, 128, 3) uint8."""
    yield TRUTH, 0, truth.hr
    for name in experiment.runs:
        run = experiment.run(name)
        for seed in run.seeds:
            if not images_up_to_date(run, seed):
                print(f"{name} seed {seed}: no up-to-date images, left out")
                continue
            folder = run.images(seed)
            yield name, seed, np.stack([sr_faces.read(folder / f"{face}.png") for face in truth.faces["name"]])


def map_faces(look: Callable[..., Any], images: np.ndarray, landmarks: np.ndarray, title: str) -> np.ndarray:
    """`look` at every face, several at a time, unless that has been done before."""
    return _map_faces(look, np.asarray(images), np.asarray(landmarks), VERSION, title)


@CACHE.cache(ignore=["title"])
def _map_faces(
    look: Callable[..., Any], images: np.ndarray, landmarks: np.ndarray, version: int, title: str
) -> np.ndarray:
    faces = tqdm(zip(images, landmarks, strict=True), f"{title}: {look.__name__}", len(images), unit="face")
    return np.array(Parallel(-1)(delayed(look)(*face) for face in faces))


def distances(vgg: str | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Perceptual distances by VGG-19 with the weights at `vgg`; of none, with no weights at hand."""
    if vgg is None:
        return lambda images, _: np.full(len(images), np.nan)
    network = VGGFeatures(Path(vgg), padded=True)
    return lambda images, references: vgg_distances(images, np.asarray(references), network)


def write(experiment: config.Experiment, table: pd.DataFrame, gallery: np.ndarray, people: np.ndarray) -> None:
    """Write recognition/: faces.csv, a row a run, seed and face, and gallery.json, what they were compared with."""
    same, others = (None if np.isnan(value) else round(value, 3) for value in recognition.scale(gallery, people))
    facts = {"faces": len(gallery), "people": len(set(people)), "same_person": same, "other_people": others}
    with cli.whole_folder(experiment.results / "recognition") as folder:
        columns = ["run", "seed", "name", "yaw_bin", "distance", "rank1", "nme", "vgg"]
        table.to_csv(folder / FACES, columns=columns, index=False)
        cli.write_json(folder / "gallery.json", facts)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.stage_parser(__doc__)
