"""From numbers to tables, figures, claims and the page."""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
