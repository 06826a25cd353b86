"""Which scores were made with other options or faces than params.yaml and the prepared data say now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmark import config
from benchmark.make import resolved
from benchmark.provenance import data_hash
from benchmark.reporting import measurements


def outdated(experiment: config.Experiment) -> dict[str, list[str]]:
    """By run, what differs: "width 32, now 16". Runs whose scores are of today's settings have no entry."""
    data, found = data_hash(experiment.data), {}
    for name, known in measurements.measured(experiment).items():
        run = experiment.run(name)
        now = resolved(run)
        lines = [line for record in known["training"] for line in differences(record, now)]
        if data is not None and known["data"] != data:
            lines.append(f"other faces than those in {experiment.data}")
        if lines:
            found[name] = list(dict.fromkeys(lines))
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What a record says otherwise than it would now, options by their names."""
    for key, value in now.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from differences(old, value)
        elif old != (list(value) if isinstance(value, tuple) else value):
            yield f"{key} {old}, now {value}"
