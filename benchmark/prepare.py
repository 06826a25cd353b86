"""Stage `prepare`: raw faces to packed pairs in data/EXPERIMENT/{train,test}, a manifest and a sheet to look at."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import cpu_count
from tqdm import tqdm

from benchmark import cli, config
from benchmark.forked import work_for_parent
from benchmark.reporting.manifest import reasons, write_manifest
from benchmark.reporting.sheet import corpus_sheet
from datasets import corpus
from datasets.copies import copies
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import BadInput, Entry
from datasets.pack import write_pairs
from datasets.pairs import Pairs
from datasets.split import draw, split

MAX_SKIPPED = 0.01
Job = tuple[str, Path, Entry]  # corpus, its folder, face


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    options = experiment.block("prepare")
    if arguments.workers < 1:
        raise BadInput(f"--workers {arguments.workers}: give 1 or more")
    found = jobs(experiment)
    faces = drawn(found, options)
    left_out = unused(experiment, found, faces)
    with cli.whole_folder(experiment.data) as folder:
        crops, skipped = crop_all(faces, options["annotator"], folder / "crops.raw", arguments.workers)
        check_skipped(crops, skipped)
        entries = [crop.entry for crop in crops]
        images = np.memmap(folder / "crops.raw", np.uint8, "r", shape=(len(crops), 128, 128, 3))
        same = copies(images)
        fractions = options["test_fraction"], options["validation_fraction"]
        sides = split(entries, *fractions, options["seed"], same if options.get("copies_together") else ())
        check_sides(sides)
        parted = parted_copies([entry.name for entry in entries], sides, same)
        for side, members in (("train", sides != "test"), ("test", sides == "test")):
            rows = np.flatnonzero(members)
            chosen = [crops[i] for i in rows]
            write_pairs(folder / side, images, rows, chosen, sides[rows] == "validation", options["seed"])
        del images
        (folder / "crops.raw").unlink()
        write_manifest(folder, options, crops, skipped, left_out, parted)
    corpus_sheet(Pairs.load(experiment.data / "train"), options["sigma"], experiment.results / "figures" / "corpus.png")


def jobs(experiment: config.Experiment) -> list[Job]:
    """Every face that can be prepared: corpus, its folder, entry. BadInput where there is none."""
    found = [
        (name, experiment.raw / name, entry)
        for name in experiment.block("corpora")
        for entry in corpus(name).entries(experiment.raw / name)
    ]
    if not found:
        raise BadInput(f"{experiment.raw}: no faces; run the corpus stage, or name a corpus in params.yaml")
    # Images of results are files of that name.
    twice = [name for name, n in Counter(entry.name for *_, entry in found).items() if n > 1]
    if twice:
        raise BadInput(f"{experiment.raw}: {len(twice)} names stand for two faces, first {twice[0]}; rename one")
    return found


def drawn(found: list[Job], options: dict[str, Any]) -> list[Job]:
    """The faces that are to be prepared, all or a draw."""
    kept = {entry.name for entry in draw([entry for *_, entry in found], options.get("faces"), options["seed"])}
    return [job for job in found if job[2].name in kept]


def unused(experiment: config.Experiment, found: list[Job], chosen: list[Job]) -> dict[str, Any]:
    """What the corpora hold beside the faces that are prepared, counted by reason and told in a line each."""
    kept = {entry.name for *_, entry in chosen}
    counts = {}
    for name in experiment.params["corpora"]:
        rest = {e.image: "not drawn (prepare.faces)" for n, _, e in found if n == name and e.name not in kept}
        counts[name] = reasons(corpus(name).unused(experiment.raw / name) | rest)
        for reason, files in counts[name].items():
            print(f"{name}: {files['files']} not used, {reason}; first: {files['first']}", file=sys.stderr)
    return counts


def crop_all(faces: list[Job], annotator: str, images: Path, workers: int) -> tuple[list[Crop], list[Skipped]]:
    """Crop every face in `workers` processes. The pixels go to the file `images` one after the other, not to memory."""
    crops, skipped = [], []
    with images.open("wb") as out:
        for result in tqdm(_results(faces, annotator, workers), total=len(faces), desc="crop", unit="face"):
            if isinstance(result, Skipped):
                skipped.append(result)
                continue
            out.write(result.hr.tobytes())
            crops.append(Crop(**{**vars(result), "hr": np.empty(0, np.uint8)}))
    return crops, skipped


def _results(faces: list[Job], annotator: str, workers: int) -> Iterator[Crop | Skipped]:
    columns: tuple[Any, ...] = tuple(zip(*faces, strict=True))
    # Faces are spread over processes already, and a child forked beside OpenCV's threads would wait for them for ever.
    cv2.setNumThreads(1)
    # Forked workers share what is imported here; elsewhere than on Linux they start afresh.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(workers, context, initializer=work_for_parent) as pool:
        try:
            yield from pool.map(crop_face, *columns, [annotator] * len(faces), chunksize=8)
        except BrokenProcessPool as error:
            raise BadInput("prepare: a worker process was killed (out of memory?); use fewer --workers") from error


def check_skipped(crops: list[Crop], skipped: list[Skipped]) -> None:
    """Print why faces were skipped; BadInput where they are over 1 % or where none is left."""
    total = len(crops) + len(skipped)
    for face in skipped[:10]:
        print(f"skipped {face.entry.name}: {face.reason}", file=sys.stderr)
    if len(skipped) > MAX_SKIPPED * total or not crops:
        corpora = dict(Counter(face.entry.corpus for face in skipped))
        raise BadInput(
            f"prepare: {len(skipped)} of {total} faces cannot be used ({corpora}), over {MAX_SKIPPED:.0%}; "
            f"first: {skipped[0].reason if skipped else 'no face at all'}"
        )


def parted_copies(names: list[str], sides: np.ndarray, same: list[tuple[int, int]]) -> list[tuple[str, str]]:
    """Test faces and the faces beside the test that are copies of them, by name, told in a line."""
    both = [sorted(pair, key=lambda i: sides[i] != "test") for pair in same if sum(sides[[*pair]] == "test") == 1]
    found = sorted((names[test], names[other]) for test, other in both)
    if found:
        print(
            f"{len({test for test, _ in found})} test faces are copies of training faces, first {found[0][0]} of "
            f"{found[0][1]}; "
            "prepare.copies_together: true keeps those on one side of which the corpus does not say the side itself",
            file=sys.stderr,
        )
    return found


def check_sides(sides: np.ndarray) -> None:
    """BadInput where no face is left for training, or none for the test."""
    if {"train", "test"} - set(sides):
        raise BadInput(
            f"prepare: {dict(Counter(sides.tolist()))} of {len(sides)} faces, nothing else; use more people, or change "
            "test_fraction and validation_fraction in params.yaml"
        )


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__)
    parser.add_argument("--workers", type=int, default=cpu_count(), help="processes (default: one a core)")
    cli.run(main, parser)
