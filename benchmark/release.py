"""Give a trained network away: the first seed of a run into the store, beside its model card.

`python -m benchmark.store pull` brings it back on any machine; `benchmark.upscale` takes it, without data or training.
"""

from __future__ import annotations

import argparse
import json
import shutil

from dvc.repo import Repo

from benchmark import cli, config, train
from benchmark.evaluate import record_of
from benchmark.make import alignment_of, make_method
from benchmark.reporting import model_card
from datasets.face import BadInput
from methods.trained import TrainedMethod

MEGABYTES = 25  # of a network that is given away


def main(arguments: argparse.Namespace) -> None:
    run = config.load(arguments.experiment).run(arguments.run)
    seed = run.seeds[0]
    require_usable(run)
    needed = [run.weights(seed), run.provenance(seed), run.experiment.data / "manifest.json"]
    for path in needed:
        if not path.exists():
            raise BadInput(f"{path}: missing; train the run here before it is given away")
    require_scored(run, seed)
    size = sum(path.stat().st_size for path in run.weights(seed).iterdir()) / 2**20
    if size > MEGABYTES:
        raise BadInput(
            f"{run.weights(seed)}: {size:.0f} MiB; git keeps every version of the store: {MEGABYTES} at most"
        )
    provenance, manifest = (json.loads(path.read_text()) for path in needed[1:])
    model_card.write(run, manifest, provenance, run.card)
    with cli.whole_folder(run.released) as folder:
        shutil.copytree(run.weights(seed), folder, dirs_exist_ok=True)
    with Repo() as repo:
        repo.add(str(run.released))
        repo.push([f"{run.released}.dvc"])
    print(f"{size:.1f} MiB in the store; read {run.card}, then `git add {run.card} {run.released}.dvc results/store`")


def require_usable(run: config.Run) -> None:
    """BadInput unless `upscale` can use the run's network with nothing else beside it."""
    method = make_method(run)
    if not isinstance(method, TrainedMethod):
        raise BadInput(f"{run.name}: no trained network; `make repro` fits it in seconds")
    if method.told or alignment_of(run) != "none":
        raise BadInput(f"{run.name}: needs STN_0 or the true faces beside it; give away one that turns faces by itself")


def require_scored(run: config.Run, seed: int) -> None:
    """BadInput unless the seed's weights are of params.yaml and metrics/ of these weights."""
    if not train.stored(run, seed):
        raise BadInput(f"{run.weights(seed)}: not of {config.PARAMS} and the data here; train the run again")
    if not run.facts.is_file():
        raise BadInput(f"{run.facts}: missing; predict and evaluate {run.name} first")
    if record_of(run, seed) not in json.loads(run.facts.read_text())["training"]:
        raise BadInput(f"{run.facts}: of other weights; predict and evaluate {run.name} again")


if __name__ == "__main__":
    cli.run(main, cli.stage_parser(__doc__, per_run=True))
