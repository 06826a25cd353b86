"""Yaw from landmarks, against faces whose yaw is known."""

import subprocess
import sys

import numpy as np
import pytest
from raw_faces import head

from datasets import pose
from datasets.portrait.drawing import draw
from datasets.portrait.head import mean_landmarks


@pytest.mark.parametrize("yaw", [-89, -75, -60, -46, -45, -30, -15, 0, 15, 30, 45, 46, 60, 75, 89])
@pytest.mark.parametrize("roll", [-20, 0, 15])
def test_the_mean_face_gives_its_yaw(yaw: float, roll: float) -> None:
    assert pose.yaw(head(yaw, 0.7, (30, 80), roll)) == pytest.approx(yaw, abs=0.5)
    assert pose.yaw(head(np.copysign(95, yaw))) == np.copysign(90, yaw)  # turned out of sight it is a profile


@pytest.mark.parametrize(("low", "high"), [(0, 45), (46, 88)])
def test_yaw_of_synthetic_faces_is_found(low: int, high: int) -> None:
    # Identity and expression of a face differ from the mean that is fitted: a few degrees are what they may cost,
    # a quarter of the narrowest bin.
    rng, errors = np.random.default_rng(low), []
    for person in range(16):
        yaw = rng.choice([-1, 1]) * rng.uniform(low, high)
        found = pose.yaw(draw(person, 0, seed=5, yaw=yaw).landmarks)
        assert abs(yaw) < 10 or np.sign(found) == np.sign(yaw)
        errors.append(abs(found - yaw))
    assert np.mean(errors) < 3.75
    assert np.max(errors) < 15


def test_the_mean_head_is_the_synthetic_heads_but_needs_no_renderer() -> None:
    for points, first in ((68, 17), (39, 12)):
        np.testing.assert_allclose(pose.MEAN_HEAD[points], mean_landmarks(points)[first:], atol=1e-6)
    script = "import sys, datasets.pose; print(any('portrait' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"


def test_bins() -> None:
    bins = {0: "0-15", -14.9: "0-15", 15: "15-30", -29: "15-30", 44: "30-45", -45: "45-90", 90: "45-90"}
    assert {degrees: pose.bin_of(degrees) for degrees in bins} == bins
