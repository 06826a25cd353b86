"""`evaluate`: images against the truth, a row a face; what is missing or of another training is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from experiments import change_run
from safetensors.torch import save_file
from scored import run_evaluate, run_predict, store, write_images

from benchmark import config, evaluate
from benchmark.runs.fingerprint import is_scored, record_of
from benchmark.runs.provenance import RECORD
from benchmark.scoring.metrics import COLUMNS
from benchmark.scoring.statistics import summarise
from datasets.face import BadInput
from datasets.heatmaps import heatmaps
from datasets.pairs import Pairs


def test_seeds_that_were_scored_elsewhere_keep_their_scores(
    experiment: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    run = change_run("ours", seeds=3)
    for seed in run.seeds:
        torch.manual_seed(seed)
        store("ours", seed)
    run_predict("ours")
    summary, rows = run_evaluate("ours")
    assert rows.groupby("seed")["psnr"].mean().nunique() == 3
    assert rows["peak_px"].notna().all()
    for seed in (0, 2):
        shutil.rmtree(run.weights(seed))
        shutil.rmtree(run.images(seed))
    capsys.readouterr()
    again, rows_again = run_evaluate("ours")
    printed = capsys.readouterr().out
    assert all(f"ours: seed {seed} was scored elsewhere; it is kept" in printed for seed in (0, 2))
    assert "missing" not in printed
    assert again == summary
    pd.testing.assert_frame_equal(rows_again, rows)


@pytest.mark.parametrize("images_are_here", [True, False])
def test_scores_of_another_training_are_not_kept(
    images_are_here: bool, experiment: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    run = change_run("oracle", seeds=2)
    for seed in run.seeds:
        store("oracle", seed)
    run_predict("oracle")
    run_evaluate("oracle")
    run = change_run("oracle", seeds=2, align="none")
    with pytest.raises(BadInput, match=r"sr/oracle: no up-to-date images; run `.*predict --.*--run oracle` first"):
        run_evaluate("oracle")
    store("oracle", 0)
    run_predict("oracle")
    if not images_are_here:
        shutil.rmtree(run.images(1))
    capsys.readouterr()
    summary, rows = run_evaluate("oracle")
    assert (summary["scored_seeds"], set(rows["seed"])) == ([0], {0})
    assert [is_scored(run, seed) for seed in run.seeds] == [True, False]
    assert "seed 1 was scored elsewhere; it is left out, for it was trained otherwise" in capsys.readouterr().out


def test_constant_error_has_its_known_psnr(experiment: config.Experiment, held_out: Pairs) -> None:
    middling = (np.array(held_out.hr) // 2 + 60).astype(np.uint8)
    np.save(experiment.data / "test" / "hr.npy", middling)
    pairs = Pairs.load(experiment.data / "test")
    write_images(experiment.run("oracle"), pairs, 10)
    summary, rows = run_evaluate("oracle")
    expected = round(20 * np.log10(255 / 10), 3)
    assert summary["psnr"] == expected  # of the rows, which are rounded
    assert summary["psnr_interval"] == [expected] * 2
    assert (rows["psnr"] == expected).all()
    # 10 levels of RGB are 10 * 219 / 255 of Y.
    assert rows["psnr_y"].to_numpy() == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)), abs=0.6)
    assert (rows["ssim"] < 1).all()
    assert list(rows["name"]) == list(pairs.faces["name"])
    assert (rows["seed"] == 0).all()
    assert set(rows.loc[pairs.faces["points"] == 39, "yaw_bin"]) == {"45-90"}
    assert set(rows["source"]) == {"fixture"}
    assert [summary[key] for key in ("faces", "seeds", "data", "run")] == [len(pairs), 1, "abc", "oracle"]
    # What `dvc metrics show` has a column of: five numbers.
    assert json.loads(experiment.run("oracle").metrics.read_text()).keys() == {*COLUMNS, "faces"}


def test_rows_say_whose_the_face_is_and_how_much_of_the_crop_is_black(pairs: Pairs) -> None:
    hr = np.full((len(pairs), 128, 128, 3), 7, np.uint8)
    hr[0, :32] = 0
    hr[1, :, :, 0] = 0  # dark in one channel alone
    found = evaluate.about(dataclasses.replace(pairs, hr=hr))
    assert found["black"][:3] == [25.0, 0.0, 0.0]
    assert found["person"] == list(pairs.faces["person"])


def made_rows(seeds: list[int], values: list[float]) -> pd.DataFrame:
    """Rows of the faces a, b, ..., each of another person, in which every score is the same."""
    names = [chr(97 + i) for i in range(len(values) // len(seeds))] * len(seeds)
    rows = pd.DataFrame({"seed": np.repeat(seeds, len(names) // len(seeds)), "name": names, "person": names})
    return rows.assign(**dict.fromkeys(COLUMNS, values))


def test_seeds_of_a_face_are_averaged_before_the_interval() -> None:
    summary = summarise(made_rows([0, 1], [10.0, 20.0, 30.0, 20.0]))
    assert (summary["faces"], summary["seeds"], summary["psnr"]) == (2, 2, 20.0)
    assert summary["psnr_interval"] == [20.0, 20.0]  # both faces have 20: only the seeds differ


def test_a_mean_that_is_shown_is_rounded_but_once() -> None:
    summary = summarise(made_rows([0], [0.6254, 0.6255, 0.6255]))  # 0.62547: 0.625, and 0.626 by way of 0.6255
    assert f"{summary['ssim']:.3f}" == "0.625"


def test_heatmaps_are_held_against_kernels_of_the_runs_own_sigma(
    experiment: config.Experiment, held_out: Pairs
) -> None:
    run, sigma = experiment.run("ours"), 6.0
    write_images(run, held_out, 10)
    points, component = torch.from_numpy(np.array(held_out.landmarks)), torch.from_numpy(held_out.component)
    save_file({"heatmaps": heatmaps(points, component, 64, sigma)}, run.estimates(0))
    run.weights(0).mkdir(parents=True)
    errors = []
    for options in ({"sigma": sigma}, {}):
        (run.weights(0) / RECORD).write_text(json.dumps(record_of(run, 0) | {"options": options}))
        errors.append(run_evaluate("ours")[0]["estimates"]["seed0"]["peak_px"])
    assert errors[0] == 0
    assert errors[1] > 0.3


def test_images_from_elsewhere_are_scored_and_rows_tell_the_errors_of_what_a_method_estimates(
    experiment: config.Experiment, held_out: Pairs
) -> None:
    run = experiment.run("oracle")
    write_images(run, held_out)
    summary, rows = run_evaluate("oracle")
    assert np.isinf(rows["psnr"]).all()
    assert (rows["ssim"] == 1).all()
    assert summary["estimates"] == {}
    assert not {"rotation_degrees", "peak_px"} & {*rows}
    warp = torch.from_numpy(np.array(held_out.warp))
    warp[5, 0] += torch.pi / 6
    save_file({"warp_stn": warp}, run.estimates(0))
    _, rows = run_evaluate("oracle")
    assert list(rows)[-3:] == ["rotation_degrees", "shift_percent", "scale_percent"]
    assert rows["rotation_degrees"].to_numpy() == pytest.approx(30.0 * (np.arange(len(held_out)) == 5), abs=1e-3)


def test_incomplete_set_is_refused_by_name_and_scores_nothing(experiment: config.Experiment, held_out: Pairs) -> None:
    run = experiment.run("oracle")
    write_images(run, held_out, 3)
    (run.images(0) / "0007.png").unlink()
    with pytest.raises(BadInput, match=r"1 of 12 images missing: 0007\.png"):
        run_evaluate("oracle")
    assert not (experiment.results / "metrics").exists()
