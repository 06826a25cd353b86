"""Head yaw from landmarks, by the scaled orthographic fit of a mean 3D face."""

from __future__ import annotations

import numpy as np

from datasets.head import mean_landmarks

BINS = (0, 15, 30, 45, 90)


def yaw(landmarks: np.ndarray) -> float:
    """Yaw in degrees, positive where the face looks to the image's right, from 68 or 39 landmarks (n, 2).

    The contour is left out: its points slide along the cheek as the head turns. A 39-point profile is fitted in both
    directions and keeps the better one.
    """
    if len(landmarks) == 68:
        return _fit(landmarks[17:], mean_landmarks(68)[17:])[0]
    template = mean_landmarks(39)[12:]
    left, right = _fit(landmarks[12:], template), _fit(landmarks[12:] * [-1, 1], template)
    return left[0] if left[1] <= right[1] else -right[0]


def _fit(points: np.ndarray, template: np.ndarray) -> tuple[float, float]:
    """Yaw of the best affine projection of `template` (n, 3) to `points` (n, 2), and its relative residual."""
    centred, flat = template - template.mean(0), points - points.mean(0)
    axes, *_ = np.linalg.lstsq(centred, flat, rcond=None)
    residual = float(np.linalg.norm(flat - centred @ axes) / np.linalg.norm(flat))
    across, down = axes.T
    # The nearest scaled rotation to the two projected axes; the third is their cross product.
    u, _, vt = np.linalg.svd(np.stack([across, down]), full_matrices=False)
    across, down = u @ vt
    forward = np.cross(across, down)
    return float(np.degrees(np.arctan2(across[2], forward[2]))), residual


def bin_of(degrees: float) -> str:
    """The bin of |yaw| as text, "0-15" to "45-90"."""
    upper = next((b for b in BINS[1:] if abs(degrees) < b), BINS[-1])
    return f"{BINS[BINS.index(upper) - 1]}-{upper}"
