"""params.yaml of test projects: a valid experiment, and how to write it."""

import copy
from pathlib import Path
from typing import Any

import yaml

from benchmark import config

_BLOCK: dict[str, Any] = {
    "corpus": "a few faces",
    "corpora": {"synthetic": {"faces": 40, "seed": 0}},
    "prepare": {"annotator": "dlib", "test_fraction": 0.3, "validation_fraction": 0.2, "seed": 0},
    "recognise": {"count": 4, "seed": 0},
    "predict": {"precision": "float32"},
    "training": {"recipe": "tuned", "seeds": 2, "vgg": None, "threads": 1, "precision": "float32"},
    "methods": {},
    "pretrained": {"stn0": {"method": "stn0", "epochs": 1, "batch_size": 8}},
    "runs": {"bicubic": {"method": "bicubic"}},
}


def block(name: str, **changes: Any) -> dict[str, Any]:
    """A block of `experiments:`, with some keys replaced."""
    return {"name": name, **copy.deepcopy(_BLOCK), **changes}


def change(folder: Path, **changes: Any) -> None:
    """Replace keys of the one experiment in the folder's params.yaml; mappings are updated."""
    (block_,) = yaml.safe_load((folder / "params.yaml").read_text())["experiments"].values()
    for key, value in changes.items():
        block_[key] = {**block_[key], **value} if isinstance(value, dict) else value
    write(folder, block_)


def change_run(name: str, **items: Any) -> config.Run:
    """A run of the one experiment in the working directory with these items changed in params.yaml."""
    change(Path(), runs={name: config.load().runs[name].model_dump(exclude_unset=True) | items})
    return config.load().run(name)


def write(folder: Path, *blocks: dict[str, Any]) -> Path:
    """Write params.yaml with these experiments, of which the first is chosen."""
    params = {"experiments": {one["name"]: one for one in blocks}, "experiment": blocks[0]}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    return path
