"""Component heatmaps against a loop over pixels, and the table of components."""

import numpy as np
import pytest
import torch

from datasets.components import COMPONENTS, component_of
from datasets.heatmaps import SIGMA, heatmaps


@pytest.mark.parametrize(("size", "sigma"), [(16, 0.7), (32, SIGMA)])
def test_maps_agree_with_a_loop(size: int, sigma: float) -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(-5, 133, (2, 68, 2))
    landmarks[1, 39:] = np.nan
    component = np.stack([component_of(68), component_of(39)])
    component[rng.random((2, 68)) < 0.3] = -1
    component[0, component[0] == COMPONENTS.index("mouth")] = -1  # a component that is wholly hidden
    expected = np.zeros((2, 4, size, size))
    y, x = np.mgrid[:size, :size]
    for face, i in np.argwhere(component >= 0):
        # A pixel of the map covers 128 / size pixels of the crop.
        u, v = (landmarks[face, i] + 0.5) * size / 128 - 0.5
        kernel = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2))
        expected[face, component[face, i]] = np.maximum(expected[face, component[face, i]], kernel)
    found = heatmaps(torch.from_numpy(landmarks), torch.from_numpy(component), size, sigma)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_components_are_those_of_the_layouts() -> None:
    eyes, nose, mouth, chin, none = 0, 1, 2, 3, -1
    ibug = [chin] * 17 + [none] * 10 + [nose] * 9 + [eyes] * 12 + [mouth] * 20
    profile = [chin] * 12 + [none] * 4 + [nose] * 6 + [eyes] * 5 + [mouth] * 12 + [none] * 29
    assert component_of(68).tolist() == ibug
    assert component_of(39).tolist() == profile
    with pytest.raises(KeyError):
        component_of(5)
