"""The synthetic head: its landmarks against independent computation."""

import numpy as np
import pytest

from datasets import align
from datasets.components import MIRROR
from datasets.portrait.drawing import draw
from datasets.portrait.head import pose_matrix


@pytest.mark.parametrize("yaw", [-70.0, -45.0, -20.0, 0.0, 35.0, 45.1, 88.0])
def test_landmarks_are_projections_of_the_points(yaw: float) -> None:
    drawing = draw(3, 1, 5, yaw)
    assert len(drawing.landmarks) == (68 if abs(yaw) <= 45 else 39)
    ψ, θ = np.radians([yaw, drawing.view.pitch])
    x, y, z = drawing.points.T
    turned_x, turned_z = x * np.cos(ψ) + z * np.sin(ψ), z * np.cos(ψ) - x * np.sin(ψ)
    turned = np.stack([turned_x, y * np.cos(θ) - turned_z * np.sin(θ)], 1)
    inner = slice(17, 68) if abs(yaw) <= 45 else slice(0, 39)
    np.testing.assert_allclose(drawing.landmarks[inner], align.transform(drawing.matrix, turned)[inner], atol=1e-3)
    # The map to pixels turns as pose_matrix's roll does, clockwise, and scales.
    a, b = drawing.matrix[:, 0], drawing.matrix[:, 1]
    np.testing.assert_allclose(b, [-a[1], a[0]], atol=1e-9)
    assert np.degrees(np.arctan2(a[1], a[0])) == pytest.approx(drawing.view.roll)


def test_mirrored_yaw_mirrors_the_landmarks() -> None:
    left, right = (draw(4, 0, 1, yaw, pitch=5.0, roll=0.0).landmarks for yaw in (-38.0, 38.0))
    np.testing.assert_allclose((left - left.mean(0))[MIRROR] * [-1, 1], right - right.mean(0), atol=0.05)


@pytest.mark.parametrize(("yaw", "far"), [(-40.0, range(8)), (40.0, range(9, 17))])
def test_far_contour_lies_on_the_outline(yaw: float, far: range) -> None:
    drawing = draw(6, 0, 0, yaw, pitch=0.0, roll=0.0)
    own = drawing.points[:17] @ pose_matrix(yaw).T
    beyond = np.sign(yaw) * (drawing.landmarks[:17] - align.transform(drawing.matrix, own[:, :2]))[:, 0]
    assert {*np.flatnonzero(beyond > 1e-3)} <= {*far}
    assert beyond.min() > -1e-3
    assert beyond.max() > 5
