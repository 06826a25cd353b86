"""The upright crop: transform, resampling, and which points of a profile go where."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from raw_faces import blobs, head, write_photo
from reading import crops

from datasets import align, menpo
from datasets.components import MIRROR
from datasets.face import BadInput
from tests.conftest import template


@pytest.mark.parametrize("points", [2, 3, 5])
def test_similarity_is_the_least_squares_one(points: int) -> None:
    rng = np.random.default_rng(points)
    for _ in range(20):
        source, target = rng.normal(50, 30, (points, 2)), rng.normal(64, 20, (points, 2))
        # An independent solver: x' = a x - b y + c, y' = b x + a y + d, by normal equations.
        x, y, one, zero = *source.T, np.ones(points), np.zeros(points)
        system = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
        a, b, c, d = np.linalg.lstsq(system, target.T.ravel(), rcond=None)[0]
        np.testing.assert_allclose(align.similarity(source, target), [[a, -b, c], [b, a, d]], atol=1e-9)
    with pytest.raises(BadInput, match="coincide"):
        align.similarity(np.full((points, 2), 7.0), target)


@pytest.mark.parametrize("points", [template(), align.TEMPLATE], ids=len)
def test_a_face_on_the_template_stays_as_it_is(points: np.ndarray) -> None:
    anchors, rows = align.anchor_points(points)
    matrix = align.similarity(anchors, align.TEMPLATE[rows])
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    np.testing.assert_array_equal(align.warp(image, matrix), image)


@pytest.mark.parametrize(("yaw", "rows"), [(-80, [1, 2, 4]), (-50, [1, 2, 4]), (50, [0, 2, 3]), (80, [0, 2, 3])])
def test_a_profile_takes_the_template_of_the_half_that_is_seen(yaw: float, rows: list[int]) -> None:
    side, points = np.sign(yaw), head(yaw)
    anchors, found = align.anchor_points(points)
    assert found.tolist() == rows
    # The tip of the nose is the foremost point, and the corner the mouth's hindmost.
    assert (side * points[:, 0]).argmax() in (18, 19)
    corner = points[27:][(side * points[27:, 0]).argmin()]
    np.testing.assert_allclose(anchors, [points[22:27].mean(0), points[19], corner])
    eye, nose, corner = align.transform(align.similarity(anchors, align.TEMPLATE[found]), anchors)
    assert np.sign(nose[0] - eye[0]) == side
    assert eye[1] < nose[1] < corner[1]


@pytest.mark.parametrize("yaw", [-70, 30, 70])
def test_a_mirrored_photo_gives_the_mirrored_crop(yaw: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (15, 15, 3), np.uint8)
    image = cv2.resize(noise, (120, 120), interpolation=cv2.INTER_CUBIC)
    points = head(yaw, roll=7)
    n = len(points)
    order = MIRROR if n == 68 else list(range(39))
    write_photo(tmp_path, "a_1", image, points)
    write_photo(tmp_path, "b_1", np.ascontiguousarray(image[:, ::-1]), (points * [-1, 1] + [119, 0])[order])
    first, second = crops(tmp_path, menpo.verify(tmp_path, {}))
    # The template is symmetric about x = 64, pixels about 63.5: mirroring moves the crop by one pixel.
    assert np.abs(first.hr[:, 1:].astype(int) - second.hr[:, :0:-1]).mean() < 1.5
    assert np.abs(first.hr.astype(int) - second.hr).mean() > 10
    mirrored = second.landmarks[:n][np.argsort(order)] * [-1, 1] + [128, 0]
    np.testing.assert_allclose(mirrored, first.landmarks[:n], atol=0.01)
    assert first.yaw == pytest.approx(-second.yaw, abs=0.1)
    assert np.isnan(first.landmarks[n:]).all()
    assert first.visible.sum() == n == first.points


def test_shrinking_by_8_is_an_average_that_does_not_alias() -> None:
    matrix = np.array([[1 / 8, 0, 0.5 / 8 - 0.5], [0, 1 / 8, 0.5 / 8 - 0.5]])
    board = np.add.outer(np.arange(1024), np.arange(1024)) % 2 * 255
    for values in (np.random.default_rng(0).integers(0, 256, (1024, 1024, 3)), board[..., None].repeat(3, 2)):
        image = values.astype(np.uint8)
        expected = np.array(Image.fromarray(image).reduce(8)).astype(int)
        np.testing.assert_allclose(align.warp(image, matrix), expected, rtol=0, atol=1)


def test_outside_the_photo_is_black() -> None:
    image = np.full((64, 64, 3), 200, np.uint8)
    expected = np.zeros((128, 128, 3), np.uint8)
    expected[50:114, 40:104] = 200
    np.testing.assert_array_equal(align.warp(image, np.array([[1.0, 0, 40], [0, 1, 50]])), expected)
    assert align.warp(image, np.array([[0.5, 0, 300], [0, 0.5, 50]])).max() == 0


@pytest.mark.parametrize("scale", [0.2, 0.6, 1.7])
def test_a_landmark_follows_the_pixel_it_lies_on(scale: float) -> None:
    at = np.array([210.0, 150.0])
    image = cv2.GaussianBlur(blobs(at[None], (400, 300), np.random.default_rng(0)), (0, 0), 4)
    matrix = scale * np.array([[0.9, -0.3, 0], [0.3, 0.9, 0]])
    matrix[:, 2] = np.array([70.3, 55.6]) - matrix[:, :2] @ at
    dark = 255.0 - align.warp(image, matrix)[35:76, 50:91, 1]
    dark = np.clip(dark - np.percentile(dark, 60), 0, None) ** 2
    y, x = np.mgrid[35:76, 50:91]
    np.testing.assert_allclose([(dark * x).sum(), (dark * y).sum()] / dark.sum(), (70.3, 55.6), atol=0.35)


def test_landmarks_may_lie_a_little_outside_only_and_have_a_known_number() -> None:
    points = np.array([[-49.0, 10], [149, 120], [151, 120], [1, 1], [1, 1]])
    align.check_landmarks(points, (100, 200, 3), "a")
    with pytest.raises(BadInput, match=r"a: landmark 2 at \[151\.0, 120\.0\] is far outside the 100 x 100 image"):
        align.check_landmarks(points, (100, 100, 3), "a")
    for count in (21, 38, 40, 106):
        with pytest.raises(BadInput, match=f"a: {count} landmarks, expected 5, 39"):
            align.check_landmarks(np.full((count, 2), 5.0), (100, 100, 3), "a")
