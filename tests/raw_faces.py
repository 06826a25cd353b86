"""Small faces in the official layouts of Menpo and CelebA, for tests of what reads them: blobs with landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from datasets.portrait.head import mean_landmarks, pose_matrix

SIZE = 120
CELEBA_SIZE = (178, 218)


def project(points: np.ndarray, yaw: float, scale: float, centre: tuple[float, float], roll: float = 0) -> np.ndarray:
    """Points (n, 3) of the head seen from the front of a turned head: (n, 2) pixels, the middle of them at `centre`."""
    flat = scale * (points @ pose_matrix(yaw, 0, roll).T)[:, :2]
    return flat - (flat.min(0) + flat.max(0)) / 2 + centre


def blobs(points: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A coloured (height, width, 3) uint8 image, dark at `points` (n, 2)."""
    width, height = size
    x, y = np.arange(width), np.arange(height)
    kernels = [np.exp(-((axis - at[:, None]) ** 2) / 18) for axis, at in zip((x, y), points.T, strict=True)]
    shade = 1 - 0.8 * np.minimum(1, kernels[1].T @ kernels[0])
    return (shade[..., None] * rng.uniform(90, 250, 3)).astype(np.uint8)


def pts(points: np.ndarray) -> str:
    """A .pts file, which counts pixels from 1."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points + 1)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def write_face(folder: Path, stem: str, n: int = 68, yaw: float = 0.0, seed: int = 0) -> np.ndarray:
    """Write folder/STEM.png and .pts, a face of n points; returns the points (n, 2)."""
    rng = np.random.default_rng([seed, *stem.encode()])
    points = project(mean_landmarks(n), yaw, 0.5, (60, 60), rng.uniform(-10, 10))
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blobs(points, (SIZE, SIZE), rng)).save(folder / f"{stem}.png")
    (folder / f"{stem}.pts").write_text(pts(points))
    return points


def write_menpo(root: Path, people: int, photos: int = 3) -> None:
    """Semifrontal faces and one profile of each person: root/semifrontal, root/profile."""
    for person in range(people):
        for photo in range(photos):
            yaw = -40 + 80 * photo / max(1, photos - 1)
            write_face(root / "semifrontal", f"cfp_{person:03d}_f{photo}", 68, yaw)
        write_face(root / "profile", f"cfp_{person:03d}_p0", 39, -70)


def write_celeba(root: Path, faces: int) -> None:
    """Aligned faces of `faces` // 2 people with the two text files: root/img_align_celeba, root/*.txt."""
    (root / "img_align_celeba").mkdir(parents=True)
    rows, people = [], []
    for i in range(faces):
        points = project(mean_landmarks(68), 0, 0.6, (89, 125))
        five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
        name = f"{i + 1:06d}.jpg"
        Image.fromarray(blobs(points, CELEBA_SIZE, np.random.default_rng(i))).save(root / "img_align_celeba" / name)
        rows.append(f"{name} " + " ".join(f"{v:4d}" for v in five.round().astype(int).ravel()))
        people.append(f"{name} {i // 2}")
    (root / "list_landmarks_align_celeba.txt").write_text("\n".join([str(faces), "names of columns", *rows]) + "\n")
    (root / "identity_CelebA.txt").write_text("\n".join(people) + "\n")
