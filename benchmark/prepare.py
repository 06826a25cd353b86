"""Stage `prepare`: raw faces to packed pairs in data/EXPERIMENT/{train,test}, and a manifest."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
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
from datasets.split import copies, split

MAX_SKIPPED = 0.01
NOT_SAMPLED = "not sampled (prepare.test_identities)"
Job = tuple[str, Entry]  # corpus, face


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    options = experiment.prepare
    if arguments.workers < 1:
        raise BadInput(f"--workers {arguments.workers}: give 1 or more")
    require_annotator(options.annotator)  # else every face would be skipped for it
    raw, given = experiment.raw, experiment.corpora
    corpora = {name: corpus(name).verify(raw / name, asked or {}) for name, asked in given.items()}
    faces, left_out = listed(corpora, raw), unused(corpora)
    with cli.whole_folder(experiment.data) as folder:
        crops, skipped = crop_all(raw.absolute(), faces, options.annotator, folder / "crops.raw", arguments.workers)
        check_skipped(crops, skipped)
        entries = [crop.entry for crop in crops]
        images = np.memmap(folder / "crops.raw", np.uint8, "r", shape=(len(crops), 128, 128, 3))
        same = copies(images)
        fractions = options.test_fraction, options.validation_fraction
        sides = split(entries, *fractions, options.seed, same if options.copies_together else ())
        sides = sampled_test(sides, entries, options)
        check_sides(sides)
        parted = parted_copies([entry.name for entry in entries], sides, same)
        for side, members in (("train", np.isin(sides, ("train", "validation"))), ("test", sides == "test")):
            rows = np.flatnonzero(members)
            of_side = [crops[i] for i in rows]
            write_pairs(folder / side, images, rows, of_side, sides[rows] == "validation", options.seed)
        del images
        (folder / "crops.raw").unlink()
        for name, counts in left_out.items():
            rest = [entry for entry, side in zip(entries, sides, strict=True) if side == NOT_SAMPLED]
            counts |= reasons({entry.image: NOT_SAMPLED for entry in rest if entry.corpus == name})
        used = [crops[i] for i in np.flatnonzero(sides != NOT_SAMPLED)]
        write_manifest(folder, options.model_dump(exclude_defaults=True), used, skipped, left_out, parted)
    # Stages of dvc.yaml depend on this folder, also where nothing is pretrained.
    (experiment.results / "pretrained").mkdir(parents=True, exist_ok=True)


def listed(corpora: dict[str, Contents], raw: Path) -> list[Job]:
    """Every face that can be prepared, with its corpus.

    Raises:
        BadInput: if there is none, or two have one name.
    """
    found = [(name, entry) for name, held in corpora.items() for entry in held.faces]
    if not found:
        raise BadInput(f"{raw}: no faces; run the corpus stage, or name a corpus in params.yaml")
    # Images of results are files of that name.
    twice = [name for name, n in Counter(entry.name for _, entry in found).items() if n > 1]
    if twice:
        raise BadInput(f"{raw}: {len(twice)} names belong to two faces each, first {twice[0]}; rename one")
    return found


def unused(corpora: dict[str, Contents]) -> dict[str, Any]:
    """What the corpora hold beside their faces, counted by reason and told in a line each."""
    counts = {name: reasons(held.unused) for name, held in corpora.items()}
    for name, held in counts.items():
        for reason, files in held.items():
            print(f"{name}: {files['files']} not used, {reason}; first: {files['first']}", file=sys.stderr)
    return counts


def crop_all(
    raw: Path, faces: list[Job], annotator: str, images: Path, workers: int
) -> tuple[list[Crop], list[Skipped]]:
    """Crop every face in `workers` processes. The pixels go to the file `images` one after the other, not to memory.

    raw: absolute, since worker processes may have been started in another folder.
    """
    crops, skipped = [], []
    # One face takes a few milliseconds: handed over in batches.
    each = Parallel(workers, return_as="generator", batch_size=8)(
        delayed(_crop)(name, raw / name, face, annotator, os.getpid()) for name, face in faces
    )
    try:
        with images.open("wb") as out:
            for result in tqdm(each, total=len(faces), desc="crop", unit="face"):
                if isinstance(result, Skipped):
                    skipped.append(result)
                    continue
                out.write(result.hr.tobytes())
                crops.append(replace(result, hr=np.empty(0, np.uint8)))
    except TerminatedWorkerError as error:
        raise BadInput("prepare: a worker process was killed (out of memory?); use fewer --workers") from error
    return crops, skipped


def _crop(corpus_name: str, folder: Path, entry: Entry, annotator: str, main_process: int) -> Crop | Skipped:
    cv2.setNumThreads(1)  # faces are spread over processes already
    if os.getpid() != main_process:
        _end_with(main_process)
    return crop_face(corpus_name, folder, entry, annotator)


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent is gone: joblib's own would wait for work, even if that was killed.

    The kernel's signal for it, PR_SET_PDEATHSIG, comes as soon as the thread ends that started the worker.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def check_skipped(crops: list[Crop], skipped: list[Skipped]) -> None:
    """Print why faces were skipped; raise BadInput if they are over 1 %, or none is left."""
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


def check_sides(sides: np.ndarray) -> None:
    """Raise BadInput if no face is left for training, or none for the test."""
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
