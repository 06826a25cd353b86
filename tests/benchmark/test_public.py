"""What a user calls from Python."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import benchmark
from benchmark import config
from datasets.face import BadInput


def test_a_folder_is_scored_and_likely_mistakes_are_warnings(toy: config.Experiment) -> None:
    run = toy.run("ours")
    run.estimates(0).unlink()
    known = pd.read_csv(run.metrics.with_suffix(".csv")).query("seed == 0")["psnr"]
    assert list(benchmark.score(run.images(0), "toy")["psnr"]) == list(known)
    for path in run.images(0).glob("*.png"):
        Image.fromarray(np.asarray(Image.open(path))[..., ::-1].copy()).save(path)
    with pytest.warns(UserWarning, match="BGR"):
        benchmark.score(run.images(0), "toy")


def test_a_table_has_the_papers_numbers_and_those_measured(toy: config.Experiment) -> None:
    table = benchmark.table(1, "toy")
    known = pd.read_csv(toy.run("ours").metrics.with_suffix(".csv"))
    assert table.loc["ours", "psnr_paper"] == 23.14
    assert table.loc["ours", "psnr_ours"] == pytest.approx(known["psnr"].mean(), abs=1e-4)


@pytest.mark.usefixtures("toy")
def test_a_run_without_weights_is_one_line() -> None:
    with pytest.raises(BadInput, match="no weights"):
        benchmark.load("toy/ours")
