"""Whether a run's scores are of the very weights that are stored: what is noticed, and what is scored again for it."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from small import make_project

from benchmark import config, grid, session, train
from benchmark.cluster.claims import Claim, Claims


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """The tiny experiment, nothing of it trained, in the working directory."""
    monkeypatch.chdir(make_project(tmp_path))
    monkeypatch.setattr(session, "LOOK", 0.01)
    return config.load()


def store(run: config.Run, seed: int) -> None:
    """Something in place of a seed's trained weights."""
    run.weights(seed).mkdir(parents=True)
    (run.weights(seed) / "weights.safetensors").write_text(f"weights of seed {seed}")
    (run.weights(seed) / "config.json").write_text(json.dumps(train.expected(run, seed)))


def test_a_seed_that_ends_while_its_run_is_scored_is_scored_too(
    experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 1 of two side by side ends when `predict` has chosen its seeds, and before it is through."""
    run = experiment.run("vdsr")
    predicting, trained = asyncio.Event(), asyncio.Event()
    predicted: list[list[int]] = []

    async def child(command: list[str], environment: dict[str, str], log: Path | None) -> int:
        stage = command[2].removeprefix("benchmark.")
        if stage == "train":
            seed = train.parser().parse_args(command[3:]).seed
            if seed == 1:
                await predicting.wait()
            store(run, seed)
            if seed == 1:
                trained.set()
        elif stage == "predict":
            predicted.append([seed for seed in run.seeds if train.stored(run, seed)])
            predicting.set()
            await trained.wait()
        else:
            run.metrics.parent.mkdir(parents=True, exist_ok=True)
            run.metrics.write_text(json.dumps(predicted[-1]))
        return 0

    monkeypatch.setattr(session, "child", child)
    call = session.Session(experiment, "cpu", [{}, {}], math.inf)
    asyncio.run(call.work(grid.trainings_of(experiment, ["vdsr"])))
    assert predicted == [[0], [0, 1]]
    assert json.loads(run.metrics.read_text()) == [0, 1]
    assert grid.scored(run)


def store_stn0(experiment: config.Experiment, weights: str) -> None:
    """Something in place of a trained STN_0's weights."""
    folder = experiment.aligner("stn0").weights()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.safetensors").write_text(weights)


def score(run: config.Run) -> None:
    """Something in place of the scores of what is stored."""
    run.metrics.parent.mkdir(parents=True, exist_ok=True)
    run.metrics.write_text("{}")
    grid.record_scores(run, grid.weights_hashes(run))


def test_scores_and_resume_state_are_of_the_stn0_that_is_stored(experiment: config.Experiment) -> None:
    runs = [experiment.run(name) for name in ("bicubic", "vdsr")]  # behind STN_0, and not
    store_stn0(experiment, "one")
    for run in runs:
        store(run, 0)
        score(run)
    assert [grid.scored(run) for run in runs] == [True, True]
    before = [train.work_of(run, 0) for run in runs]
    store_stn0(experiment, "another")
    assert [grid.scored(run) for run in runs] == [False, True]
    assert [train.work_of(run, 0) == work for run, work in zip(runs, before, strict=True)] == [False, True]
    store_stn0(experiment, "one")
    assert [train.work_of(run, 0) for run in runs] == before


def test_weights_are_looked_at_once_nobody_else_scores_the_run(
    experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing them takes long, and holds up all slots meanwhile."""
    run, take, happened = experiment.run("vdsr"), Claims.take, list[str]()

    def busy_twice(claims: Claims, name: str) -> Claim | None:
        happened.append("asked")
        return take(claims, name) if happened.count("asked") == 3 else None

    def scored(run: config.Run) -> bool:
        happened.append("looked")
        return True

    monkeypatch.setattr(Claims, "take", busy_twice)
    monkeypatch.setattr(session, "scored", scored)
    call = session.Session(experiment, "cpu", [{}], math.inf)
    asyncio.run(call.score(run, grid.Training(run, 0), {}))
    assert happened == ["asked", "asked", "asked", "looked"]
