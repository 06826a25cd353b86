"""Which scores were made with other options or faces than params.yaml and the prepared data say now, or apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark import config
from benchmark.make import resolved
from benchmark.provenance import data_hash
from benchmark.reporting import measurements


def outdated(experiment: config.Experiment) -> dict[str, list[str]]:
    """By run, what differs: "width 32, now 16". Runs whose scores are of today's settings have no entry."""
    data, found = data_hash(experiment.data), {}
    first: dict[str, tuple[str, str]] = {}  # by kind of STN_0: the run that names one, and which
    for name, known in measurements.measured(experiment).items():
        run = experiment.run(name)
        now = resolved(run)
        lines = [line for record in known["training"] for line in differences(record, now)]
        lines += _precision(run, known["scored_seeds"])
        for record in (record for record in known["training"] if "stn0_hash" in record):
            other, stn0 = first.setdefault(record["align"], (name, record["stn0_hash"]))
            if record["stn0_hash"] != stn0:
                lines.append(f"behind another training of {record['align']} than {other}")
        if data is not None and known["data"] != data:
            lines.append(f"other faces than those in {experiment.data}")
        if lines:
            found[name] = list(dict.fromkeys(lines))
    return found


def _precision(run: config.Run, seeds: list[int]) -> Iterator[str]:
    """Which other precision than the one that params.yaml asks for the seeds were trained in, by their provenance."""
    wanted = run.experiment.precision
    if wanted == "auto":
        return
    for path in filter(Path.is_file, map(run.provenance, seeds)):
        had = json.loads(path.read_text()).get("precision")
        if had not in (None, wanted):
            yield f"precision {had}, now {wanted}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What a record says otherwise than it would now, options by their names."""
    for key, value in now.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from differences(old, value)
        elif old != (list(value) if isinstance(value, tuple) else value):
            yield f"{key} {old}, now {value}"
