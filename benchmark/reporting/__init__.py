"""From numbers to tables, figures, claims and the page."""

from pathlib import Path
from typing import Any

import jinja2

from benchmark.reference import label_of

TEMPLATES = Path(__file__).parent / "templates"


def render(name: str, /, **values: Any) -> str:
    """The text of a template of TEMPLATES, in which an unknown name is an error; `label` names a run."""
    files, strict = jinja2.FileSystemLoader(TEMPLATES), jinja2.StrictUndefined
    environment = jinja2.Environment(loader=files, undefined=strict, trim_blocks=True, autoescape=".html" in name)
    environment.filters["label"] = label_of
    return environment.get_template(name).render(**values).strip()
