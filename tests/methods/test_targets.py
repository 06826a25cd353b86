"""Features of HR faces kept on disk: the same as those made afresh, whoever asks, and within a bound."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from datasets.batch import Batch, DeviceFaces
from datasets.pairs import Pairs
from methods.targets import Targets
from methods.vgg import VGGFeatures
from tests.methods.common import CPU, assert_same

ROWS, MIRROR = torch.tensor([2, 0, 5]), torch.tensor([True, False, False])
assert_close_to_half = partial(torch.testing.assert_close, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def psi() -> VGGFeatures:
    return VGGFeatures(None, random_width=4)


@pytest.fixture(scope="module")
def some(pairs: Pairs) -> Batch:
    return DeviceFaces(pairs, CPU).batch(ROWS, None, MIRROR)


@pytest.fixture(scope="module")
def direct(psi: VGGFeatures, some: Batch) -> Tensor:
    """The features as the network itself gives them."""
    return psi(2 * some.hr - 1)


@pytest.fixture
def kept(psi: VGGFeatures, some: Batch, tmp_path: Path) -> Tensor:
    """The features of the first call, which keeps them in tmp_path."""
    return Targets(psi, tmp_path)(some)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.npy"))


def test_kept_features_are_the_networks_own_in_half_precision(kept: Tensor, direct: Tensor, tmp_path: Path) -> None:
    assert_close_to_half(kept, direct)  # float32, too
    assert files(tmp_path) == ["0.npy", "2m.npy", "5.npy"]


def test_what_is_read_is_not_made_again_and_does_not_depend_on_the_batch_that_made_it(
    psi: VGGFeatures, some: Batch, kept: Tensor, pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = DeviceFaces(pairs, CPU)
    for row, mirrored in zip(ROWS, MIRROR, strict=True):
        Targets(psi, tmp_path / "one by one")(faces.batch(row[None], None, mirrored[None]))
    monkeypatch.setattr(VGGFeatures, "forward", lambda *_: pytest.fail("made again"))
    for folder in (tmp_path, tmp_path / "one by one"):
        assert_same(Targets(psi, folder)(some), kept)


def test_a_file_that_a_full_disk_cut_is_named_and_computed_again(
    psi: VGGFeatures, some: Batch, kept: Tensor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = sorted(tmp_path.rglob("*.npy"))
    for path, left in zip(cuts, (0, 60, 150), strict=True):
        path.write_bytes(path.read_bytes()[:left])
    for _ in range(2):
        assert_same(Targets(psi, tmp_path)(some), kept)
    said = capsys.readouterr().out
    assert [said.count(f"{path}: damaged") for path in cuts] == [1, 1, 1]


@pytest.mark.parametrize(("padded", "factor", "scale"), [(False, 2, 1), (True, 1, 1), (False, 1, 2)])
def test_another_network_or_precision_has_features_of_its_own(
    padded: bool, factor: float, scale: float, psi: VGGFeatures, some: Batch, kept: Tensor, tmp_path: Path
) -> None:
    other = VGGFeatures(None, padded=padded, random_width=4)
    other.convolutions[0].weight *= factor
    other.scale *= scale
    assert_close_to_half(Targets(other, tmp_path)(some), other(2 * some.hr - 1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not torch.equal(Targets(psi, tmp_path)(some), kept)
    assert_same(Targets(psi, tmp_path)(some), kept)


def test_faces_beyond_the_bound_are_not_kept(
    psi: VGGFeatures, some: Batch, direct: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three faces and their mirror images, of two bytes a number.
    monkeypatch.setattr("methods.targets.LIMIT", 2 * 3 * 2 * direct[0].numel())
    assert_close_to_half(Targets(psi, tmp_path)(some), direct)
    assert files(tmp_path) == ["0.npy", "2m.npy"]


def test_without_a_folder_or_a_face_s_place_nothing_is_written(
    psi: VGGFeatures, some: Batch, direct: Tensor, tmp_path: Path
) -> None:
    assert_same(Targets(psi, None)(some), direct)
    assert_same(Targets(psi, tmp_path)(replace(some, rows=None)), direct)
    assert files(tmp_path) == []
