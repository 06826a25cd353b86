"""From numbers to tables, figures, claims and the page."""

from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str, *, autoescape: bool = False) -> jinja2.Template:
    """A template of TEMPLATES, in which an unknown name is an error."""
    files, strict = jinja2.FileSystemLoader(TEMPLATES), jinja2.StrictUndefined
    environment = jinja2.Environment(loader=files, undefined=strict, trim_blocks=True, autoescape=autoescape)
    return environment.get_template(name)
