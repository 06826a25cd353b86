"""Arrays on disk and the batches made from them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import degrade
from datasets.batch import DeviceFaces, to_float, to_uint8
from datasets.components import component_of
from datasets.crop import Crop
from datasets.face import BadInput, Entry
from datasets.heatmaps import SIGMA
from datasets.pack import write_pairs
from datasets.pairs import ARRAYS, Pairs

NAMES = ["001", "NA", "null"]  # no text is read as a number or as missing
IMAGES = np.random.default_rng(1).integers(0, 256, (5, 128, 128, 3), np.uint8)


def crops(names: Sequence[str]) -> list[Crop]:
    rng, found = np.random.default_rng(0), []
    for i, name in enumerate(names):
        n = 39 if i % 3 == 2 else 68
        landmarks = np.full((68, 2), np.nan, np.float32)
        landmarks[:n] = rng.uniform(0, 127, (n, 2))
        entry = Entry("menpo", name, "", f"person {name}", "NA", "7")
        found.append(Crop(entry, np.empty(0, np.uint8), landmarks, np.arange(68) < n, n, 12.345))
    return found


def write(folder: Path, rows: Sequence[int], names: Sequence[str], seed: int = 0) -> Pairs:
    write_pairs(folder, IMAGES, np.array(rows), crops(names), np.arange(len(names)) == 0, seed)
    return Pairs.load(folder)


@pytest.fixture
def packed(tmp_path: Path) -> Pairs:
    return write(tmp_path / "a", [4, 0, 2], NAMES)


def test_written_faces_come_back(packed: Pairs) -> None:
    np.testing.assert_array_equal(packed.hr, IMAGES[[4, 0, 2]])
    assert isinstance(packed.hr, np.memmap)
    texts = packed.faces[["name", "corpus", "source", "person", "photo"]].to_numpy().tolist()
    assert texts == [[name, "menpo", "7", f"person {name}", "NA"] for name in NAMES]
    assert list(packed.faces["points"]) == [68, 68, 39]
    assert list(packed.faces["validation"]) == [1, 0, 0]
    assert list(packed.faces["yaw"]) == pytest.approx([12.345] * 3, abs=0.006)
    np.testing.assert_array_equal(packed.landmarks, [crop.landmarks for crop in crops("abc")])
    assert {array.dtype.str for array in (packed.hr, packed.lr)} == {"|u1"}


def test_lr_faces_are_the_degraded_hr_faces_in_double_precision(
    packed: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hr, warp = to_float(torch.from_numpy(np.array(packed.hr))), torch.from_numpy(np.array(packed.warp))
    np.testing.assert_array_equal(packed.lr, to_uint8(degrade.degrade(hr.double(), warp.double())).numpy())
    kinds, degraded = [], degrade.degrade
    monkeypatch.setattr(degrade, "degrade", lambda hr, warp: kinds.append((hr.dtype, warp.dtype)) or degraded(hr, warp))
    write(tmp_path / "b", [0], ["a"])
    assert kinds == [(torch.float64, torch.float64)]


def test_lr_face_and_warp_follow_from_name_and_seed_alone(
    packed: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other_seed = write(tmp_path / "b", [2], ["null"]), write(tmp_path / "c", [2], ["null"], seed=1)
    np.testing.assert_array_equal(one.warp[0], packed.warp[2])
    np.testing.assert_array_equal(one.lr[0], packed.lr[2])
    assert (one.warp != other_seed.warp).any()
    monkeypatch.setattr("datasets.pack.CHUNK", 2)
    write(tmp_path / "d", [4, 0, 2], NAMES)
    for path in sorted((tmp_path / "a").iterdir()):
        assert (tmp_path / "d" / path.name).read_bytes() == path.read_bytes()


def test_what_is_missing_or_of_another_length_is_refused(packed: Pairs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere.*prepare"):
        Pairs.load(tmp_path / "nowhere")
    for name in ARRAYS:
        path = tmp_path / "a" / f"{name}.npy"
        whole = path.read_bytes()
        np.save(path, np.load(path)[:-1])
        with pytest.raises(BadInput, match=rf"{name}\.npy: 2 rows, faces\.csv has 3"):
            Pairs.load(tmp_path / "a")
        path.write_bytes(whole)


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_rows_of_pairs_go_together(rows: np.ndarray, packed: Pairs) -> None:
    subset = packed[rows]
    assert len(subset) == 2
    for name in (*ARRAYS, "component"):
        np.testing.assert_array_equal(getattr(subset, name), getattr(packed, name)[rows])
    assert list(subset.faces["name"]) == list(np.array(NAMES)[rows])
    assert list(packed.validation().faces["name"]) == ["001"]
    assert list(packed.training().faces["name"]) == ["NA", "null"]
    hidden = replace(packed, visible=packed.visible & ~np.isin(np.arange(68), range(36, 48)))
    counts = [np.bincount(row + 1, minlength=5).tolist() for row in hidden.component]
    assert counts[0] == [10 + 12, 0, 9, 20, 17]
    assert packed.component[2].tolist() == component_of(39).tolist()


@pytest.fixture
def faces(pairs: Pairs) -> DeviceFaces:
    return DeviceFaces(pairs, "cpu")


def test_a_batch_is_what_is_stored_and_a_flip_mirrors_it(faces: DeviceFaces, pairs: Pairs) -> None:
    rows = torch.arange(8)
    flip = rows % 2 == 0
    batch, plain = faces.batch(rows, flip=flip), faces.batch(rows)
    for name in ("hr", "lr", "warp", "landmarks"):
        value = getattr(plain, name)
        np.testing.assert_array_equal(to_uint8(value) if name in ("hr", "lr") else value, getattr(pairs, name)[:8])
    assert torch.equal(batch.hr[flip], plain.hr[flip].flip(3))
    assert torch.equal(batch.hr[~flip], plain.hr[~flip])
    mirrored = plain.warp * torch.tensor([-1.0, 1, -1, 1])
    assert torch.equal(batch.warp, torch.where(flip[:, None], mirrored, plain.warp))
    assert (degrade.degrade(batch.hr, batch.warp) - batch.lr).abs().max() * 255 <= 2.01
    assert (degrade.degrade(batch.hr, plain.warp)[flip] - batch.lr[flip]).abs().max() * 255 > 20
    maps = batch.heatmaps(64, SIGMA)[flip]
    torch.testing.assert_close(maps, plain.heatmaps(64, SIGMA)[flip].flip(3), rtol=0, atol=1e-5)
    again = faces.batch(rows, batch.warp, flip)
    assert torch.equal(again.lr, degrade.degrade(batch.hr, batch.warp))
    assert torch.equal(again.warp, batch.warp)


def test_heatmaps_in_the_lr_frame_follow_the_warp_and_upright_lr_faces_do_not(faces: DeviceFaces) -> None:
    batch = faces.batch(torch.arange(6))
    turned = degrade.resample(batch.heatmaps(64, 3.0), degrade.inverse(batch.warp))
    in_frame = batch.heatmaps(64, 3.0 * 0.9, "lr")  # a warp scales kernels too, by 0.8 to 1
    assert (turned - in_frame).abs().mean() < 0.02
    assert (batch.heatmaps(64, 3.0) - in_frame).abs().mean() > 0.03
    levels = batch.upright_lr() * 255
    torch.testing.assert_close(levels, levels.round())
    assert (batch.upright_lr() - degrade.resize(batch.hr, 16)).abs().max() <= 0.51 / 255
