"""`predict`: the SR images of every test face by the trained network."""

import json

import numpy as np
import pytest
import torch
from experiments import change_run
from safetensors.torch import load_file
from scored import read, run_evaluate, run_predict, store

from benchmark import config, predict
from benchmark.runs.fingerprint import record_of
from benchmark.runs.provenance import RECORD
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import create, method_class


def test_predict_writes_what_the_method_gives_for_every_face(
    experiment: config.Experiment, held_out: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "BATCH", 7)  # the last batch is smaller
    for name in ("oracle", "unaligned"):
        store(name)
        run_predict(name)
    lr = to_float(torch.from_numpy(np.array(held_out.lr))).double()
    upright = degrade.align(lr, torch.from_numpy(np.array(held_out.warp)).double())
    for name, seen in (("oracle", upright), ("unaligned", lr)):
        folder = experiment.run(name).images(0)
        expected = to_uint8(degrade.resize(seen, 128)).numpy()
        for face, image in zip(held_out.faces["name"], expected, strict=True):
            np.testing.assert_array_equal(read(folder / f"{face}.png"), image)
        assert [path.suffix for path in folder.glob("[!.]*")] == [".png"] * len(held_out)
        assert not (folder / config.ESTIMATES).exists()


def test_faces_of_another_size_are_refused(experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    store("unaligned")
    monkeypatch.setattr(method_class("bicubic"), "upscale", lambda self, lr, truth=None: lr)
    with pytest.raises(BadInput, match=r"unaligned: upscale gives \(8, 3, 16, 16\), not \(8, 3, 128, 128\)"):
        run_predict("unaligned")
    assert not experiment.run("unaligned").images(0).exists()


def test_predict_makes_the_network_that_was_trained(experiment: config.Experiment, held_out: Pairs) -> None:
    # The experiment's recipe decides the architecture: with MTUN's own default the weights would not fit.
    run = experiment.run("ours")
    store("ours")
    run_predict("ours")
    lr = to_float(torch.from_numpy(np.array(held_out.lr)))
    again = create("mtun", {"width": 2, "stacks": 1, "recipe": "paper"})
    again.load(run.weights(0))
    again.to("cpu", torch.float64)
    np.testing.assert_array_equal(
        read(run.images(0) / "0003.png"), to_uint8(again.upscale(lr[3:4].double()))[0].numpy()
    )
    estimates = load_file(run.images(0) / config.ESTIMATES)
    assert estimates["heatmaps"].shape == (12, 4, 64, 64)
    assert any(name.startswith("warp_") for name in estimates)


def test_predict_without_stn0_names_what_to_train(experiment: config.Experiment) -> None:
    store("aligned")
    with pytest.raises(BadInput, match="stn0"):
        run_predict("aligned")
    assert not experiment.run("aligned").images(0).parent.exists()


def test_seeds_not_trained_as_params_say_are_named_and_left_out(
    experiment: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    run = change_run("oracle", seeds=4)
    with pytest.raises(BadInput, match=r"weights/oracle: no seed is trained .* train --experiment tiny --run oracle"):
        run_predict("oracle")
    for seed in (0, 1, 3):
        store("oracle", seed)
    (run.weights(1) / RECORD).write_text(json.dumps(record_of(run, 1) | {"fingerprint": "another"}))
    run_predict("oracle")
    assert "oracle: missing seed 1, 2; only seed 0, 3 is shown" in capsys.readouterr().out
    summary, rows = run_evaluate("oracle")
    assert "oracle: missing seed 1, 2; only seed 0, 3 is shown" in capsys.readouterr().out
    assert (summary["scored_seeds"], summary["seeds"], set(rows["seed"])) == ([0, 3], 2, {0, 3})
    assert summary["training"] == [record_of(run, seed) for seed in (0, 3)]
