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
    found = heatmaps(torch.from_numpy(landmarks), torch.from_numpy(component), size, sigma).numpy()
    expected = np.zeros((2, 4, size, size))
    y, x = np.mgrid[:size, :size]
    for face, i in np.argwhere(component >= 0):
        # A pixel of the map covers 128 / size pixels of the crop.
        u, v = (landmarks[face, i] + 0.5) * size / 128 - 0.5
        kernel = np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2))
        expected[face, component[face, i]] = np.maximum(expected[face, component[face, i]], kernel)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "ranges"),
    [
        (68, {"eyes": range(36, 48), "nose": range(27, 36), "mouth": range(48, 68), "chin": range(17)}),
        (39, {"eyes": range(22, 27), "nose": range(16, 22), "mouth": range(27, 39), "chin": range(12)}),
    ],
)
def test_components_are_those_of_the_layouts(n: int, ranges: dict[str, range]) -> None:
    expected = [-1] * 68
    for name, indices in ranges.items():
        for i in indices:
            expected[i] = ("eyes", "nose", "mouth", "chin").index(name)
    assert component_of(n).tolist() == expected
    with pytest.raises(KeyError):
        component_of(5)
