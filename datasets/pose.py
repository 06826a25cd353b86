"""Head yaw from landmarks, by the scaled orthographic fit of a mean 3D face."""

from __future__ import annotations

import numpy as np

from datasets.portrait.head import mean_landmarks

BINS = (0, 15, 30, 45, 90)


def yaw(landmarks: np.ndarray) -> float:
    """Yaw in degrees, positive where the face looks to the image's right, in [-90, 90], from 68 or 39 landmarks (n, 2).

    The contour is left out: its points slide along the cheek as the head turns. The 39 points are of the half that is
    seen when the head looks to the image's left. Fitted to the other half, they are seen from behind: the fit is then
    180 degrees less the yaw.
    """
    if len(landmarks) == 68:
        degrees = _fit(landmarks[17:], mean_landmarks(68)[17:])
    else:
        degrees = _fit(landmarks[12:], mean_landmarks(39)[12:])
        degrees = degrees if degrees < 0 else 180 - degrees
    return float(np.clip(degrees, -90, 90))


def _fit(points: np.ndarray, template: np.ndarray) -> float:
    """Yaw of the best affine projection of `template` (n, 3) to `points` (n, 2), in (-180, 180]."""
    centred, flat = template - template.mean(0), points - points.mean(0)
    axes, *_ = np.linalg.lstsq(centred, flat, rcond=None)
    across, down = axes.T
    # The nearest scaled rotation to the two projected axes; the third is their cross product.
    u, _, vt = np.linalg.svd(np.stack([across, down]), full_matrices=False)
    across, down = u @ vt
    forward = np.cross(across, down)
    return float(np.degrees(np.arctan2(-forward[0], forward[2])))


def bin_of(degrees: float) -> str:
    """The bin of |yaw| as text, "0-15" to "45-90"."""
    upper = next((b for b in BINS[1:] if abs(degrees) < b), BINS[-1])
    return f"{BINS[BINS.index(upper) - 1]}-{upper}"
