"""The networks in results/store are what this code makes: `dvc repro` trains none of them anew, and replays agree."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from dvc.repo import Repo

from benchmark import config, corpus, prepare, release, replay, store
from benchmark.training.progress import first_log
from datasets.pairs import Pairs

ROOT = Path(__file__).parent.parent
DEMO = config.load("demo", ROOT / config.PARAMS)
TRAINED = [name for name in store.networks(DEMO) if first_log(ROOT / DEMO.training(name).log(0)).is_file()]
MEGABYTES = 40  # of the demo's networks together


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project as the working directory."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's prepared faces, drawn for this test: those of another processor than the store's."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path(config.PARAMS).write_text((ROOT / config.PARAMS).read_text())
        corpus.main(argparse.Namespace(experiment="demo"))
        prepare.main(argparse.Namespace(experiment="demo", workers=1))
    return folder / DEMO.data


def test_the_data_are_those_that_the_networks_were_trained_on(data: Path) -> None:
    made = json.loads((data / "manifest.json").read_text())["hash"]
    for run in TRAINED[1:]:
        facts = json.loads(DEMO.run(run).facts.read_text())
        assert facts["data"] == made, run


@pytest.mark.parametrize("run", TRAINED)
def test_first_updates_are_made_again(run: str, data: Path) -> None:
    chosen = DEMO.training(run)
    if not chosen.weights(0).is_dir():
        pytest.skip("the trained networks are not here; `python -m benchmark.store pull` brings them")
    table = replay.compare(chosen, 0, Pairs.load(data / "train"), phases=phases(run))
    wrong = table[~table["within"]]
    assert len(table) >= replay.FIRST
    assert wrong.empty, f"not what the code makes:\n{wrong}"


def phases(run: str) -> list[int]:
    """Those of the run that no run before it has too, with the very losses."""
    known = replay.phases_of(DEMO.training(run))
    earlier = [other for other in TRAINED[: TRAINED.index(run)] if replay.phases_of(DEMO.training(other)) == known]
    shared = any(front(other) == front(run) for other in earlier)
    return known[1:] if shared and len(known) > 1 else known


def front(run: str) -> str:
    table = replay.record(DEMO.training(run), 0)
    return table[table["phase"] == table["phase"][0]].dropna(axis=1).to_csv()


def test_nothing_that_is_stored_would_be_trained_anew() -> None:
    stages = [training.target for training in store.shipped(DEMO)]
    with Repo(ROOT) as repo:
        status = repo.status(stages)
    # Data and weights may be absent; of what is there, code and params, nothing may differ.
    stale = {
        f"{stage}: {kind} {name}: {state}"
        for stage, entries in status.items()
        for entry in entries
        for kind, found in (entry if isinstance(entry, dict) else {"": {entry: ""}}).items()
        for name, state in (found if isinstance(found, dict) else {found: ""}).items()
        if state != "deleted"
    }
    assert not stale, "`dvc repro` would train anew:\n" + "\n".join(sorted(stale))


def test_the_store_is_whole_and_small() -> None:
    folder = ROOT / "results/store"
    recorded, given = store.shipped(DEMO), store.released()
    assert {training.weights.name for training in recorded} == {*TRAINED}
    store.check(folder, [*recorded, *given])
    assert bytes_of(folder, recorded) <= MEGABYTES * 2**20
    for training in given:
        assert bytes_of(folder, [training]) <= release.MEGABYTES * 2**20
    known = {path for training in (*recorded, *given) for _, path in store.files(folder, training)}
    assert {path for path in folder.rglob("*") if path.is_file()} <= known, "of older trainings: `dvc gc --cloud`"


def bytes_of(folder: Path, trainings: list[store.Shipped]) -> int:
    paths = {path for training in trainings for _, path in store.files(folder, training)}
    return sum(path.stat().st_size for path in paths)
