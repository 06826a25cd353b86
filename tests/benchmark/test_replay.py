"""A replay finds the recorded losses again, and another seed, recipe or record is seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import yaml

from benchmark import config, replay, train
from benchmark.training.progress import first_log
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.vdsr import TINY

MTUN = {"width": 4, "front_epochs": 2, "front_batch_size": 4, "freeze_front": True, "epochs": 2, "batch_size": 4}
PARAMS: dict[str, Any] = {
    "experiment": "small",
    "experiments": {
        "small": {
            "training": {"recipe": "tuned", "seeds": 1, "vgg": None, "threads": 1, "precision": "float32"},
            "stn0": {"epochs": 1, "batch_size": 8},
            "methods": {"vdsr": TINY, "mtun": {**MTUN, "random_vgg_width": 4}},
        }
    },
    "runs": {"vdsr": {"method": "vdsr", "align": "none"}, "ours": {"method": "mtun", "stacks": 1}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both runs trained."""
    folder = tmp_path_factory.mktemp("replay")
    tiny.write_pairs(tiny.make_pairs(), folder / "data/small/train")
    (folder / "data/small/manifest.json").write_text('{"hash": "abc"}')
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for run in PARAMS["runs"]:
            train.main(train.parser().parse_args(["--run", run, "--device", "cpu"]))
    return folder


def compare(run: str) -> pd.DataFrame:
    return replay.compare(config.load().run(run), 0, Pairs.load(Path("data/small/train")))


@pytest.mark.usefixtures("one_thread")
def test_both_phases_of_a_frozen_front_are_found_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    table = compare("ours")
    assert table["within"].all()
    terms = table.groupby("phase")["term"].unique().map(set).to_dict()
    assert terms["front"] == {"L_w", "L_64"}
    assert terms["mtun"] == {"L_p", "L_f", "L_U", "L_h", "L_D_real", "L_D_sr"}
    assert table.groupby("phase")["update"].max().to_dict() == {"front": 10, "mtun": 10}
    assert table["off"].max() < 1e-5


@pytest.mark.usefixtures("one_thread")
def test_a_record_that_the_code_does_not_make_is_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert compare("vdsr")["within"].all()
    run = config.load().run("vdsr")
    log = first_log(run.log(0))
    kept = log.read_text()
    try:
        table = pd.read_csv(log)
        table.loc[1, "L_p"] *= 1.02
        table.to_csv(log, index=False)
        wrong = compare("vdsr").query("not within")
        assert wrong[["phase", "update", "term"]].to_numpy().tolist() == [["pixel", 2, "L_p"]]
        table = pd.read_csv(log)
        table.loc[1:, "L_p"] *= 2
        table.to_csv(log, index=False)
        assert compare("vdsr").query("not within")["update"].tolist() == [2, 0]
        log.unlink()
        with pytest.raises(BadInput, match=r"seed0\.first\.csv: missing; train vdsr again"):
            compare("vdsr")
    finally:
        log.write_text(kept)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("updates", ["0", "25"])
def test_more_updates_than_are_recorded_are_refused(
    project: Path, updates: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(BadInput, match=f"^--updates {updates}: give 1 to 20"):
        replay.main(argparse.Namespace(experiment=None, run="vdsr", seed=0, updates=int(updates)))


def test_another_option_is_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    run = config.load().run("vdsr")
    other = config.Run(run.experiment, run.name, run.method, run.align, {**run.options, "lr": 0.2}, run.seeds)
    assert not replay.compare(other, 0, Pairs.load(Path("data/small/train")))["within"].all()
