"""From numbers to tables, figures, claims and the page."""
