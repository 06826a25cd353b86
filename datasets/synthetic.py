"""The embedded corpus: faces drawn from a 3D head, written in Menpo's and CelebA's layouts and read by their readers.

Every face depends on (seed, person, photo) alone, not on how many are drawn or by how many processes. A person's photos
share shape, colours and hair; expression, pose, light, gaze, background and camera differ. No person is in both parts.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from datasets import celeba, menpo
from datasets.face import BadInput, Entry, Face
from datasets.portrait.drawing import draw

__all__ = ["Task", "draw", "entries", "get", "read", "tasks", "unused"]

MENPO_SHARE = 9, 20  # nine people of twenty are in the Menpo part
SMALLEST = 12  # faces, two people's
CPU_AVX2 = 11  # as OpenCV counts
# Keeps numpy, its matrix products and OpenCV from using more than that; numpy passes over names that it does not know.
AVX2 = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENCV_IPP": "avx2",
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
}


@dataclass(frozen=True)
class Task:
    """One face of the corpus: which to draw, and where to write it."""

    person: int
    photo: int
    number: int  # of the CelebA file, counted from 1; 0 for a Menpo face

    @property
    def aligned(self) -> bool:
        return self.number > 0


def tasks(faces: int, seed: int) -> Iterator[Task]:
    """The first `faces` faces of the corpus: people in turn, 2 to 6 photos each, each in one of the two parts."""
    drawn = number = who = 0
    while drawn < faces:
        photos = int(np.random.default_rng([seed, who, 2**20]).integers(2, 7))
        menpo = who * MENPO_SHARE[0] % MENPO_SHARE[1] < MENPO_SHARE[0]
        for photo in range(min(photos, faces - drawn)):
            number += not menpo
            yield Task(who, photo, 0 if menpo else number)
            drawn += 1
        who += 1


def _write(task: Task, seed: int, raw: Path) -> tuple[Task, np.ndarray]:
    """Draw and write one face; return its five points."""
    face = draw(task.person, task.photo, seed, aligned=task.aligned)
    if task.aligned:
        path = raw / "celeba" / "img_align_celeba" / f"{task.number:06d}.jpg"
    else:
        folder = "semifrontal" if len(face.landmarks) == 68 else "profile"
        path = raw / "menpo" / folder / f"synthetic_{task.person:04d}_{task.photo:02d}.jpg"
        lines = "".join(f"{x:.3f} {y:.3f}\n" for x, y in face.landmarks + 1)
        path.with_suffix(".pts").write_text(f"version: 1\nn_points: {len(face.landmarks)}\n{{\n{lines}}}\n")
    if not cv2.imwrite(str(path), face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93]):
        raise BadInput(f"{path}: cannot be written; is the disk full?")
    return task, face.five


def _write_celeba_lists(folder: Path, written: list[tuple[Task, np.ndarray]]) -> None:
    """CelebA's two text files, five points and who is who; and the name that the faces are reported under."""
    names = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"]
    points = [f"{len(written)}", " ".join(f"{name}_{axis}" for name in names for axis in "xy")]
    for task, five in written:
        points.append(f"{task.number:06d}.jpg" + "".join(f" {v:4d}" for v in np.round(five).astype(int).ravel()))
    (folder / "list_landmarks_align_celeba.txt").write_text("\n".join(points) + "\n")
    people = "".join(f"{task.number:06d}.jpg {task.person}\n" for task, _ in written)
    (folder / "identity_CelebA.txt").write_text(people)
    (folder / "source.txt").write_text("synthetic all\n")


@contextlib.contextmanager
def instructions_of_avx2() -> Iterator[None]:
    """Processes started inside compute as one without AVX-512 would; for a processor without AVX2 nothing changes.

    Wider instructions add in another order: in fifty faces of three thousand a pixel is rounded the other way.
    """
    names = AVX2 if cv2.checkHardwareSupport(CPU_AVX2) else {}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start() -> None:
    """Of a process that draws: one thread, and no end of its own at a Ctrl-C, which its parent gets as well."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def get(options: Mapping[str, Any], raw: Path, workers: int | None = None) -> None:
    """Draw the corpus into the new folder `raw`: options {"faces": how many, "seed": which}.

    It appears under that name only when whole. workers: processes (default: one a core). Bytes depend neither on them
    nor, among those that have AVX2, on the processor.
    """
    unknown = set(options) ^ {"faces", "seed"}
    if unknown:
        raise BadInput(f"synthetic corpus: options must be faces and seed; check {', '.join(sorted(unknown))}")
    if type(options["faces"]) is not int or options["faces"] < SMALLEST:
        raise BadInput(f"synthetic corpus: faces: {options['faces']!r}; give {SMALLEST} or more, some for each part")
    part = raw.with_name(raw.name + ".tmp")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("menpo/semifrontal", "menpo/profile", "celeba/img_align_celeba"):
        (part / folder).mkdir(parents=True)
    todo = list(tasks(options["faces"], options["seed"]))
    write = partial(_write, seed=options["seed"], raw=part)
    bar = partial(tqdm, total=len(todo), desc="faces", unit="face")
    # In processes of their own, which start with those instructions: a library chooses once, when it is imported.
    spawn = multiprocessing.get_context("spawn")
    with instructions_of_avx2(), ProcessPoolExecutor(workers, spawn, _start) as pool:
        written = list(bar(pool.map(write, todo, chunksize=32)))
    _write_celeba_lists(part / "celeba", [w for w in written if w[0].aligned])
    part.rename(raw)


def entries(raw: Path) -> list[Entry]:
    """The corpus' faces, read by the readers of the two layouts."""
    return menpo.entries(raw / "menpo") + celeba.entries(raw / "celeba")


def unused(raw: Path) -> dict[str, str]:
    """Every file that is no part of a face, and why: none but what was put there."""
    return menpo.unused(raw / "menpo") | celeba.unused(raw / "celeba")


def read(raw: Path, entry: Entry) -> Face:
    """Decode one face."""
    reader = {"menpo": menpo, "celeba": celeba}[entry.corpus]
    return reader.read(raw / entry.corpus, entry)
