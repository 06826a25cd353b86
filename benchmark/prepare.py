"""Stage `prepare`: raw faces to packed pairs in data/EXPERIMENT/{train,test}, and a manifest."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from benchmark import cli, config, params
from benchmark.reporting.manifest import reasons, write_manifest
from datasets import corpus
from datasets.annotate import require_annotator
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import BadInput, Contents, Entry
from datasets.pack import write_pairs
from datasets.split import copies, draw, split

MAX_SKIPPED = 0.01
NOT_SAMPLED = "not sampled (prepare.test_identities)"
Job = tuple[str, Path, Entry]  # corpus, its folder, face


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    options = experiment.params.prepare
    if arguments.workers < 1:
        raise BadInput(f"--workers {arguments.workers}: give 1 or more")
    require_annotator(options.annotator)  # else every face would be skipped for it
    corpora = contents(experiment)
    found = jobs(experiment, corpora)
    faces = drawn(found, options)
    left_out = unused(corpora, found, faces)
    with cli.whole_folder(experiment.data) as folder:
        crops, skipped = crop_all(faces, options.annotator, folder / "crops.raw", arguments.workers)
        check_skipped(crops, skipped)
        entries = [crop.entry for crop in crops]
        images = np.memmap(folder / "crops.raw", np.uint8, "r", shape=(len(crops), 128, 128, 3))
        same = copies(images)
        fractions = options.test_fraction, options.validation_fraction
        sides = split(entries, *fractions, options.seed, same if options.copies_together else ())
        sides = sampled_test(sides, entries, options)
        check_sides(sides)
        parted = parted_copies([entry.name for entry in entries], sides, same)
        write_sides(folder, images, crops, sides, options.seed)
        del images
        (folder / "crops.raw").unlink()
        for name, counts in left_out.items():
            counts |= not_sampled(name, crops, sides)
        used = [crops[i] for i in np.flatnonzero(sides != NOT_SAMPLED)]
        write_manifest(folder, options.model_dump(exclude_defaults=True), used, skipped, left_out, parted)


def write_sides(folder: Path, images: np.ndarray, crops: list[Crop], sides: np.ndarray, seed: int) -> None:
    """Write folder/train, validation faces included, and folder/test."""
    for side, members in (("train", np.isin(sides, ("train", "validation"))), ("test", sides == "test")):
        rows = np.flatnonzero(members)
        write_pairs(folder / side, images, rows, [crops[i] for i in rows], sides[rows] == "validation", seed)


def contents(experiment: config.Experiment) -> dict[str, Contents]:
    """List what each corpus holds."""
    corpora = experiment.params.corpora
    return {name: corpus(name).verify(experiment.raw / name, options or {}) for name, options in corpora.items()}


def jobs(experiment: config.Experiment, corpora: dict[str, Contents]) -> list[Job]:
    """Every face that can be prepared: corpus, its folder, entry.

    Raises:
        BadInput: if there is none, or two have one name.
    """
    # Absolute: worker processes may have been started in another folder.
    raw = experiment.raw.absolute()
    found = [(name, raw / name, entry) for name, held in corpora.items() for entry in held.faces]
    if not found:
        raise BadInput(f"{experiment.raw}: no faces; run the corpus stage, or name a corpus in params.yaml")
    # Images of results are files of that name.
    twice = [name for name, n in Counter(entry.name for *_, entry in found).items() if n > 1]
    if twice:
        raise BadInput(f"{experiment.raw}: {len(twice)} names belong to two faces each, first {twice[0]}; rename one")
    return found


def drawn(found: list[Job], options: params.Prepare) -> list[Job]:
    """The faces that are to be prepared, all or a draw."""
    kept = {entry.name for entry in draw([entry for *_, entry in found], options.faces, options.seed)}
    return [job for job in found if job[2].name in kept]


def unused(corpora: dict[str, Contents], found: list[Job], chosen: list[Job]) -> dict[str, Any]:
    """What the corpora hold beside the faces that are prepared, counted by reason and told in a line each."""
    kept = {entry.name for *_, entry in chosen}
    counts = {}
    for name, held in corpora.items():
        rest = {e.image: "not drawn (prepare.faces)" for n, _, e in found if n == name and e.name not in kept}
        counts[name] = reasons(held.unused | rest)
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
    """Each face's crop, in order; workers end with this process."""
    try:
        # One face takes a few milliseconds: handed over in batches.
        yield from Parallel(workers, return_as="generator", batch_size=8)(
            delayed(_crop)(*face, annotator, os.getpid()) for face in faces
        )
    except TerminatedWorkerError as error:
        raise BadInput("prepare: a worker process was killed (out of memory?); use fewer --workers") from error


def _crop(corpus_name: str, folder: Path, entry: Entry, annotator: str, main_process: int) -> Crop | Skipped:
    cv2.setNumThreads(1)  # faces are spread over processes already
    if os.getpid() != main_process:
        _end_with(main_process)
    return crop_face(corpus_name, folder, entry, annotator)


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent is gone: joblib's own would wait for work, even if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def check_skipped(crops: list[Crop], skipped: list[Skipped]) -> None:
    """Print why faces were skipped.

    Raises:
        BadInput: if they are over 1 %, or none is left.
    """
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
            "prepare.copies_together: true keeps copies on one side, unless the corpus fixes the split",
            file=sys.stderr,
        )
    return found


def sampled_test(sides: np.ndarray, entries: list[Entry], options: params.Prepare) -> np.ndarray:
    """The sides, with NOT_SAMPLED for test faces that are not of a random sample of identities."""
    if options.test_identities is None:
        return sides
    identities = np.array([entry.identity for entry in entries])
    known = np.unique(identities[sides == "test"])
    order = np.random.default_rng(options.seed).permutation(len(known))
    left_out = np.isin(identities, known[order[options.test_identities :]]) & (sides == "test")
    return np.where(left_out, NOT_SAMPLED, sides)


def not_sampled(corpus_name: str, crops: list[Crop], sides: np.ndarray) -> dict[str, Any]:
    """How many faces of a corpus `sampled_test` leaves out, as `reasons` counts them."""
    entries = [crops[i].entry for i in np.flatnonzero(sides == NOT_SAMPLED)]
    return reasons({entry.image: NOT_SAMPLED for entry in entries if entry.corpus == corpus_name})


def check_sides(sides: np.ndarray) -> None:
    """Check that both sides have faces.

    Raises:
        BadInput: if no face is left for training, or none for the test.
    """
    if {"train", "test"} - set(sides):
        raise BadInput(
            f"prepare: {dict(Counter(sides.tolist()))} of {len(sides)} faces, nothing else; use more identities, or "
            "change test_fraction and validation_fraction in params.yaml"
        )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = cli.stage_parser(__doc__)
    options.add_argument("--workers", type=int, default=cpu_count(), help="processes (default: one a core)")
    return options
