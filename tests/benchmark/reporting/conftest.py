"""Fixtures of the tests that read an experiment's results: shared ones, in which nothing may be written."""

from pathlib import Path

import pytest

from benchmark import config
from benchmark.reporting.results import Results


@pytest.fixture(scope="module")
def root(made_up_root: Path) -> Path:
    """The folder of the experiment that the tests of a module read; some modules have one of their own."""
    return made_up_root


@pytest.fixture
def known(root: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """The results in `root`, which is the working directory."""
    monkeypatch.chdir(root)
    return Results(config.load())
