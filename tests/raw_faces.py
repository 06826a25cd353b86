"""Small faces in the official layouts of Menpo and CelebA, for tests of what reads them: blobs with landmarks."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datasets.portrait.head import mean_landmarks, pose_matrix

SIDE = 120
CELEBA_SIZE = (178, 218)


def head(yaw: float, scale: float = 0.5, centre: tuple[float, float] = (60, 60), roll: float = 0) -> np.ndarray:
    """The mean head's landmarks in pixels: 68, or the 39 that are seen beyond 45 degrees; `centre` is amid them."""
    points = mean_landmarks(68) if abs(yaw) <= 45 else mean_landmarks(39) * [-np.sign(yaw), 1, 1]
    flat = scale * (points @ pose_matrix(yaw, 0, roll).T)[:, :2]
    return flat - (flat.min(0) + flat.max(0)) / 2 + centre


def blobs(points: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A coloured (height, width, 3) uint8 image, dark at `points` (n, 2)."""
    x, y = (np.exp(-((np.arange(n) - at[:, None]) ** 2) / 18) for n, at in zip(size, points.T, strict=True))
    shade = 1 - 0.8 * np.minimum(1, y.T @ x)
    return (shade[..., None] * rng.uniform(90, 250, 3)).astype(np.uint8)


def pts(points: np.ndarray) -> str:
    """A .pts file, which counts pixels from 1."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points + 1)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def write_photo(root: Path, stem: str, image: np.ndarray, points: np.ndarray, **saving: Any) -> None:
    """Write STEM.png and .pts below the part for so many points, root/semifrontal or root/profile; make both parts."""
    for part in ("semifrontal", "profile"):
        (root / part).mkdir(parents=True, exist_ok=True)
    path = root / ("semifrontal" if len(points) == 68 else "profile") / f"{stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **saving)
    path.with_suffix(".pts").write_text(pts(points))


def write_face(root: Path, stem: str, yaw: float = 0) -> None:
    """Write a face to its part of Menpo's layout."""
    rng = np.random.default_rng([0, *stem.encode()])
    points = head(yaw, roll=rng.uniform(-10, 10))
    write_photo(root, stem, blobs(points, (SIDE, SIDE), rng), points)


def write_menpo(root: Path, people: int) -> None:
    """Three semifrontal faces and one profile of each person: root/semifrontal, root/profile."""
    for person in range(people):
        for shot, yaw in {"f0": -40, "f1": 0, "f2": 40, "p0": -70}.items():
            write_face(root, f"cfp_{person:03d}_{shot}", yaw)


def write_celeba(root: Path, faces: int) -> None:
    """Aligned faces of `faces` // 2 people with the two text files: root/img_align_celeba, root/*.txt."""
    (root / "img_align_celeba").mkdir(parents=True)
    points = head(0, 0.6, (89, 125))
    five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
    columns = " ".join(f"{v:4d}" for v in five.round().astype(int).ravel())
    names = [f"{i + 1:06d}.jpg" for i in range(faces)]
    for i, name in enumerate(names):
        Image.fromarray(blobs(points, CELEBA_SIZE, np.random.default_rng(i))).save(root / "img_align_celeba" / name)
    rows = [str(faces), "names of columns", *(f"{name} {columns}" for name in names)]
    (root / "list_landmarks_align_celeba.txt").write_text("\n".join(rows) + "\n")
    (root / "identity_CelebA.txt").write_text("".join(f"{name} {i // 2}\n" for i, name in enumerate(names)))
