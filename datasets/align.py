"""The upright 128 px crop: one similarity transform from five points to a fixed template, the same for every corpus."""

import cv2
import numpy as np

from datasets.face import BadInput

SIZE = 128
POINTS = (5, 39, 68)  # numbers of landmarks of a face: CelebA, Menpo's profiles, iBUG
# Left eye, right eye, nose tip, left and right mouth corner (the image's left and right), pixels of the crop.
TEMPLATE = np.array([(42, 52), (86, 52), (64, 78), (46.5, 98), (81.5, 98)], np.float64)


def anchor_points(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the template points that a face has, (k, 2), and their rows in TEMPLATE: five of 68 or 5, three of 39."""
    if len(landmarks) == 5:
        return landmarks, np.arange(5)
    if len(landmarks) == 68:
        eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
        return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]), np.arange(5)
    eye, nose, corner = landmarks[22:27].mean(0), landmarks[19], landmarks[30]
    # A profile that looks to the image's left shows the eye and mouth corner of the image's right.
    rows = np.array([1, 2, 4]) if nose[0] < eye[0] else np.array([0, 2, 3])
    return np.stack([eye, nose, corner]), rows


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares similarity (2, 3) from source (k, 2) to target (k, 2), no reflection (Umeyama 1991)."""
    s, t = source - source.mean(0), target - target.mean(0)
    norm = (s**2).sum()
    if not norm > 1e-6:
        raise BadInput(f"landmarks coincide at {source.mean(0).round(1).tolist()}; correct or remove them")
    a = (s * t).sum() / norm
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / norm
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (target.mean(0) - linear @ source.mean(0))[:, None]])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply an affine (2, 3) to points (n, 2)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def warp(image: np.ndarray, matrix: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Resample an image (H, W, 3) uint8 by an affine (2, 3) from its pixels to the crop's; black outside the photo.

    Where the transform shrinks, the image is area-averaged to about the crop's scale first, to avoid aliasing.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 1:
        height, width = image.shape[:2]
        new = max(1, round(width * scale)), max(1, round(height * scale))
        factors = np.array([new[0] / width, new[1] / height])
        image = cv2.resize(image, new, interpolation=cv2.INTER_AREA)
        # Pixel centres: x' = (x + 0.5) f - 0.5, undone before the original transform.
        undo = np.array([[1 / factors[0], 0, 0.5 / factors[0] - 0.5], [0, 1 / factors[1], 0.5 / factors[1] - 0.5]])
        matrix = np.hstack([matrix[:, :2] @ undo[:, :2], (matrix[:, :2] @ undo[:, 2] + matrix[:, 2])[:, None]])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)


def check_landmarks(landmarks: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Refuse landmarks (n, 2) on an image of `shape` (H, W, ...), read from the file `name`.

    Raises:
        BadInput: if n is not 5, 39 or 68, or a landmark is not finite or over half the image outside of it.
    """
    if len(landmarks) not in POINTS:
        raise BadInput(f"{name}: {len(landmarks)} landmarks, expected 5, 39 (profile) or 68; correct or remove it")
    if not np.isfinite(landmarks).all():
        raise BadInput(f"{name}: landmark {int(np.argmin(np.isfinite(landmarks).all(1)))} is not finite; correct it")
    size = np.array([shape[1], shape[0]])
    far = ((landmarks < -0.5 * size) | (landmarks > 1.5 * size)).any(1)
    if far.any():
        worst = int(np.argmax(far))
        at = landmarks[worst].round(1).tolist()
        raise BadInput(f"{name}: landmark {worst} at {at} is far outside the {size[0]} x {size[1]} image; correct it")
