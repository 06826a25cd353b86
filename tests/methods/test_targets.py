"""Features of HR faces kept on disk: the same as those made afresh, whoever asks, and within a bound."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from datasets.batch import Batch, DeviceFaces
from datasets.pairs import Pairs
from methods.targets import Targets
from methods.vgg import VGGFeatures

CPU = torch.device("cpu")
ROWS, MIRROR = torch.tensor([2, 0, 5]), torch.tensor([True, False, False])


@pytest.fixture(scope="module")
def psi() -> VGGFeatures:
    return VGGFeatures(None, random_width=4)


@pytest.fixture(scope="module")
def some(pairs: Pairs) -> Batch:
    return DeviceFaces(pairs, CPU).batch(ROWS, None, MIRROR)


def direct(psi: VGGFeatures, batch: Batch) -> Tensor:
    with torch.no_grad():
        return psi(2 * batch.hr - 1)


def test_kept_features_are_the_networks_own_in_half_precision(psi: VGGFeatures, some: Batch, tmp_path: Path) -> None:
    made, read = (Targets(psi, tmp_path)(some) for _ in range(2))
    assert torch.equal(made, read)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, direct(psi, some), rtol=1e-3, atol=1e-5)
    assert sorted(path.name for path in tmp_path.rglob("*.npy")) == ["0.npy", "2m.npy", "5.npy"]


def test_what_is_read_does_not_depend_on_the_batch_that_made_it(
    psi: VGGFeatures, some: Batch, pairs: Pairs, tmp_path: Path
) -> None:
    faces = DeviceFaces(pairs, CPU)
    for row, mirrored in zip(ROWS, MIRROR, strict=True):
        Targets(psi, tmp_path / "one by one")(faces.batch(row[None], None, mirrored[None]))
    assert torch.equal(Targets(psi, tmp_path / "one by one")(some), Targets(psi, tmp_path / "together")(some))


def test_kept_features_are_read_and_not_made_again(
    psi: VGGFeatures, some: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Targets(psi, tmp_path)(some)
    targets = Targets(psi, tmp_path)
    monkeypatch.setattr(VGGFeatures, "forward", lambda *_: pytest.fail("made again"))
    assert torch.equal(targets(some), expected)


@pytest.mark.parametrize("left", [0, 60, 150])
def test_a_file_that_a_full_disk_cut_is_named_and_computed_again(
    psi: VGGFeatures, some: Batch, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: int
) -> None:
    expected = Targets(psi, tmp_path)(some)
    cut = next(path for path in sorted(tmp_path.rglob("*.npy")))
    cut.write_bytes(cut.read_bytes()[:left])
    for _ in range(2):
        assert torch.equal(Targets(psi, tmp_path)(some), expected)
    assert capsys.readouterr().out.count(f"{cut}: damaged") == 1


@pytest.mark.parametrize("other", [{"seed": 1}, {"padded": True}, {"scale": 2}])
def test_another_network_has_features_of_its_own(psi: VGGFeatures, some: Batch, tmp_path: Path, other: dict) -> None:
    Targets(psi, tmp_path)(some)
    scale = other.pop("scale", 1)
    second = VGGFeatures(None, random_width=4, **other)
    second.scale *= scale
    torch.testing.assert_close(Targets(second, tmp_path)(some), direct(second, some), rtol=1e-3, atol=1e-5)


def test_another_precision_has_features_of_its_own(psi: VGGFeatures, some: Batch, tmp_path: Path) -> None:
    exact = Targets(psi, tmp_path)(some)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = Targets(psi, tmp_path)(some)
    assert not torch.equal(exact, coarse)
    assert torch.equal(Targets(psi, tmp_path)(some), exact)


def test_faces_beyond_the_bound_are_not_kept(psi: VGGFeatures, some: Batch, tmp_path: Path) -> None:
    one = direct(psi, some)[0].numel() * 2
    kept = Targets(psi, tmp_path, limit=2 * 3 * one)  # three faces and their mirror images
    torch.testing.assert_close(kept(some), direct(psi, some), rtol=1e-3, atol=1e-5)
    assert sorted(path.name for path in tmp_path.rglob("*.npy")) == ["0.npy", "2m.npy"]


def test_without_a_folder_or_a_face_s_place_nothing_is_written(psi: VGGFeatures, some: Batch, tmp_path: Path) -> None:
    assert torch.equal(Targets(psi, None)(some), direct(psi, some))
    nowhere = dataclasses.replace(some, rows=None)
    assert torch.equal(Targets(psi, tmp_path)(nowhere), direct(psi, some))
    assert not list(tmp_path.rglob("*.npy"))
