"""The split keeps identities and photographs whole, keeps its fractions, and stays when the corpus changes a little."""

import numpy as np
import pytest

from datasets.face import Entry
from datasets.split import PresplitEntry, groups, split, unit_numbers


def entry(i: int, identity: str, photo: str, source: str = "s") -> Entry:
    return Entry("menpo", f"face{i}", f"{i}.jpg", identity, photo, source)


def random_corpus(seed: int, n: int = 300) -> list[Entry]:
    """Faces of some identities on some photographs, of three sources; some photographs show two identities."""
    rng = np.random.default_rng(seed)
    who, photos = rng.integers(0, n // 3, n), rng.integers(0, 8 * n, n)
    return [entry(i, f"p{a}", f"f{b}", f"s{a % 3}") for i, (a, b) in enumerate(zip(who, photos, strict=True))]


@pytest.mark.parametrize("seed", range(8))
def test_no_identity_and_no_photo_is_on_two_sides(seed: int) -> None:
    faces = random_corpus(seed)
    sides = split(faces, 0.2, 0.05, seed)
    assert set(sides) == {"train", "validation", "test"}
    for key in ("identity", "photo"):
        seen: dict[str, str] = {}
        for face, side in zip(faces, sides, strict=True):
            assert seen.setdefault(getattr(face, key), side) == side


def test_groups_are_no_larger_than_needed() -> None:
    faces = [entry(0, "a", "1"), entry(1, "a", "2"), entry(2, "b", "2"), entry(3, "c", "3"), entry(4, "4", "a")]
    assert [groups(faces).tolist().index(label) for label in groups(faces)] == [0, 0, 0, 3, 4]


def test_copies_of_a_photograph_stay_together_and_presplit_faces_on_their_side() -> None:
    faces = [entry(i, f"p{i}", f"f{i}") for i in range(200)]
    alone = split(faces, 0.3, 0.1, 0)
    test, train = np.flatnonzero(alone == "test")[:20], np.flatnonzero(alone == "train")[:20]
    sides = split(faces, 0.3, 0.1, 0, list(zip(test.tolist(), train.tolist(), strict=True)))
    assert (sides[test] == sides[train]).all()
    assert set(sides) == {"train", "validation", "test"}
    presplit = [PresplitEntry("c", f"{i}", "", f"p{i}", f"f{i}", "s", side="test") for i in range(9)]
    assert set(split([*presplit, *faces], 0.1, 0.1, 0)[:9]) == {"test"}


def test_fractions_are_kept_in_every_source() -> None:
    faces = [entry(i, f"p{i // 3}", f"f{i}", f"s{i // 1500}") for i in range(3000)]
    for sides in np.split(split(faces, 0.2, 0.05, 0), 2):
        assert (sides == "test").sum() == pytest.approx(300, abs=3)
        assert (sides == "validation").sum() == pytest.approx(60, abs=3)  # 5 % of the other 1200
    assert set(split([entry(i, f"p{i}", f"f{i}", f"s{i}") for i in range(50)], 0.2, 0.05, 0)) == {"train"}


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    faces = random_corpus(1)
    sides = split(faces, 0.2, 0.05, 0)
    order = np.random.default_rng(0).permutation(len(faces))
    np.testing.assert_array_equal(split([faces[i] for i in order], 0.2, 0.05, 0), sides[order])
    assert (split(faces, 0.2, 0.05, 1) != sides).mean() > 0.1


@pytest.mark.parametrize("lost", [0, 333, 999])
def test_losing_a_face_moves_hardly_any_other(lost: int) -> None:
    faces = [entry(i, f"p{i // 2}", f"f{i}") for i in range(1000)]
    sides = np.delete(split(faces, 0.2, 0.05, 0), lost)
    assert (split(faces[:lost] + faces[lost + 1 :], 0.2, 0.05, 0) != sides).sum() <= 4


def test_unit_numbers_are_uniform_and_follow_from_name_and_seed() -> None:
    names = [f"face{i}" for i in range(4000)]
    numbers = unit_numbers(names, 0, 4)
    assert numbers.dtype == np.float32
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() <= 1
    np.testing.assert_allclose(numbers.mean(0), 0.5, atol=0.02)
    np.testing.assert_allclose(numbers.var(0), 1 / 12, atol=0.005)
    np.testing.assert_allclose(np.corrcoef(numbers.T), np.eye(4), atol=0.06)
    np.testing.assert_array_equal(unit_numbers(names[7:8], 0, 4), numbers[7:8])
    assert (unit_numbers(names, 1, 4) != numbers).all(1).mean() > 0.99
