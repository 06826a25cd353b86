"""Write a corpus of synthetic faces in Menpo's and CelebA's layouts.

A face depends on (seed, person, photo) alone, not on how many there are or on how many processes make them. A person's
photos share shape, colours and hair; expression, pose, light, gaze, background and camera differ. No person is in both
layouts.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from datasets.face import BadInput
from datasets.portrait.drawing import draw

MENPO_SHARE = 9, 20  # nine persons of twenty are in Menpo's layout
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


def tasks(faces: int, seed: int) -> Iterator[Task]:
    """Yield the first `faces` faces of the corpus: 2 to 6 photos of one person after another, all in one layout."""
    drawn = number = person = 0
    while drawn < faces:
        photos = int(np.random.default_rng([seed, person, 2**20]).integers(2, 7))
        in_menpo = person * MENPO_SHARE[0] % MENPO_SHARE[1] < MENPO_SHARE[0]
        for photo in range(min(photos, faces - drawn)):
            number += not in_menpo
            yield Task(person, photo, 0 if in_menpo else number)
            drawn += 1
        person += 1


def write_corpus(folder: Path, faces: int, seed: int, workers: int | None = None) -> None:
    """Write the first `faces` faces to the new folders `folder`/menpo and `folder`/celeba.

    workers: processes, one a core by default. Bytes depend neither on them nor, among those that have AVX2, on the
    processor.
    """
    for name in ("menpo/semifrontal", "menpo/profile", "celeba/img_align_celeba"):
        (folder / name).mkdir(parents=True)
    todo = list(tasks(faces, seed))
    write = partial(_write, seed=seed, folder=folder)
    # In processes of their own, which start with those instructions: a library chooses once, when it is imported.
    spawn = multiprocessing.get_context("spawn")
    with limited_to_avx2(), ProcessPoolExecutor(workers, spawn, _start) as pool:
        points = list(tqdm(pool.map(write, todo, chunksize=32), total=len(todo), desc="faces", unit="face"))
    _write_celeba_lists(folder / "celeba", [pair for pair in zip(todo, points, strict=True) if pair[0].number])


@contextlib.contextmanager
def limited_to_avx2() -> Iterator[None]:
    """Make processes started inside compute as one without AVX-512 would, if this processor has AVX2.

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
    """Set up a process that draws: one thread; a Ctrl-C is left to its parent, which gets it as well."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write(task: Task, seed: int, folder: Path) -> np.ndarray:
    """Draw and write one face; return its five points."""
    face = draw(task.person, task.photo, seed, aligned=task.number > 0)
    if task.number:
        path = folder / "celeba" / "img_align_celeba" / f"{task.number:06d}.jpg"
    else:
        part = "semifrontal" if len(face.landmarks) == 68 else "profile"
        path = folder / "menpo" / part / f"synthetic_{task.person:04d}_{task.photo:02d}.jpg"
        lines = "".join(f"{x:.3f} {y:.3f}\n" for x, y in face.landmarks + 1)
        path.with_suffix(".pts").write_text(f"version: 1\nn_points: {len(face.landmarks)}\n{{\n{lines}}}\n")
    if not cv2.imwrite(str(path), face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93]):
        raise BadInput(f"{path}: cannot be written; is the disk full?")
    return face.five


def _write_celeba_lists(folder: Path, written: list[tuple[Task, np.ndarray]]) -> None:
    """Write CelebA's two text files: five points, and who is who."""
    names = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"]
    points = [f"{len(written)}", " ".join(f"{name}_{axis}" for name in names for axis in "xy")]
    for task, five in written:
        points.append(f"{task.number:06d}.jpg" + "".join(f" {v:4d}" for v in np.round(five).astype(int).ravel()))
    (folder / "list_landmarks_align_celeba.txt").write_text("\n".join(points) + "\n")
    identities = "".join(f"{task.number:06d}.jpg {task.person}\n" for task, _ in written)
    (folder / "identity_CelebA.txt").write_text(identities)
