"""Scores of seeds that were trained on another machine: metrics/ has them, and their images are not here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from benchmark import config
from benchmark.scoring.statistics import read_rows


@dataclass(frozen=True)
class Elsewhere:
    """What metrics/ has of such seeds: a row a face and seed, errors of estimates by seed, a record a training."""

    rows: list[pd.DataFrame] = field(default_factory=list)
    estimates: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seeds(self) -> list[int]:
        return [record["seed"] for record in self.records]


def scores(run: config.Run, record: dict[str, Any]) -> Elsewhere:
    """What metrics/ has of the run's seeds without images here, if trained as `record`, of another seed, says."""
    table = run.metrics.with_suffix(".csv")
    if not (table.is_file() and run.facts.is_file()):
        return Elsewhere()
    facts = json.loads(run.facts.read_text())
    others = [seed for seed in run.seeds if not run.images(seed).is_dir()]
    records = [known for known in facts["training"] if known in [{**record, "seed": seed} for seed in others]]
    rows = read_rows(table)
    found = Elsewhere(
        [rows[rows["seed"] == known["seed"]] for known in records],
        {key: facts["estimates"][key] for known in records if (key := f"seed{known['seed']}") in facts["estimates"]},
        records,
    )
    for seed in sorted(set(others) & {known["seed"] for known in facts["training"]}):
        kept = "is kept" if seed in found.seeds else "was trained otherwise and is left out"
        print(f"{run.name}: seed {seed} was scored elsewhere; what {table} has of it {kept}")
    return found
