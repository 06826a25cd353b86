"""Fixtures of the tests that train, and of those that read a whole experiment's results."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import experiments
import made_up
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tiny
import torch
from scored import BLOCK

from benchmark import config, report
from benchmark.reporting.results import Results
from datasets.pairs import Pairs

os.environ.pop("EXPERIMENT", None)  # tests have experiments of their own


@pytest.fixture(scope="session")
def made_up_root(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made-up experiment `toy`; tests get copies of it."""
    root = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        made_up.make(root, pairs)
    return root


@pytest.fixture
def toy(made_up_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """The made-up experiment in a folder of the test's own, which is the working directory."""
    root = tmp_path / "project"
    shutil.copytree(made_up_root, root)
    monkeypatch.chdir(root)
    return config.load()


@pytest.fixture(scope="session")
def reported_root(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the made-up experiment and its tables and claims; tests leave those as they are."""
    with made_up.copied(made_up_root, tmp_path_factory.mktemp("reported") / "project") as root:
        report.write_text(Results(config.load()), config.load().results)
    return root


@pytest.fixture
def reported(reported_root: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Its results, where that folder is the working directory."""
    monkeypatch.chdir(reported_root)
    return Results(config.load())


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch with one thread, so that two ways of doing the same round alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def experiment(pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """An experiment in the working directory with 12 test faces and nothing else."""
    monkeypatch.chdir(tmp_path)
    experiments.write(tmp_path, BLOCK)
    tiny.write_pairs(pairs[np.arange(12)], Path("data/tiny/test"))
    Path("data/tiny/manifest.json").write_text('{"hash": "abc"}')
    return config.load()


@pytest.fixture
def held_out(experiment: config.Experiment) -> Pairs:
    return Pairs.load(experiment.data / "test")
