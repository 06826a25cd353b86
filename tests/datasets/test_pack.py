"""Arrays on disk and the batches made from them."""

from __future__ import annotations

import errno
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import degrade
from datasets.batch import DeviceFaces, to_float, to_uint8
from datasets.crop import Crop
from datasets.face import BadInput, Entry
from datasets.pack import write_pairs
from datasets.pairs import ARRAYS, Pairs


def crops(names: Sequence[str]) -> list[Crop]:
    rng = np.random.default_rng(0)
    found = []
    for i, name in enumerate(names):
        n = 39 if i % 3 == 2 else 68
        landmarks = np.full((68, 2), np.nan, np.float32)
        landmarks[:n] = rng.uniform(0, 127, (n, 2))
        entry = Entry("menpo", name, "", f"person {name}", "NA", "7")
        found.append(Crop(entry, np.empty(0, np.uint8), landmarks, np.arange(68) < n, n, 12.345))
    return found


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 128, 128, 3), np.uint8)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    rows = np.array([4, 0, 2])
    write_pairs(tmp_path / "a", images(5), rows, crops(["001", "NA", "null"]), np.array([True, False, False]), 0)
    return tmp_path / "a"


def test_written_faces_come_back(packed: Path) -> None:
    pairs = Pairs.load(packed)
    np.testing.assert_array_equal(pairs.hr, images(5)[[4, 0, 2]])
    assert isinstance(pairs.hr, np.memmap)
    assert list(pairs.faces["name"]) == ["001", "NA", "null"]
    assert list(pairs.faces["person"]) == ["person 001", "person NA", "person null"]
    assert list(pairs.faces["photo"]) == ["NA"] * 3
    assert list(pairs.faces["source"]) == ["7"] * 3
    assert list(pairs.faces["points"]) == [68, 68, 39]
    assert list(pairs.faces["validation"]) == [1, 0, 0]
    assert list(pairs.faces["yaw"]) == pytest.approx([12.345] * 3, abs=0.006)
    expected = [crop.landmarks for crop in crops(["a", "b", "c"])]
    np.testing.assert_array_equal(pairs.landmarks, expected)
    assert {a.dtype.str for a in (pairs.hr, pairs.lr)} == {"|u1"}


def test_lr_faces_are_the_degraded_hr_faces(packed: Path) -> None:
    pairs = Pairs.load(packed)
    hr, warp = to_float(torch.from_numpy(np.array(pairs.hr))), torch.from_numpy(np.array(pairs.warp))
    np.testing.assert_array_equal(pairs.lr, to_uint8(degrade.degrade(hr.double(), warp.double())).numpy())


def test_no_rounding_to_8_bits_is_decided_in_single_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    degraded = degrade.degrade

    def watched(hr: torch.Tensor, warp: torch.Tensor) -> torch.Tensor:
        seen.append(degraded(hr, warp))
        return seen[-1]

    monkeypatch.setattr(degrade, "degrade", watched)
    write_pairs(tmp_path / "a", images(1), np.array([0]), crops(["a"]), np.array([False]), 0)
    assert [lr.dtype for lr in seen] == [torch.float64]


def test_warp_of_a_face_does_not_depend_on_the_others(packed: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "b", images(5), np.array([2]), crops(["null"]), np.array([False]), 0)
    write_pairs(tmp_path / "c", images(5), np.array([2]), crops(["null"]), np.array([False]), 1)
    one, other_seed = Pairs.load(tmp_path / "b"), Pairs.load(tmp_path / "c")
    np.testing.assert_array_equal(one.warp[0], Pairs.load(packed).warp[2])
    np.testing.assert_array_equal(one.lr[0], Pairs.load(packed).lr[2])
    assert (one.warp != other_seed.warp).any()


def test_many_faces_are_written_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.pack.CHUNK", 2)
    names = [f"f{i}" for i in range(5)]
    write_pairs(tmp_path / "a", images(5), np.arange(5), crops(names), np.zeros(5, bool), 0)
    monkeypatch.setattr("datasets.pack.CHUNK", 256)
    write_pairs(tmp_path / "b", images(5), np.arange(5), crops(names), np.zeros(5, bool), 0)
    for name in ARRAYS:
        assert (tmp_path / "a" / f"{name}.npy").read_bytes() == (tmp_path / "b" / f"{name}.npy").read_bytes()


def test_full_disk_is_an_error_and_not_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # /dev/full answers every write with "no space left"; a map onto it would kill the process.
    opened = Path.open
    full = lambda path, mode="r", **k: opened(Path("/dev/full") if path.name == "hr.npy" else path, mode, **k)  # noqa: E731
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_pairs(tmp_path / "a", images(5), np.arange(5), crops(list("abcde")), np.zeros(5, bool), 0)
    assert error.value.errno == errno.ENOSPC


def test_missing_folder_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere.*prepare"):
        Pairs.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ARRAYS)
def test_array_of_another_length_is_refused(name: str, packed: Path) -> None:
    array = np.load(packed / f"{name}.npy")
    np.save(packed / f"{name}.npy", array[:-1])
    with pytest.raises(BadInput, match=rf"{name}\.npy: 2 rows, faces\.csv has 3"):
        Pairs.load(packed)


