"""From files to faces. A corpus is a module of this package with the functions of CORPUS, found by its name.

get(options, raw) places its files in a folder; entries(raw) lists the faces; read(raw, entry) decodes one; unused(raw)
gives each file that is no face with the reason.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from datasets.face import BadInput

CORPUS = ("get", "entries", "read", "unused")


def corpora() -> dict[str, ModuleType]:
    """Every corpus by the name of its module."""
    modules = (importlib.import_module(f"datasets.{m.name}") for m in pkgutil.iter_modules(__path__))
    return {m.__name__.split(".")[1]: m for m in modules if all(hasattr(m, f) for f in CORPUS)}


def corpus(name: str) -> ModuleType:
    """The corpus `name`; BadInput lists the known ones."""
    known = corpora()
    if name not in known:
        raise BadInput(f"params.yaml: no corpus '{name}'; datasets/ has {', '.join(known)}")
    return known[name]
