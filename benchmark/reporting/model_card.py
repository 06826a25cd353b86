"""The model card of a network that is given away: what it is, its training, its scores, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmark import cli, config
from benchmark.reporting import measurements, supplement, tables
from benchmark.reporting.html import TEMPLATES
from benchmark.scoring.recognition import SAME
from datasets.face import BadInput

BESIDE = "bicubic"
NO_TERMS = "The faces are drawn by this project's own program; the weights come under the code's licence."


def write(run: config.Run, manifest: dict[str, Any], provenance: dict[str, Any], target: Path) -> None:
    """Write the card of the run's first seed to `target`, from that seed's part of metrics/ and recognition/.

    manifest: of the prepared faces. provenance: how the training came about. BadInput where the run or BESIDE is not
    scored, or where the experiment of real faces does not say their terms.
    """
    experiment, seed = run.experiment, run.seeds[0]
    known, rows = measurements.measured(experiment), measurements.rows(experiment)
    record = _record(run, known)
    labels = measurements.labels(experiment)
    compared = {name: rows[name][rows[name]["seed"] == experiment.run(name).seeds[0]] for name in (run.name, BESIDE)}
    errors = {key: found for key, found in known[run.name]["estimates"].items() if key == f"seed{seed}"}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    text = environment.get_template("model_card.md.j2").render(
        name=labels[run.name],
        experiment=experiment.name,
        run=run.name,
        paper=_paper(labels[run.name], run.name),
        method=run.method,
        parameters=f"{record['parameters']:,}",
        seed=seed,
        notes="".join(f" {key}: {note}." for key, note in record["notes"].items()),
        corpus=_capital(tables.describe(experiment)),
        faces=f"{manifest['faces']['train'] - manifest['validation']:,}",
        trained=_training(provenance),
        terms=terms(experiment),
        identity=_identity(experiment, run.name, seed),
        test_faces=f"{known[run.name]['faces']:,}",
        beside=labels[BESIDE],
        by_yaw=_scores(compared, supplement.by_yaw, labels),
        by_source=_scores(compared, supplement.by_source, labels),
        estimates=_shown({run.name: supplement.estimates(errors)}, labels) if errors else "",
    )
    with cli.whole_file(target) as part:
        part.write_text(text.rstrip() + "\n")


def _record(run: config.Run, known: dict[str, Any]) -> dict[str, Any]:
    """What the run's facts, of `known`, say of its first seed's training; BadInput where it or BESIDE is not scored."""
    for name in (run.name, BESIDE):
        if name not in known:
            raise BadInput(f"{run.experiment.run(name).metrics}: missing; a model card tells the scores of {name}")
    record = next((record for record in known[run.name]["training"] if record["seed"] == run.seeds[0]), None)
    if record is None:
        raise BadInput(f"{run.facts}: nothing on seed {run.seeds[0]}; predict and evaluate it again")
    return record


def terms(experiment: config.Experiment) -> str:
    """The experiment's `terms`, which drawn faces alone may lack."""
    if "terms" in experiment.params:
        return str(experiment.params["terms"])
    if measurements.drawn(experiment):
        return NO_TERMS
    raise BadInput(f"{config.PARAMS}: experiments.{experiment.name} has no `terms`; say under which its faces came")


def _paper(label: str, run: str) -> str:
    return f"the paper's *{label}*." if run in measurements.paper_labels() else "which the paper does not have."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _training(known: dict[str, Any]) -> str:
    hours = f"{known['seconds'] / 3600:.1f} hours on {known['device']}, {known['precision']}, {known['date'][:10]}"
    return f"{hours}, commit {(known['commit'] or 'unknown')[:7]}."


def _identity(experiment: config.Experiment, run: str, seed: int) -> str:
    """How far the faces are from the people's own, where a recogniser has looked at real ones."""
    seen = measurements.recognised(experiment)
    if run not in seen or measurements.drawn(experiment):
        return ""
    table = seen[run][seen[run]["seed"] == seed]
    facts = json.loads((experiment.results / "recognition" / "gallery.json").read_text())
    missed = 100 * (table["distance"] >= SAME).mean()
    return (
        f"To dlib's recogniser {missed:.0f} % of its faces show somebody else than the person photographed, and "
        f"{100 - 100 * table['rank1'].mean():.0f} % look most like another one of {facts['people']} people."
    )


def _scores(
    rows: dict[str, pd.DataFrame], groups: Callable[[pd.DataFrame], dict[str, pd.Series]], labels: dict[str, str]
) -> str:
    return _shown({run: supplement.by_group(groups(table), table) for run, table in rows.items()}, labels)


def _shown(numbers: dict[str, dict[tuple[str, str], float]], labels: dict[str, str]) -> str:
    part = pd.DataFrame(numbers).T.dropna(axis=1)
    return supplement.shown(part, labels).to_markdown(index=False, disable_numparse=True)
