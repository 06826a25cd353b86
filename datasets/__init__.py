"""From files to faces. A corpus is a module of this package with the functions of CORPUS, found by its name:

    get(options, raw)     places its files in the new folder `raw`; `options` are those of params.yaml
    verify(raw, options)  checks what is there and lists it: Contents(faces, unused)
    read(raw, entry)      decodes one face of that list: Face(image, landmarks, visible, identity, source)

Each raises BadInput, one line with file, value and remedy: `get` where a file is missing or damaged, `verify` where the
corpus cannot be used, `read` where that one face cannot.
"""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from datasets.face import BadInput

CORPUS = ("get", "verify", "read")


def corpora() -> list[str]:
    """Name every corpus; no module is imported for it."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py")}
    return sorted(name for name, text in sources.items() if all(f"\ndef {function}(" in text for function in CORPUS))


@cache
def corpus(name: str) -> ModuleType:
    """Import the corpus `name`; BadInput lists the known ones if there is none of this name."""
    known = corpora()
    if name not in known:
        raise BadInput(f"params.yaml: no corpus '{name}'; datasets/ has {', '.join(known)}")
    return importlib.import_module(f"datasets.{name}")