def test_rows_of_pairs_go_together(packed: Path) -> None:
    pairs = Pairs.load(packed)
    for rows in (np.array([2, 0]), np.array([True, False, True])):
        part = pairs[rows]
        assert len(part) == 2
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(part, name), getattr(pairs, name)[rows])
        assert list(part.faces["name"]) == list(np.array(["001", "NA", "null"])[rows])
        np.testing.assert_array_equal(part.component, pairs.component[rows])
    assert list(pairs.validation().faces["name"]) == ["001"]
    assert list(pairs.training().faces["name"]) == ["NA", "null"]


def test_hidden_landmarks_belong_to_no_component(packed: Path) -> None:
    visible = np.load(packed / "visible.npy")
    visible[0, 36:48] = False
    np.save(packed / "visible.npy", visible)
    component = Pairs.load(packed).component
    assert (component[0] == 0).sum() == 0
    assert [(component[1] == c).sum() for c in range(-1, 4)] == [10, 12, 9, 20, 17]
    assert [(component[2] == c).sum() for c in range(-1, 4)] == [4 + 29, 5, 6, 12, 12]


@pytest.fixture
def faces(pairs: Pairs) -> DeviceFaces:
    return DeviceFaces(pairs, "cpu")


def mirrored(warp: torch.Tensor) -> torch.Tensor:
    return warp * torch.tensor([-1.0, 1, -1, 1])


def test_stored_batch_is_what_is_stored(faces: DeviceFaces, pairs: Pairs) -> None:
    rows = torch.tensor([3, 1])
    batch = faces.batch(rows)
    np.testing.assert_array_equal(to_uint8(batch.hr).numpy(), pairs.hr[[3, 1]])
    np.testing.assert_array_equal(to_uint8(batch.lr).numpy(), pairs.lr[[3, 1]])
    np.testing.assert_array_equal(batch.warp.numpy(), pairs.warp[[3, 1]])
    np.testing.assert_array_equal(batch.landmarks.numpy(), pairs.landmarks[[3, 1]])


def test_flipped_stored_lr_is_the_degraded_flipped_hr(faces: DeviceFaces) -> None:
    rows = torch.arange(8)
    flip = rows % 2 == 0
    batch, plain = faces.batch(rows, flip=flip), faces.batch(rows)
    torch.testing.assert_close(batch.hr[flip], plain.hr[flip].flip(3), rtol=0, atol=0)
    torch.testing.assert_close(batch.hr[~flip], plain.hr[~flip], rtol=0, atol=0)
    torch.testing.assert_close(batch.warp[flip], mirrored(plain.warp[flip]), rtol=0, atol=0)
    torch.testing.assert_close(batch.warp[~flip], plain.warp[~flip], rtol=0, atol=0)
    made = degrade.degrade(batch.hr, batch.warp)
    assert (made - batch.lr).abs().max() * 255 <= 2.01
    assert (degrade.degrade(batch.hr, plain.warp)[flip] - batch.lr[flip]).abs().max() * 255 > 20


def test_fresh_lr_is_degraded_by_the_given_warp(faces: DeviceFaces) -> None:
    rows, warp = torch.arange(6), degrade.sample_warps(6, torch.Generator().manual_seed(9))
    batch = faces.batch(rows, warp, rows > 2)
    torch.testing.assert_close(batch.lr, degrade.degrade(batch.hr, batch.warp), rtol=0, atol=0)
    torch.testing.assert_close(batch.warp, warp, rtol=0, atol=0)


def test_landmarks_flip_with_their_pixels(faces: DeviceFaces) -> None:
    rows = torch.arange(4)
    batch, plain = faces.batch(rows, flip=torch.ones(4, dtype=torch.bool)), faces.batch(rows)
    for size in (64, 128):
        torch.testing.assert_close(batch.heatmaps(size, 1.5), plain.heatmaps(size, 1.5).flip(3), rtol=0, atol=1e-5)


def test_heatmaps_in_the_lr_frame_follow_the_warp(faces: DeviceFaces) -> None:
    batch = faces.batch(torch.arange(6))
    turned = degrade.resample(batch.heatmaps(64, 3.0), degrade.inverse(batch.warp))
    in_frame = batch.heatmaps(64, 3.0 * 0.9, "lr")  # a warp scales kernels too, by 0.8 to 1
    assert (turned - in_frame).abs().mean() < 0.02
    assert (batch.heatmaps(64, 3.0) - in_frame).abs().mean() > 0.03


def test_upright_lr_is_the_small_hr(faces: DeviceFaces) -> None:
    batch = faces.batch(torch.arange(3))
    levels = batch.upright_lr() * 255
    torch.testing.assert_close(levels, levels.round())
    assert (batch.upright_lr() - degrade.resize(batch.hr, 16)).abs().max() <= 0.51 / 255
    assert math.isclose(float(batch.hr.mean()), float(batch.upright_lr().mean()), abs_tol=0.01)
