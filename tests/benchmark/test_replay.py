"""A replay finds the recorded losses again, and sees another arithmetic, seeding, data order, option or record."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import experiments
import pandas as pd
import pytest
import replay
import small

from benchmark import config, train
from benchmark.training import loop
from datasets import degrade
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods import trained
from methods.vdsr import TINY

BLOCK = experiments.block(
    "small",
    methods={"vdsr": TINY | {"epochs": 2}, "stn0": {"epochs": 2, "batch_size": 4, "supervised": True}},
    runs={"vdsr": {"method": "vdsr", "align": "none"}, "aligner": {"method": "stn0"}},
)
SEED = 3  # of seed 0 the first epochs draw the same in whatever order seed, phase and epoch are hashed
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both runs trained."""
    folder = small.make_project(tmp_path_factory.mktemp("replay"))
    experiments.write(folder, BLOCK)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for run in BLOCK["runs"]:
            train.main(train.parser().parse_args(["--run", run, "--seed", str(SEED), "--device", "cpu"]))
    return folder


@pytest.fixture(autouse=True)
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of that folder as the working directory."""
    monkeypatch.chdir(shutil.copytree(folder, tmp_path, dirs_exist_ok=True))


def replayed(run: str, **options: Any) -> pd.DataFrame:
    """The losses of the run, with these options changed, beside the recorded ones."""
    known = config.load().run(run)
    other = dataclasses.replace(known, options=known.options | options)
    return replay.replay(other, SEED, Pairs.load(Path("data/small/train")))


@pytest.mark.parametrize(("run", "term"), [("vdsr", "L_p"), ("aligner", "L_w")])
def test_the_recorded_losses_are_found_again(run: str, term: str) -> None:
    table = replayed(run)
    assert table["within"].all()
    assert set(table["term"]) == {term}
    assert table["update"].max() == 10  # two epochs of five
    assert table["off"].max() < 1e-5


seed, sample_warps, rate = loop._seed, degrade.sample_warps, trained.Optimiser.rate
OTHER_LOOPS = {
    "order of seeds": ("aligner", loop, "_seed", lambda *parts: seed(*reversed(parts))),
    "order of data": ("aligner", degrade, "sample_warps", lambda *given: sample_warps(*given).flip(0)),
    "arithmetic": ("vdsr", trained.Optimiser, "rate", lambda *given: 0.5 * rate(*given)),
}


@pytest.mark.parametrize(("run", "owner", "name", "changed"), OTHER_LOOPS.values(), ids=OTHER_LOOPS)
def test_another_loop_or_option_is_seen(
    run: str, owner: Any, name: str, changed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not replayed("vdsr", lr=0.2)["within"].all()
    monkeypatch.setattr(owner, name, changed)
    assert not replayed(run)["within"].all()


def test_another_record_is_seen() -> None:
    log = loop.first_log(config.load().run("vdsr").log(SEED))
    table = pd.read_csv(log)
    table.loc[1, "L_p"] *= 1.02
    table.to_csv(log, index=False)
    assert replayed("vdsr").query("not within")["update"].tolist() == [2]
    log.unlink()
    with pytest.raises(BadInput, match=r"seed3\.first\.csv: missing; train vdsr again"):
        replayed("vdsr")
