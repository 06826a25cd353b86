"""Stage `report`: tables, claims, figures, plots and report.html of the experiment, from its metrics and images.

Without data and images, as in a fresh clone, the figures of faces are left out and the rest is made from metrics/.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from benchmark import cli, config
from benchmark.make import make_method
from benchmark.outdated import outdated
from benchmark.reporting import (
    alignment,
    architecture,
    claims,
    claims_page,
    deviations,
    dvc_plots,
    figures,
    heatmap_curves,
    heatmaps,
    html,
    measurements,
    plots,
    supplement,
    tables,
)
from benchmark.reporting.gallery import Gallery
from datasets.face import BadInput
from methods.trained import TrainedMethod


def main(arguments: argparse.Namespace) -> None:
    experiment = config.load(arguments.experiment)
    scored = measurements.rows(experiment)
    if not scored:
        command = f"python -m benchmark.run_all --experiment {experiment.name}"
        raise BadInput(f"{experiment.results}/metrics: no run has been evaluated; run `{command}` first")
    for run in (run for run in experiment.runs if run not in scored):
        print(f"{run}: not evaluated, left out")
    judged = write_text(experiment, experiment.results)
    gallery = gallery_of(experiment, scored)
    drawn = draw(experiment, gallery)
    if gallery is None and html.has_faces(experiment):
        print(f"{html.page_of(experiment)}: left as it is, for its faces cannot be shown anew without their images")
    else:
        html.write(experiment, gallery, judged, drawn)
    print((experiment.results / "tables" / "table1.md").read_text())
    print((experiment.results / "claims.md").read_text().splitlines()[0])


def gallery_of(experiment: config.Experiment, scored: dict[str, pd.DataFrame]) -> Gallery | None:
    """The faces to draw; None without them, and where figures of more runs are there than images are."""
    gallery = Gallery.load(experiment, scored)
    if gallery is None:
        print(f"{experiment.data}/test: no faces here; figures 1, 3, 4 and 5 and the report's faces are left out")
        return None
    missing = [run for run in scored if not gallery.has(run)]
    if missing and (experiment.results / "figures" / "all.png").is_file():
        print(f"{experiment.results}/sr: no images of {', '.join(missing)}; figures of faces are left as they are")
        return None
    return gallery


def write_text(experiment: config.Experiment, target: Path) -> list[dict[str, Any]]:
    """Write tables/, plots/, claims.json and the pages beside it into `target`; returns the judged claims."""
    with cli.whole_folder(target / "tables") as folder:
        write_tables(experiment, folder)
    with cli.whole_folder(target / "plots") as folder:
        dvc_plots.write(experiment, folder)
    judged = claims.judge(experiment)
    claims.write(judged, experiment, target)
    claims_page.write(judged, experiment, target)
    heatmaps.write(experiment, target)
    alignment.write(experiment, target)
    return judged


def write_tables(experiment: config.Experiment, folder: Path) -> None:
    """Write into `folder` the paper's three tables, the supplement, and the deviations."""
    for table in tables.TITLES:
        tables.write(table, experiment, folder)
    supplement.write(experiment, folder)
    old = outdated(experiment)
    for run, lines in old.items():
        print(f"{run}: scored with other settings than today's ({'; '.join(lines)}); run_all makes it anew")
    deviations.write(experiment, folder, old)


def draw(experiment: config.Experiment, gallery: Gallery | None) -> list[Path]:
    """Write figures/; returns those without faces: Figure 2 and the plots."""
    if gallery is not None:
        figures.write(gallery)
    heatmap_curves.write(experiment)
    drawn = plots.write(experiment)
    network = figure_2(experiment)
    if network is not None:
        target = experiment.results / "figures" / "fig2.png"
        figures.save(network, target)
        drawn = [target, *drawn]
    return drawn


def figure_2(experiment: config.Experiment) -> plt.Figure | None:
    """The network of the run `ours`, drawn; None where the experiment has no such run."""
    if "ours" not in experiment.runs:
        return None
    method = make_method(experiment.run("ours"))
    assert isinstance(method, TrainedMethod)
    return architecture.draw(method)


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__))
