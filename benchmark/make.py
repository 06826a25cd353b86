"""A run's method, made as the experiment wants it: what train fits, predict loads and Figure 2 draws."""

from __future__ import annotations

import dataclasses

from benchmark import config
from methods.interface import Method, create
from methods.stn0 import NETWORKS


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
