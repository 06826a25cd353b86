"""params.yaml, typed: the chosen experiment, one run of it, and where each stage reads and writes.

benchmark/params.py says what each key means.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from benchmark.params import ExperimentParams
from datasets.face import BadInput
from methods.options import first_problem

PARAMS = Path("params.yaml")
ORACLE, NOTHING = "oracle", "none"  # alignments that are no run
EXTERNAL = "images"  # in place of a method: SR images made elsewhere
ESTIMATES = "inspect.safetensors"  # heatmaps and warps next to a run's SR images


class Experiment(ExperimentParams):
    """A block of `experiments:` and the folders that belong to it."""

    @property
    def raw(self) -> Path:
        return Path("data/raw") / self.name

    @property
    def data(self) -> Path:
        return Path("data") / self.name

    @property
    def results(self) -> Path:
        return Path("results") / self.name

    def run(self, name: str) -> Run:
        """The run `name`, of `runs:` or `pretrained:`, with the experiment's options for its method.

        Raises:
            BadInput: if there is no such run, or it names a method or another run that is not there.
        """
        item = (self.runs | self.pretrained).get(name)
        if item is None:
            raise BadInput(f"{PARAMS}: no run '{name}'; it has {', '.join([*self.runs, *self.pretrained])}")
        options = {**(self.methods.get(item.method) or {}), **(item.model_extra or {})}
        trunk = item.trunk or options.pop("trunk", None)
        options.pop("trunk", None)
        trunk = None if trunk == NOTHING else trunk
        for other, allowed in ((item.align, (ORACLE, NOTHING)), (trunk, ())):
            if other not in (None, *allowed, *self.pretrained):
                known = ", ".join([*self.pretrained, *allowed])
                raise BadInput(
                    f"{PARAMS}: run '{name}' builds on '{other}', which experiments.{self.name}.pretrained lacks; "
                    f"it is one of {known}"
                )
        external = item.method == EXTERNAL  # whose trainings have been paid for elsewhere
        seeds = item.seeds if external else min(item.seeds, self.training.seeds)
        align = item.align or (NOTHING if external else None)
        return Run(self, name, item.method, align, trunk, options, list(range(seeds)))


@dataclass(frozen=True)
class Run:
    """One run: a method with its options. `align` is None where the method's own default decides."""

    experiment: Experiment
    name: str
    method: str
    align: str | None
    trunk: str | None
    options: dict[str, Any]
    seeds: list[int] = field(default_factory=lambda: [0])

    @property
    def pretrained(self) -> bool:
        """Whether other runs build on this one, and no table shows it."""
        return self.name in self.experiment.pretrained

    @property
    def external(self) -> bool:
        """Whether the run's SR images were made elsewhere."""
        return self.method == EXTERNAL

    def weights(self, seed: int) -> Path:
        """Folder of a trained method and its record."""
        return self.experiment.results / ("pretrained" if self.pretrained else "weights") / self.name / f"seed{seed}"

    def log(self, seed: int) -> Path:
        """Losses and validation scores by epoch."""
        return self.experiment.results / "logs" / self.name / f"seed{seed}.csv"

    def images(self, seed: int) -> Path:
        """Folder of the SR images, one PNG a test face, and ESTIMATES where the method estimates more."""
        return self.experiment.results / "sr" / self.name / f"seed{seed}"

    def estimates(self, seed: int) -> Path:
        """Heatmaps and warps of the test faces; scoring.estimates reads them."""
        return self.images(seed) / ESTIMATES

    def provenance(self, seed: int) -> Path:
        """How the training came about (device, seconds): a record of one machine, no output of a stage."""
        return self.experiment.results / "provenance" / self.name / f"seed{seed}.json"

    @property
    def predict_provenance(self) -> Path:
        return self.experiment.results / "provenance" / self.name / "predict.json"

    @property
    def released(self) -> Path:
        """The weights of one seed, and of its STN_0 if it needs one, where they are given away."""
        return self.experiment.results / "released" / self.name

    @property
    def card(self) -> Path:
        """The model card of what is given away."""
        return self.released.with_suffix(".md")

    @property
    def metrics(self) -> Path:
        """Means over the test faces."""
        return self.experiment.results / "metrics" / f"{self.name}.json"

    @property
    def facts(self) -> Path:
        """What the numbers in `metrics` belong to: data, seeds, and the record of each training."""
        return self.metrics.with_suffix(".facts.json")


def load(experiment: str | None = None, path: Path = PARAMS) -> Experiment:
    """Read an experiment from params.yaml.

    Args:
        experiment: its name; by default $EXPERIMENT, or the file's own choice.

    Raises:
        BadInput: if the file is unreadable, has no such experiment, or an option is unknown or out of bounds.
    """
    params = _read(path)
    chosen, blocks = params["experiment"], params["experiments"]
    if not isinstance(blocks, dict) or not isinstance(chosen, dict):
        raise BadInput(f"{path}: experiments is no mapping, or experiment no alias such as *demo; see the file in git")
    name = experiment or os.environ.get("EXPERIMENT") or str(chosen.get("name"))
    if name not in blocks:
        raise BadInput(f"{path}: no experiment '{name}'; it has {', '.join(blocks)}")
    try:
        return Experiment.model_validate(blocks[name])
    except ValidationError as error:
        raise BadInput(f"{path}: experiments.{name}.{first_problem(Experiment, error)}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open() as file:
            params = yaml.load(file, _Loader)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; run from the project's folder") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    params = params if isinstance(params, dict) else {}
    if missing := [key for key in ("experiment", "experiments") if key not in params]:
        raise BadInput(f"{path}: lacks {', '.join(missing)}; `git checkout {path}` brings it back")
    return params


class _Loader(yaml.SafeLoader):
    """YAML in which a repeated key is an error, where the second would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}:` a second time", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
