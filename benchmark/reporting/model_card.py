"""The model card of a network that is given away: what it is, its training, its scores, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark import cli, config, reference
from benchmark.reporting import render, supplement, tables
from benchmark.reporting.results import Results
from benchmark.scoring.recognition import SAME
from datasets.face import BadInput

BESIDE = "bicubic"
NO_TERMS = "The faces are rendered by this project; the weights have the code's licence."


def write(run: config.Run, manifest: dict[str, Any], provenance: dict[str, Any], target: Path) -> None:
    """Write the card of the run's first seed to `target`, from that seed's part of metrics/ and recognition/.

    Args:
        run: the run whose network is given away, scored.
        manifest: of the prepared faces.
        provenance: how the training came about.
        target: the card's file.

    Raises:
        BadInput: if BESIDE is not scored, or an experiment with real faces does not say their terms.
    """
    results, seed = Results(run.experiment), run.seeds[0]
    if BESIDE not in results.summaries:
        raise BadInput(f"{run.experiment.run(BESIDE).metrics}: missing; a model card needs the scores of {BESIDE}")
    record = next(record for record in results.summaries[run.name]["training"] if record["seed"] == seed)
    compared = {
        name: results.rows[name][results.rows[name]["seed"] == results.experiment.run(name).seeds[0]]
        for name in (run.name, BESIDE)
    }
    errors = {key: value for key, value in results.summaries[run.name]["estimates"].items() if key == f"seed{seed}"}
    text = render(
        "model_card.md.j2",
        name=reference.label_of(run.name),
        of_paper=run.name in reference.paper().index,
        run=run,
        record=record,
        corpus=results.experiment.params.corpus,
        faces=f"{manifest['faces']['train'] - manifest['validation']:,}",
        trained=provenance,
        terms=terms(results),
        identity=_identity(results, run.name, seed),
        test_faces=f"{results.summaries[run.name]['faces']:,}",
        beside=reference.label_of(BESIDE),
        by_yaw=_scores(compared, supplement.by_yaw),
        by_source=_scores(compared, supplement.by_source),
        estimates=_shown({run.name: supplement.estimates(errors)}) if errors else "",
    )
    cli.write_text(target, text + "\n")


def terms(results: Results) -> str:
    """The experiment's `terms`, which only synthetic faces may lack."""
    experiment = results.experiment
    if experiment.params.terms:
        return experiment.params.terms
    if results.synthetic:
        return NO_TERMS
    raise BadInput(f"{config.PARAMS}: experiments.{experiment.name} has no `terms`; say under which its faces came")


def _identity(results: Results, run: str, seed: int) -> str:
    """How far the faces are from the people's own, if a recogniser has looked at real ones."""
    if run not in results.recognised or results.synthetic:
        return ""
    table = results.recognised[run]
    table = table[table["seed"] == seed]
    facts = json.loads((results.experiment.results / "recognition" / "gallery.json").read_text())
    missed = 100 * (table["distance"] >= SAME).mean()
    return (
        f"dlib's recogniser takes {missed:.0f} % of its outputs for another person, and finds "
        f"{100 - 100 * table['rank1'].mean():.0f} % of them nearest to another one of {facts['people']} identities."
    )


def _scores(rows: dict[str, pd.DataFrame], groups: Callable[[pd.DataFrame], dict[str, pd.Series]]) -> str:
    return _shown({run: supplement.by_group(groups(table), table) for run, table in rows.items()})


def _shown(numbers: dict[str, dict[tuple[str, str], float]]) -> str:
    return tables.markdown(supplement.shown(pd.DataFrame(numbers).T.dropna(axis=1)))
