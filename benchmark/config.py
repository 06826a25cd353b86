"""params.yaml resolved: the chosen experiment, one run of it, and where each stage reads and writes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from datasets.face import BadInput

ALIGNERS = ("stn0", "stn0_told")  # the networks of methods/stn0.py
ALIGNMENTS = (*ALIGNERS, "oracle", "none")
Precision = Literal["auto", "float32", "bfloat16"]
PARAMS = Path("params.yaml")
_BLOCKS = ("corpora", "prepare", "recognise", "training", "methods")  # of an experiment
# What may stand in those of one level whose options no method and no corpus checks.
_KNOWN = {
    "prepare": {"annotator", "test_fraction", "validation_fraction", "seed", "sigma", "copies_together", "faces"},
    "recognise": {"count", "seed"},
    "training": {"recipe", "seeds", "vgg", "threads", "precision"},
}
_NEEDED = {"training": ("recipe", "seeds", "vgg")}
ESTIMATES = "inspect.safetensors"  # the same bytes with every Python, which a compressed archive is not


@dataclass(frozen=True)
class Experiment:
    """A block of `experiments:` and the folders that belong to it."""

    name: str
    params: dict[str, Any]
    runs: dict[str, dict[str, Any]]

    @property
    def raw(self) -> Path:
        return Path("data/raw") / self.name

    @property
    def data(self) -> Path:
        return Path("data") / self.name

    @property
    def results(self) -> Path:
        return Path("results") / self.name

    def block(self, name: str) -> dict[str, Any]:
        """The options of a stage, "corpora", "prepare" or "recognise"; BadInput where there are none."""
        if name not in self.params:
            raise BadInput(f"{PARAMS}: experiments.{self.name} lacks {name}; see the other experiments")
        return self.params[name]

    @property
    def threads(self) -> int | None:
        """How many threads PyTorch is to use on a CPU; None leaves it to PyTorch."""
        threads = self.params["training"].get("threads")
        return None if threads is None else _count(threads, "training.threads", " or null")

    @property
    def precision(self) -> Precision:
        """What networks are trained in: "auto", "float32" or "bfloat16"."""
        precision = self.params["training"].get("precision", "auto")
        if precision not in get_args(Precision):
            raise BadInput(
                f"{PARAMS}: training.precision: {precision!r}; it is one of {', '.join(get_args(Precision))}"
            )
        return precision

    def run(self, name: str) -> Run:
        """The run `name` with the experiment's options for its method; BadInput lists the known runs."""
        if name not in self.runs:
            raise BadInput(f"{PARAMS}: no run '{name}'; it has {', '.join(self.runs)}")
        item = dict(self.runs[name])
        method, where = item.pop("method"), f"experiments.{self.name}"
        budgets = self.params["methods"]
        if method not in budgets:
            raise BadInput(
                f"{PARAMS}: run '{name}' uses method {method!r}: add it to {where}.methods, which has "
                f"{', '.join(budgets)}"
            )
        budget = _block(budgets[method] or {}, f"{where}.methods.{method}")
        align = item.pop("align", None)
        if align not in (None, *ALIGNMENTS):
            raise BadInput(f"{PARAMS}: run '{name}' has align: {align!r}; it is one of {', '.join(ALIGNMENTS)}")
        if align in ALIGNERS:
            self.aligner(align)
        seeds = _count(item.pop("seeds", 1), f"runs.{name}.seeds")
        if method != "images":  # whose trainings have been paid for elsewhere
            seeds = min(seeds, _count(self.params["training"]["seeds"], f"{where}.training.seeds"))
        return Run(self, name, method, align, {**budget, **item}, list(range(seeds)))

    def aligner(self, name: str) -> Aligner:
        """The STN_0 of that name, of ALIGNERS; BadInput where the experiment has no options for it."""
        if name not in self.params:
            raise BadInput(f"{PARAMS}: no options of {name}: add it to experiments.{self.name}, as `stn0` is there")
        options = _block(self.params[name] or {}, f"experiments.{self.name}.{name}")
        return Aligner(self, name, name, "none", options)

    @property
    def aligners(self) -> list[Aligner]:
        """Every STN_0 that the experiment has options for."""
        return [self.aligner(name) for name in ALIGNERS if name in self.params]

    def training(self, name: str) -> Run:
        """The run or STN_0 of that name."""
        return self.aligner(name) if name in ALIGNERS else self.run(name)


