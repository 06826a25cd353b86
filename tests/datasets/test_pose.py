"""Yaw from landmarks, against faces whose yaw is known."""

from __future__ import annotations

import numpy as np
import pytest
from raw_faces import project

from datasets import pose, synthetic
from datasets.portrait.head import mean_landmarks


@pytest.mark.parametrize("yaw", range(-45, 46, 15))
@pytest.mark.parametrize("roll", [-20, 0, 15])
def test_mean_face_gives_its_yaw(yaw: float, roll: float) -> None:
    points = project(mean_landmarks(68), yaw, 0.7, (30, 80), roll)
    assert pose.yaw(points) == pytest.approx(yaw, abs=0.5)


@pytest.mark.parametrize("yaw", [-89, -75, -60, -46, 46, 60, 75, 89])
@pytest.mark.parametrize("roll", [-20, 0, 15])
def test_mean_profile_gives_its_yaw_to_either_side(yaw: float, roll: float) -> None:
    points = mean_landmarks(39) * ([1, 1, 1] if yaw < 0 else [-1, 1, 1])
    assert pose.yaw(project(points, yaw, 0.7, (30, 80), roll)) == pytest.approx(yaw, abs=0.5)


def test_head_turned_out_of_sight_is_a_profile() -> None:
    points = mean_landmarks(39)
    assert pose.yaw(project(points, -95, 1, (0, 0))) == -90
    assert pose.yaw(project(points * [-1, 1, 1], 95, 1, (0, 0))) == 90


def test_yaw_of_drawn_faces_is_found() -> None:
    # Identity and expression of a face differ from the mean that is fitted: a few degrees are what they may cost,
    # a quarter of the narrowest bin.
    rng = np.random.default_rng(1)
    for low, high, points in ((0, 45, 68), (46, 88, 39)):
        errors = []
        for person in range(16):
            yaw = rng.choice([-1, 1]) * rng.uniform(low, high)
            drawing = synthetic.draw(person, 0, seed=5, yaw=yaw)
            assert len(drawing.landmarks) == points
            found = pose.yaw(drawing.landmarks)
            assert abs(yaw) < 10 or np.sign(found) == np.sign(yaw)
            errors.append(abs(found - yaw))
        assert np.mean(errors) < 3.75
        assert np.max(errors) < 15


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(0, "0-15"), (-14.9, "0-15"), (15, "15-30"), (-29, "15-30"), (44, "30-45"), (-45, "45-90"), (90, "45-90")],
)
def test_bins(degrees: float, expected: str) -> None:
    assert pose.bin_of(degrees) == expected
