"""Stage `report`: tables, claims, figures, plots and report.html of the experiment, from its metrics and images.

Without data and images, as in a fresh clone, the figures of faces are left out and the rest is made from metrics/.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmark import cli, config
from benchmark.reporting import (
    accepted,
    alignment,
    claims,
    claims_page,
    deviations,
    figures,
    heatmaps,
    page,
    paper_tables,
    supplement,
)
from benchmark.reporting.faces import Gallery
from benchmark.reporting.results import Results, outdated
from benchmark.reporting.scores import loader
from datasets.face import BadInput


def main(arguments: argparse.Namespace) -> None:
    results = Results(config.load(arguments.experiment))
    experiment = results.experiment
    if not results.rows:
        command = f"python -m benchmark launch --experiment {experiment.name}"
        raise BadInput(f"{experiment.results}/metrics: no run has been evaluated; run `{command}` first")
    if absent := [run for run in experiment.runs if run not in results.rows]:
        print(f"not evaluated, left out: {', '.join(absent)}")
    judged = write_text(results, experiment.results)
    gallery = gallery_of(results)
    if gallery is not None:
        figures.write(gallery, experiment.results / "figures")
    with cli.whole_folder(experiment.results / "plots") as folder:
        plots = figures.write(results, folder)
    if gallery is None and page.has_faces(experiment):
        print(f"{experiment.results}/{page.FILE}: kept, since its faces cannot be shown again without their images")
    else:
        page.write(results, gallery, judged, plots)
    print((experiment.results / "tables" / "table1.md").read_text())
    print(f"{claims_page.summary(judged, results)}.")
    if experiment.name in accepted.experiments() and (moved := accepted.moved(results)):
        print(f"Moved against the accepted scores:\n{moved}")


def gallery_of(results: Results) -> Gallery | None:
    """The faces to draw; None without them, and if figures of more runs are there than images are."""
    gallery, experiment = Gallery.load(results), results.experiment
    if gallery is None:
        print(f"{experiment.data}/test: no faces here; figures 1, 3, 4 and 5 and the report's faces are left out")
        return None
    missing = [run for run in results.summaries if not gallery.has(run)]
    if missing and (experiment.results / "figures" / "fig5.png").is_file():
        print(f"{experiment.results}/sr: no images of {', '.join(missing)}; figures of faces are left as they are")
        return None
    return gallery


def write_text(results: Results, target: Path) -> list[dict[str, Any]]:
    """Write tables/, claims.json and the pages beside it into `target`; returns the judged claims."""
    experiment = results.experiment
    with cli.whole_folder(target / "tables") as folder:
        paper_tables.write(results, folder)
        supplement.write(results, folder)
        old = outdated(results)
        for run, lines in old.items():
            print(f"{run}: scored with other settings than today's ({'; '.join(lines)}); `launch` trains it again")
        (folder / "deviations.md").write_text(deviations.page(experiment, old))
    load = loader(results)
    judged = claims.judge(results, load)
    claims.write(judged, results, target, load)
    claims_page.write(judged, results, target, load)
    heatmaps.write(results, target, load)
    alignment.write(results, target, load)
    return judged


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.stage_parser(__doc__)
