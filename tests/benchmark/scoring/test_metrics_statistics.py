"""PSNR, SSIM and luma against scikit-image and known answers; bootstrap intervals against plain numpy."""

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmark.scoring.metrics import luma, psnr, ssim
from benchmark.scoring.statistics import mean_interval


def reference_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    channel = {"channel_axis": 2} if image.ndim == 3 else {}
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(image, reference, **options, **channel))


def check(image: np.ndarray, reference: np.ndarray) -> None:
    assert psnr(image, reference) == pytest.approx(peak_signal_noise_ratio(reference, image, data_range=255), abs=1e-6)
    assert ssim(image, reference) == pytest.approx(reference_ssim(image, reference), abs=1e-6)


@pytest.mark.parametrize("shape", [(128, 128, 3), (128, 128), (40, 25, 3), (11, 11, 3)])
@pytest.mark.parametrize("spread", [3, 60])
def test_random_pairs_agree_with_scikit_image(shape: tuple[int, ...], spread: int) -> None:
    rng = np.random.default_rng(spread)
    image = rng.integers(0, 256, shape, np.uint8)
    noisy = np.clip(image + rng.normal(0, spread, shape), 0, 255).astype(np.uint8)
    check(noisy, image)
    check(cv2.GaussianBlur(image, (0, 0), 2), image)
    check(image, np.full_like(image, 17))


def test_an_image_against_itself() -> None:
    image = np.random.default_rng(0).integers(10, 240, (128, 128, 3), np.uint8)
    assert (psnr(image, image), ssim(image, image)) == (np.inf, 1)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81), ((0, 255, 0), 145), ((0, 0, 255), 41)],
)
def test_luma_is_bt601_in_video_range(rgb: tuple[int, int, int], expected: int) -> None:
    y = luma(np.full((2, 3, 3), rgb, np.uint8))
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, np.full((2, 3), expected))


def test_interval_is_the_percentile_bootstraps() -> None:
    values = np.random.default_rng(0).gamma(2, 3, 400)
    mean, low, high = mean_interval(values, np.arange(len(values)))
    assert mean == values.mean()
    rng = np.random.default_rng(1)
    expected = np.percentile(values[rng.integers(0, 400, (20_000, 400))].mean(1), [2.5, 97.5])
    # The end points of 2000 resamples scatter by about 0.06 standard errors.
    error = values.std() / 20
    np.testing.assert_allclose([low, high], expected, atol=0.25 * error)
    assert (high - low) / error == pytest.approx(2 * 1.96, rel=0.08)
    assert mean_interval(values, np.arange(len(values))) == (mean, low, high)


def test_interval_of_few_or_equal_values_is_that_value() -> None:
    assert mean_interval(np.array([3.5]), np.arange(1)) == (3.5, 3.5, 3.5)
    assert mean_interval(np.array([2.0, 2.0, 2.0]), np.arange(3)) == (2, 2, 2)


def test_interval_of_means_over_people_is_theirs() -> None:
    # Forty people of five faces each, all five alike: as uncertain as forty faces, not as two hundred.
    alike = np.random.default_rng(0).normal(20, 3, 40)
    people = np.repeat(np.arange(40), 5)
    mean, low, high = mean_interval(alike[people], people)
    assert (mean, low, high) == pytest.approx(mean_interval(alike, np.arange(40)))
    alone = mean_interval(alike[people], np.arange(200))
    assert high - low == pytest.approx(5**0.5 * (alone[2] - alone[1]), rel=0.1)
    assert mean_interval(alike, np.zeros(40)) == pytest.approx((alike.mean(),) * 3)
