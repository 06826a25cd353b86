"""The synthetic head: geometry and landmarks against independent computation, and the rasteriser."""

import numpy as np
import pytest

from datasets.components import MIRROR
from datasets.portrait.drawing import CELEBA_POINTS, draw
from datasets.portrait.head import mean_landmarks, pose_matrix
from datasets.portrait.render import TEXELS, Sheet, rasterise


def test_mean_landmarks_are_symmetric_and_have_celebas_proportions():
    points = mean_landmarks(68)
    np.testing.assert_allclose(points[MIRROR] * [-1, 1, 1], points, atol=0.02)
    five = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])[:, :2]
    # The best similarity to CelebA's mean points, by linear least squares in its four parameters.
    x, y = five.T
    ones, zeros = np.ones(5), np.zeros(5)
    design = np.concatenate([np.stack([x, -y, ones, zeros], 1), np.stack([y, x, zeros, ones], 1)])
    residual = design @ np.linalg.lstsq(design, CELEBA_POINTS.T.ravel())[0] - CELEBA_POINTS.T.ravel()
    assert np.abs(residual).max() < 2  # pixels, where the eyes are 38 apart


def test_profile_landmarks_are_the_right_half():
    profile, full = mean_landmarks(39), mean_landmarks(68)
    assert (profile[:, 0] > -0.01).all()
    assert profile[:, 2].argmax() == 19  # the nose tip
    for at39, at68 in ((9, 8), (19, 30), (24, 45), (22, 42), (30, 54), (27, 51), (33, 57)):
        np.testing.assert_allclose(profile[at39], full[at68], atol=0.05)


def test_pose_matrix_turns_as_documented():
    nose = np.array([0.0, 0.0, 1.0])
    assert (pose_matrix(30) @ nose)[0] == pytest.approx(0.5)
    assert (pose_matrix(0, 30) @ nose)[1] == pytest.approx(-0.5)  # up in the image
    assert (pose_matrix(0, 0, 30) @ [1, 0, 0])[1] == pytest.approx(0.5)
    np.testing.assert_allclose(pose_matrix(20, 10, 5) @ pose_matrix(20, 10, 5).T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("yaw", [-70.0, -20.0, 0.0, 35.0, 88.0])
def test_landmarks_are_projections_of_the_points(yaw):
    drawing = draw(3, 1, 5, yaw)
    ψ, θ = np.radians([yaw, drawing.view.pitch])
    x, y, z = drawing.points.T
    turned_x, turned_z = x * np.cos(ψ) + z * np.sin(ψ), z * np.cos(ψ) - x * np.sin(ψ)
    turned = np.stack([turned_x, y * np.cos(θ) - turned_z * np.sin(θ)])
    expected = (drawing.matrix[:, :2] @ turned).T + drawing.matrix[:, 2]
    inner = slice(17, 68) if abs(yaw) <= 45 else slice(0, 39)
    np.testing.assert_allclose(drawing.landmarks[inner], expected[inner], atol=1e-3)
    a, b = drawing.matrix[:, 0], drawing.matrix[:, 1]
    assert a @ b == pytest.approx(0, abs=1e-9)
    assert np.hypot(*a) == pytest.approx(np.hypot(*b))


def test_mirrored_yaw_mirrors_the_landmarks():
    left, right = (draw(4, 0, 1, yaw, pitch=5.0, roll=0.0) for yaw in (-38.0, 38.0))
    centred = [d.landmarks - d.landmarks.mean(0) for d in (left, right)]
    np.testing.assert_allclose(centred[0][MIRROR] * [-1, 1], centred[1], atol=0.05)


@pytest.mark.parametrize(("yaw", "points"), [(-45.0, 68), (45.0, 68), (45.1, 39), (-60.0, 39), (90.0, 39)])
def test_scheme_follows_the_yaw(yaw: float, points: int) -> None:
    assert draw(1, 0, 0, yaw).landmarks.shape == (points, 2)


def test_far_contour_lies_on_the_outline():
    drawing = draw(6, 0, 0, 40.0, pitch=0.0, roll=0.0)
    own = drawing.points[:17] @ pose_matrix(40.0).T
    projected = own[:, :2] @ drawing.matrix[:, :2].T + drawing.matrix[:, 2]
    beyond = drawing.landmarks[:17, 0] - projected[:, 0]
    hidden = np.flatnonzero(beyond > 1e-3)
    assert len(hidden)
    assert (hidden > 8).all()  # the face looks to the image's right, so its far side is there
    assert beyond.min() > -1e-3
    assert beyond.max() > 5


def plane(z: float, value: np.ndarray | int) -> Sheet:
    """A square sheet from (10, 10) to (30, 30) at depth z."""
    y, x = np.meshgrid(np.linspace(10, 30, 5), np.linspace(10, 30, 5), indexing="ij")
    texture = np.zeros((4 * TEXELS + 1, 4 * TEXELS + 1, 3), np.uint8)
    texture[:] = value
    return Sheet(np.stack([x, y, np.full_like(x, z)], 2).astype(np.float32), texture)


def test_rasteriser_places_the_texture_to_the_pixel():
    ramp = np.linspace(0, 160, 4 * TEXELS + 1).astype(np.uint8)[None, :, None]
    image = rasterise([plane(0, ramp)], np.eye(2, 3), (40, 40))
    x = np.arange(12, 29)
    np.testing.assert_allclose(image[20, 12:29, 0], (x - 10) * 8, atol=1.5)
    assert (image[12:29, 12:29, 3] == 255).all()
    assert (image[:8, :, 3] == 0).all()


def test_rasteriser_draws_near_sheets_over_far_ones_and_none_from_behind():
    both = [plane(5, 200), plane(-5, 50)]
    assert rasterise(both, np.eye(2, 3), (40, 40))[20, 20, 0] == 200
    assert rasterise(both[::-1], np.eye(2, 3), (40, 40))[20, 20, 0] == 200
    mirrored = np.array([[-1.0, 0, 40], [0, 1, 0]])
    assert rasterise(both, mirrored, (40, 40))[20, 20, 3] == 0
