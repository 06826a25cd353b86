"""A run's method, made as the experiment wants it, and all that it is made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from benchmark import config
from methods.interface import Method, method_class
from methods.options import parse_options
from methods.stn0 import NETWORKS
from methods.trained import TrainedMethod


def make_method(run: config.Run) -> Method:
    """The run's method, its network built, which takes long; `class_of` and `options_of` say what it is without."""
    return class_of(run)(_given(run))


def class_of(run: config.Run) -> type[Method]:
    """The class of the run's method."""
    return NETWORKS[run.name] if isinstance(run, config.Aligner) else method_class(run.method)


def options_of(run: config.Run) -> Any:
    """The options of the run's method, as the method itself holds them."""
    method = class_of(run)
    return parse_options(method.Options, _given(run), method.__name__)


def _given(run: config.Run) -> Mapping[str, Any]:
    """What is set of the options: the experiment's recipe too, where the method has one that the run does not set."""
    has_recipe = "recipe" in {field.name for field in dataclasses.fields(class_of(run).Options)}
    if isinstance(run, config.Aligner) or not has_recipe or "recipe" in run.options:
        return run.options
    return {"recipe": run.experiment.params["training"]["recipe"], **run.options}


def alignment_of(run: config.Run) -> str:
    """How the run's LR faces are turned upright, of config.ALIGNMENTS."""
    return run.align or ("stn0" if class_of(run).wants == "aligned" else "none")


def aligner_of(run: config.Run) -> config.Aligner | None:
    """The STN_0 that the run is behind; None where it is behind none."""
    how = alignment_of(run)
    return run.experiment.aligner(how) if how in config.ALIGNERS else None


def resolved(run: config.Run) -> dict[str, Any]:
    """Everything that decides what the run computes, beside its code and data."""
    stn0, trained = aligner_of(run), issubclass(class_of(run), TrainedMethod)
    return {
        "experiment": run.experiment.name,
        "run": run.name,
        "method": run.method,
        "options": dataclasses.asdict(options_of(run)),
        "align": alignment_of(run),
        "stn0": stn0.options if stn0 else None,
        "vgg": run.experiment.params["training"]["vgg"] if trained else None,
    }
