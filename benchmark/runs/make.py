"""A run's method, built with the options that the experiment gives it, and the runs that it builds on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark import config
from benchmark.runs import external
from methods.interface import Method, method_class
from methods.options import Options, parse_options
from methods.trained import TrainedMethod


def make_method(run: config.Run) -> Method:
    """Build the run's method, its network included, which takes long; `class_of` and `options_of` do not."""
    return class_of(run)(_given(run))


def class_of(run: config.Run) -> type[Method]:
    """The class of the run's method."""
    return method_class(run.method)


def options_of(run: config.Run) -> Options:
    """The options of the run's method, checked."""
    if run.external:
        return external.options_of(run)
    method = class_of(run)
    return parse_options(method.Options, _given(run), method.__name__)


def _given(run: config.Run) -> Mapping[str, Any]:
    """The options that are set, with the experiment's recipe where the method has recipes and the run sets none."""
    if "recipe" not in class_of(run).Options.model_fields or "recipe" in run.options:
        return run.options
    return {"recipe": run.experiment.training.recipe, **run.options}


def alignment_of(run: config.Run) -> str:
    """How the run's LR faces are aligned: the name of an STN_0, "oracle" or "none"."""
    return run.align or ("stn0" if class_of(run).wants == "aligned" else config.NOTHING)


def aligner_of(run: config.Run) -> config.Run | None:
    """The STN_0 that aligns the run's LR faces, if one does."""
    how = alignment_of(run)
    return None if how in (config.ORACLE, config.NOTHING) else run.experiment.run(how)


def trunk_of(run: config.Run) -> config.Run | None:
    """The pretrained trunk that the run's training starts from, if any."""
    return run.experiment.run(run.trunk) if run.trunk else None


def foundations(run: config.Run, seed: int) -> list[tuple[config.Run, int]]:
    """The trainings that must be there before this one: (run, seed) of its STN_0 and its trunk."""
    aligner, trunk = aligner_of(run), trunk_of(run)
    return [*([(aligner, 0)] if aligner else []), *([(trunk, seed)] if trunk else [])]


def load_method(run: config.Run, seed: int, folder: Path | None = None) -> Method:
    """The run's method with the stored weights of this seed, or those in `folder`.

    Raises:
        BadInput: if there are none.
    """
    return load_weights(make_method(run), run, seed, folder or run.weights(seed))


def load_weights(method: Method, run: config.Run, seed: int, folder: Path) -> Method:
    """`method` with the weights in `folder`, and with those of the run's trunk where it needs them."""
    if isinstance(method, TrainedMethod):
        trunk = trunk_of(run)
        method.load(folder, trunk.weights(seed) if trunk else None)
    else:
        method.load(folder)
    return method
