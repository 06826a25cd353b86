"""The four facial components and the landmarks that belong to each (paper, section 3.1)."""

import numpy as np

COMPONENTS = ("eyes", "nose", "mouth", "chin")
POINTS = 68
# The landmark that takes each one's place in a mirrored face (iBUG's order).
MIRROR = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
]  # fmt: skip

# First and last landmark of each component, counted from 0; brows belong to none.
_RANGES = {
    68: {"eyes": (36, 47), "nose": (27, 35), "mouth": (48, 67), "chin": (0, 16)},
    39: {"eyes": (22, 26), "nose": (16, 21), "mouth": (27, 38), "chin": (0, 11)},
}


def candidates(component: str) -> list[slice]:
    """Return the places among 68 where a landmark of the component may be, of faces with 68 or 39."""
    return [slice(first, last + 1) for first, last in (ranges[component] for ranges in _RANGES.values())]


def component_of(n_points: int) -> np.ndarray:
    """Return the component index of each landmark, padded to 68: (68,) int8, -1 for brows and padding.

    Raises:
        KeyError: if n_points is neither 68 (iBUG) nor 39 (Menpo's profile order).
    """
    index = np.full(POINTS, -1, np.int8)
    for c, component in enumerate(COMPONENTS):
        first, last = _RANGES[n_points][component]
        index[first : last + 1] = c
    return index
