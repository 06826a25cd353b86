"""A project whose test faces have been upscaled elsewhere."""

import shutil
from pathlib import Path

import foreign
import pytest

from datasets.pairs import Pairs


@pytest.fixture(scope="session")
def foreign_root(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        foreign.make_project(pairs)
    return root


@pytest.fixture
def upscaled(foreign_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that project as the working directory: 24 faces in data/tiny, exported to out/, upscaled to sr/."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(foreign_root, tmp_path, dirs_exist_ok=True)
