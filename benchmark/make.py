"""A run's method, made as the experiment wants it, and all that it was made from."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmark import config
from methods.interface import Method, create
from methods.stn0 import NETWORKS
from methods.trained import TrainedMethod


def make_method(run: config.Run) -> Method:
    """The run's method; the experiment's recipe is its `recipe` option, where it has one that the run does not set."""
    if isinstance(run, config.Aligner):
        return NETWORKS[run.name](run.options)
    method = create(run.method, run.options)
    fields = {f.name for f in dataclasses.fields(method.Options)}
    if "recipe" in fields and "recipe" not in run.options:
        recipe = run.experiment.params["training"]["recipe"]
        method = create(run.method, {"recipe": recipe, **run.options})
    return method


def aligner_of(run: config.Run) -> config.Aligner | None:
    """The STN_0 that the run is behind; None where it is behind none."""
    how = run.alignment(make_method(run).wants)
    return run.experiment.aligner(how) if how in config.ALIGNERS else None


def resolved(run: config.Run, method: Method) -> dict[str, Any]:
    """Everything that decides what the run computes, beside its code and data."""
    how = run.alignment(method.wants)
    stn0 = run.experiment.aligner(how).options if how in config.ALIGNERS else None
    vgg = run.experiment.params["training"]["vgg"] if isinstance(method, TrainedMethod) else None
    return {
        "experiment": run.experiment.name,
        "run": run.name,
        "method": run.method,
        "options": dataclasses.asdict(method.options),
        "align": how,
        "stn0": stn0,
        "vgg": vgg,
    }
