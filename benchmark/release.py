"""Give a trained network away: the first seed of a run into the store, beside its model card.

`python -m benchmark.store pull` brings it back on any machine; `benchmark.upscale` takes it, without data or training.
"""

from __future__ import annotations

import argparse
import json
import shutil

from dvc.repo import Repo

from benchmark import cli, config
from benchmark.reporting import model_card
from datasets.face import BadInput


def main(arguments: argparse.Namespace) -> None:
    run = config.load(arguments.experiment).run(arguments.run)
    seed = run.seeds[0]
    needed = [run.weights(seed), run.provenance(seed), run.experiment.data / "manifest.json"]
    for path in needed:
        if not path.exists():
            raise BadInput(f"{path}: missing; train the run here before it is given away")
    provenance, manifest = (json.loads(path.read_text()) for path in needed[1:])
    model_card.write(run, manifest, provenance, run.card)
    with cli.whole_folder(run.released) as folder:
        shutil.copytree(run.weights(seed), folder, dirs_exist_ok=True)
    with Repo() as repo:
        repo.add(str(run.released))
        repo.push([f"{run.released}.dvc"])
    size = sum(path.stat().st_size for path in run.released.iterdir()) / 1e6
    print(f"{run.released}: {size:.1f} MB in the store; read {run.card}, then commit it with {run.released}.dvc")


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__, per_run=True))