@dataclass(frozen=True)
class Run:
    """One run: a method with its options. `align` is None where the method's own wish decides."""

    experiment: Experiment
    name: str
    method: str
    align: str | None
    options: dict[str, Any]
    seeds: list[int] = field(default_factory=lambda: [0])

    def weights(self, seed: int) -> Path:
        return self.experiment.results / "weights" / self.name / f"seed{seed}"

    def network(self, seed: int) -> Path:
        """The file of a trained network, beside its record."""
        return self.weights(seed) / "weights.safetensors"

    def log(self, seed: int) -> Path:
        """Losses by epoch; claims read from it which trainings went on from the same front."""
        return self.experiment.results / "logs" / self.name / f"seed{seed}.csv"

    def images(self, seed: int) -> Path:
        """Folder of the SR images, one PNG a test face, and ESTIMATES where the method estimates more."""
        return self.experiment.results / "sr" / self.name / f"seed{seed}"

    def estimates(self, seed: int) -> Path:
        """Heatmaps and warps beside the images; scoring.estimates reads them."""
        return self.images(seed) / ESTIMATES

    def provenance(self, seed: int) -> Path:
        """How the seed's training came about: a record of one machine, no output of a stage."""
        return self.experiment.results / "provenance" / self.name / f"seed{seed}.json"

    @property
    def predict_provenance(self) -> Path:
        return self.experiment.results / "provenance" / self.name / "predict.json"

    @property
    def released(self) -> Path:
        """The first seed's weights where they are given away: see benchmark.release."""
        return self.experiment.results / "released" / self.name

    @property
    def card(self) -> Path:
        """The model card of what is given away."""
        return self.released.with_suffix(".md")

    @property
    def metrics(self) -> Path:
        return self.experiment.results / "metrics" / f"{self.name}.json"

    @property
    def facts(self) -> Path:
        """What the numbers in `metrics` are of: data, seeds, and what each training recorded of its inputs."""
        return self.metrics.with_suffix(".facts.json")


@dataclass(frozen=True)
class Aligner(Run):
    """An STN_0's training, as a run of one seed with files of its own. No method of the tables."""

    def weights(self, seed: int = 0) -> Path:
        return self.experiment.results / "weights" / self.name

    def log(self, seed: int = 0) -> Path:
        return self.experiment.results / "logs" / f"{self.name}.csv"

    def provenance(self, seed: int = 0) -> Path:
        return self.experiment.results / "provenance" / f"{self.name}.json"


def load(experiment: str | None = None, path: Path = PARAMS) -> Experiment:
    """Read the experiment `experiment` (default: the file's own choice, or $EXPERIMENT) from params.yaml."""
    params = _read(path)
    experiments = _block(params["experiments"], "experiments")
    name = experiment or os.environ.get("EXPERIMENT") or params["experiment"]
    if not isinstance(name, str) or name not in experiments:
        raise BadInput(f"{path}: no experiment '{name}'; it has {', '.join(experiments)}")
    where = f"experiments.{name}"
    block = _block(experiments[name], where, "training", "methods")
    for key in _BLOCKS:
        given = _block(block.get(key, {}), f"{where}.{key}", *_NEEDED.get(key, ()))
        if unknown := given.keys() - _KNOWN.get(key, given.keys()):
            names = ", ".join(sorted(_KNOWN[key]))
            raise BadInput(f"{path}: {where}.{key} has no option {', '.join(sorted(unknown))}; it has {names}")
    runs = _block(params["runs"], "runs") | _block(block.get("runs") or {}, f"{where}.runs")
    for run, item in runs.items():
        _block(item, f"runs.{run}", "method")
    return Experiment(name, block, runs)


def _read(path: Path) -> dict[str, Any]:
    """The whole file, which has its top keys; BadInput where it cannot be read or lacks one."""
    try:
        with path.open() as file:
            params = yaml.load(file, _Loader)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; run from the project's folder") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    params = params if isinstance(params, dict) else {}
    if missing := [key for key in ("experiment", "experiments", "runs") if key not in params]:
        raise BadInput(f"{path}: lacks {', '.join(missing)}; `git checkout {path}` brings it back")
    return params


def _block(value: Any, key: str, *required: str) -> dict[str, Any]:
    """What stands under `key`; BadInput where it is no mapping, or lacks a required key."""
    if not isinstance(value, dict):
        raise BadInput(f"{PARAMS}: {key}: {value!r}; it is a block of `key: value`, or {{}} for an empty one")
    if missing := [name for name in required if name not in value]:
        raise BadInput(f"{PARAMS}: {key} lacks {', '.join(missing)}; see the other {key.split('.')[0]}")
    return value


def _count(value: Any, key: str, otherwise: str = "") -> int:
    """What stands under `key`, a whole number of at least 1; BadInput where it is none. otherwise: what else may be."""
    if type(value) is not int or value < 1:
        raise BadInput(f"{PARAMS}: {key}: {value!r}; it is a whole number of at least 1{otherwise}")
    return value


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, where the second would silently take the first one's place."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}:` a second time", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
