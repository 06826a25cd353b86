"""Head yaw from landmarks, by the scaled orthographic fit of a mean 3D face."""

from pathlib import Path

import numpy as np

BINS = (0, 15, 30, 45, 90)
# (n, 3) millimetres by a face's number of landmarks: x to the image's right, y down, z to the camera; the 39 are those
# of a head that looks to the left. The contour is left out: its points slide along the cheek as the head turns.
_ROWS = np.loadtxt(Path(__file__).with_name("mean_head.csv"), delimiter=",", skiprows=1)  # points, landmark, x, y, z
MEAN_HEAD = {points: np.ascontiguousarray(_ROWS[_ROWS[:, 0] == points, 2:]) for points in (39, 68)}


def yaw(landmarks: np.ndarray) -> float:
    """Return the yaw in degrees in [-90, 90], positive where the face looks to the image's right.

    landmarks: (68, 2) or (39, 2). Fitted to the half that looks to the image's right, the 39 points are seen from
    behind: the fit is then 180 degrees less the yaw.
    """
    template = MEAN_HEAD[len(landmarks)]
    degrees = _fit(landmarks[-len(template) :], template)
    if len(landmarks) == 39 and degrees >= 0:
        degrees = 180 - degrees
    return float(np.clip(degrees, -90, 90))


def _fit(points: np.ndarray, template: np.ndarray) -> float:
    """Return the yaw of the best affine projection of `template` (n, 3) to `points` (n, 2), in (-180, 180]."""
    centred, flat = template - template.mean(0), points - points.mean(0)
    axes, *_ = np.linalg.lstsq(centred, flat, rcond=None)
    across, down = axes.T
    # The nearest scaled rotation to the two projected axes; the third is their cross product.
    u, _, vt = np.linalg.svd(np.stack([across, down]), full_matrices=False)
    across, down = u @ vt
    forward = np.cross(across, down)
    return float(np.degrees(np.arctan2(-forward[0], forward[2])))


def bin_of(degrees: float) -> str:
    """Return the bin of |yaw| as text, "0-15" to "45-90"."""
    upper = next((b for b in BINS[1:] if abs(degrees) < b), BINS[-1])
    return f"{BINS[BINS.index(upper) - 1]}-{upper}"
