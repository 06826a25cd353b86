"""The model card of a network that is given away: what it is, its training, its scores, and what it is not for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark import cli, config, reference
from benchmark.reporting import render, supplement, tables
from benchmark.reporting.results import Results
from benchmark.reporting.tables import MEASURES
from benchmark.runs.provenance import read_json
from benchmark.scoring.recognition import SAME
from datasets.face import BadInput

BESIDE = "bicubic"
NO_TERMS = "The faces are rendered by this project; the weights have the code's licence."


def write(run: config.Run, seed: int, manifest: dict[str, Any], provenance: dict[str, Any], target: Path) -> None:
    """Write the card of a network to `target`, from its seed's part of metrics/ and recognition/.

    Args:
        run: the run whose network is given away, scored.
        seed: which of its networks.
        manifest: of the prepared faces.
        provenance: how the training came about.
        target: the card's file.

    Raises:
        BadInput: if BESIDE is not scored, or an experiment with real faces does not say their terms.
    """
    results = Results(run.experiment)
    if BESIDE not in results.summaries:
        raise BadInput(f"{run.experiment.run(BESIDE).metrics}: missing; a model card needs the scores of {BESIDE}")
    record = next(record for record in results.summaries[run.name]["training"] if record["seed"] == seed)
    errors = results.summaries[run.name]["estimates"].get(f"seed{seed}")
    recognised = results.recognised.get(run.name) if not results.synthetic else None
    text = render(
        "model_card.md.j2",
        name=reference.label_of(run.name),
        of_paper=run.name in reference.paper().index,
        run=run,
        record=record,
        corpus=results.experiment.corpus,
        faces=f"{manifest['faces']['train'] - manifest['validation']:,}",
        trained=provenance,
        terms=terms(results),
        recognised=None if recognised is None else recognised[recognised["seed"] == seed],
        same=SAME,
        gallery=read_json(results.experiment.results / "recognition" / "gallery.json"),
        test_faces=f"{results.summaries[run.name]['faces']:,}",
        beside=reference.label_of(BESIDE),
        estimates=_estimates(run.name, errors) if errors else "",
        by_yaw=_scores(results, {run.name: seed, BESIDE: 0}, supplement.by_yaw),
        by_source=_scores(results, {run.name: seed, BESIDE: 0}, supplement.by_source),
    )
    cli.write_text(target, text + "\n")


def _scores(results: Results, seeds: dict[str, int], groups: Callable[[pd.DataFrame], dict[str, pd.Series]]) -> str:
    """PSNR and SSIM on Y of each run's given seed, a row a group of faces and one for all."""
    columns: dict[str, dict[str, str]] = {}
    for run, seed in seeds.items():
        table = results.rows[run][results.rows[run]["seed"] == seed]
        for key in ("psnr", "ssim_y"):
            means = {group: table.loc[rows, key].mean() for group, rows in groups(table).items()}
            means["all"] = table[key].mean()
            columns[f"{MEASURES[key].title}, {reference.label_of(run)}"] = {
                group: MEASURES[key].text(mean) for group, mean in means.items()
            }
    return tables.markdown(pd.DataFrame(columns).rename_axis("Faces").reset_index())


def _estimates(run: str, errors: dict[str, Any]) -> str:
    known = pd.DataFrame({run: supplement.estimates({"": errors})}).T.dropna(axis=1)
    return tables.markdown(supplement.shown(known))


def terms(results: Results) -> str:
    """The experiment's `terms`, which only synthetic faces may lack."""
    experiment = results.experiment
    if experiment.terms:
        return experiment.terms
    if results.synthetic:
        return NO_TERMS
    raise BadInput(f"{config.PARAMS}: experiments.{experiment.name} has no `terms`; say under which its faces came")
