"""From files to faces. A corpus is a module of this package with `get`, `entries` and `read`, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from datasets.face import BadInput


def corpora() -> dict[str, ModuleType]:
    """Every corpus by the name of its module."""
    modules = (importlib.import_module(f"datasets.{m.name}") for m in pkgutil.iter_modules(__path__))
    return {m.__name__.split(".")[1]: m for m in modules if all(hasattr(m, f) for f in ("get", "entries", "read"))}


def corpus(name: str) -> ModuleType:
    """The corpus `name`; BadInput lists the known ones."""
    known = corpora()
    if name not in known:
        raise BadInput(f"params.yaml: no corpus '{name}'; datasets/ has {', '.join(known)}")
    return known[name]
