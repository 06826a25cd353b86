"""Heatmaps and warps that a method estimates, against the truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmark import config
from benchmark.scoring.estimates import error_rows, estimates, score_estimates, warp_errors
from datasets import degrade
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs


def truth(pairs: Pairs, size: int, frame: str = "upright") -> torch.Tensor:
    points = torch.from_numpy(np.array(pairs.landmarks))
    if frame == "lr":
        points = degrade.warp_points(points, torch.from_numpy(np.array(pairs.warp)))
    return heatmaps(points, torch.from_numpy(pairs.component), size, 1.5 * size / 64)


def scores_of(folder: Path, faces: Pairs, **arrays: torch.Tensor) -> dict:
    """Scores of arrays as what a run estimated of the faces."""
    save_file({name: value.contiguous() for name, value in arrays.items()}, folder / config.ESTIMATES)
    return score_estimates(estimates(folder / config.ESTIMATES), faces)


@pytest.mark.parametrize(("size", "frame"), [(64, "upright"), (32, "lr"), (16, "lr")])
def test_perfect_heatmaps_have_no_error_in_their_own_frame_alone(
    pairs: Pairs, tmp_path: Path, size: int, frame: str
) -> None:
    name, other = ("heatmaps", "heatmaps_lr") if frame == "upright" else ("heatmaps_lr", "heatmaps")
    scores = scores_of(tmp_path, pairs, **{name: truth(pairs, size, frame)})
    assert scores["peak_px"] == pytest.approx(0, abs=1e-3)
    assert scores["visibility_accuracy"] == 1
    assert {f"peak_px_{c}" for c in ("eyes", "nose", "mouth", "chin")} < set(scores)
    assert scores_of(tmp_path, pairs, **{other: truth(pairs, size, frame)})["peak_px"] > 3


def test_perfect_warps_have_no_error_and_absent_estimates_no_score(pairs: Pairs, tmp_path: Path) -> None:
    scores = scores_of(tmp_path, pairs, warp_stn=torch.from_numpy(np.array(pairs.warp)))
    none = dict.fromkeys(("rotation_degrees", "shift_percent", "scale_percent"), 0)
    assert scores["warp_stn"] == pytest.approx(none, abs=1e-4)
    assert score_estimates(estimates(tmp_path / "none.safetensors"), pairs) == {}


def test_component_that_is_not_called_visible_costs_accuracy(pairs: Pairs, tmp_path: Path) -> None:
    maps = truth(pairs, 64)
    maps[:6, 2] *= 0.4
    scores = scores_of(tmp_path, pairs, heatmaps=maps)
    assert scores["visibility_accuracy"] == round(1 - 6 / (24 * 4), 3)
    assert scores["peak_px"] == pytest.approx(0, abs=1e-3)  # where it is, it still says


def test_component_that_is_somewhere_is_called_visible(pairs: Pairs, tmp_path: Path) -> None:
    flat = truth(pairs, 64).mean((2, 3), keepdim=True).expand(-1, -1, 64, 64)
    assert flat.max() < 0.1
    assert scores_of(tmp_path, pairs, heatmaps=flat)["visibility_accuracy"] == 1


def test_hidden_component_that_is_called_visible_costs_accuracy(pairs: Pairs, tmp_path: Path) -> None:
    visible = np.array(pairs.visible)
    visible[:3, 48:] = False  # the mouth
    hidden = replace(pairs, visible=visible)
    assert scores_of(tmp_path, hidden, heatmaps=truth(hidden, 64))["visibility_accuracy"] == 1
    scores = scores_of(tmp_path, hidden, heatmaps=truth(pairs, 64))
    assert scores["visibility_accuracy"] == scores["visible_share"] == round(1 - 3 / (24 * 4), 3)


def test_rows_of_errors_have_the_means_of_the_summary(pairs: Pairs, tmp_path: Path) -> None:
    path = tmp_path / config.ESTIMATES
    warp = torch.from_numpy(np.array(pairs.warp)) + torch.linspace(0, 0.3, len(pairs))[:, None]
    maps = truth(pairs, 64).roll(2, dims=3) * torch.linspace(0.5, 1, len(pairs))[:, None, None, None]
    scores = scores_of(tmp_path, pairs, heatmaps=maps, warp_stn=warp, warp_other=torch.zeros_like(warp))
    rows = error_rows(estimates(path), pairs)
    assert list(rows) == ["rotation_degrees", "shift_percent", "scale_percent", "peak_px"]
    for column in list(rows)[:3]:
        assert rows[column].mean() == pytest.approx(scores["warp_stn"][column], abs=0.006)
    assert rows["peak_px"].mean() == pytest.approx(4, abs=0.3)  # two of 64 pixels
    assert rows["rotation_degrees"].iloc[-1] == pytest.approx(np.degrees(0.3), abs=1e-3)
    save_file({"warp_stn": warp}, path)
    assert "peak_px" not in error_rows(estimates(path), pairs)
    assert error_rows(estimates(tmp_path / "none.safetensors"), pairs).empty


@pytest.mark.parametrize("degrees", [-30.0, 7.0])
def test_rotation_offset_is_measured_in_degrees_across_the_wrap(degrees: float) -> None:
    true = torch.tensor([[r, 0.9, 0.0, 0.0] for r in np.radians([-45, 0, 45, 175, -175])], dtype=torch.float32)
    estimate = true.clone()
    estimate[:, 0] += np.radians(degrees)
    estimate[:, 0] += 2 * torch.pi * torch.tensor([0, 1, -1, -1, 2])
    scores = warp_errors(estimate, true)
    assert scores["rotation_degrees"] == pytest.approx(abs(degrees), abs=1e-3)
    assert scores["shift_percent"] == scores["scale_percent"] == 0


def test_shift_and_scale_errors_are_percent() -> None:
    true = torch.tensor([[0.0, 0.8, 0.1, 0.0]])
    scores = warp_errors(torch.tensor([[0.0, 0.88, 0.1 - 0.06, 0.08]]), true)
    assert scores["shift_percent"] == pytest.approx(5)  # 0.1 of a box that is 2 wide
    assert scores["scale_percent"] == pytest.approx(10, abs=1e-4)
