"""A few faces in Menpo's and CelebA's layouts, and their crops."""

import shutil
from pathlib import Path

import pytest
from raw_faces import write_celeba, write_menpo
from reading import crops

from datasets import celeba, menpo
from datasets.crop import Crop


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight faces of two identities in Menpo's layout, six of three in CelebA's."""
    folder = tmp_path_factory.mktemp("official")
    write_menpo(folder / "menpo", 2)
    write_celeba(folder / "celeba", 6)
    return folder


@pytest.fixture(scope="session")
def plain(official: Path) -> dict[str, list[Crop]]:
    """Their crops."""
    roots = {"menpo": menpo, "celeba": celeba}
    return {name: crops(official / name, module.verify(official / name, {})) for name, module in roots.items()}


@pytest.fixture
def given(official: Path, tmp_path: Path) -> Path:
    """A copy of them for a test to change."""
    return shutil.copytree(official, tmp_path / "given faces")
