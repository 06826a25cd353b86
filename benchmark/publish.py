"""Publish results, the maintainer's steps after a report: accepted scores, costs, README.md, trained networks.

`accept` takes the scores of an experiment as those that `pytest benchmark/` holds it to, and prints what that changes.
`costs` writes results/costs.md and time.png of every accepted experiment, and estimates of others: times differ from
machine to machine, so that no stage of the pipeline has them. `readme` writes the results in README.md. `release` puts
a network into the store, with its STN_0 and a model card: `dvc pull` brings it to any machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from dvc.repo import Repo

from benchmark import cli, config
from benchmark.reporting import accepted, costs, model_card, readme
from benchmark.reporting.results import Results
from benchmark.runs.fingerprint import is_scored, is_trained
from benchmark.runs.make import aligner_of, alignment_of, make_method
from benchmark.runs.provenance import RECORD, file_hash, read_json
from datasets.face import BadInput
from methods.trained import FILE, TrainedMethod

COSTS = Path("results/costs.md")
ESTIMATED = {"paper": "standin"}  # an experiment of the same widths by whose speeds it is estimated
MEGABYTES = 25  # of a network that is given away


def main(arguments: argparse.Namespace) -> None:
    arguments.action(arguments)


def accept(arguments: argparse.Namespace) -> None:
    """Take the scores of an experiment as the accepted ones."""
    print(accepted.accept(Results(config.load(arguments.experiment))) or "nothing moved")


def write_costs(arguments: argparse.Namespace) -> None:
    """Write results/costs.md, costs.csv and time.png."""
    experiments = [Results(config.load(name)) for name in accepted.experiments()]
    estimates = [costs.estimate(config.load(name), Results(config.load(by))) for name, by in ESTIMATED.items()]
    costs.write(experiments, COSTS, estimates)
    print(f"{COSTS}: written")


def write_readme(arguments: argparse.Namespace) -> None:
    """Write the results in README.md and docs/, or check them."""
    shown = {key: Results(config.load(name)) for key, name in readme.EXPERIMENTS.items()}
    readme.update(shown, check=arguments.check)
    print(f"{', '.join(map(str, [readme.README, *readme.PAGES]))}: up to date")


def release(arguments: argparse.Namespace) -> None:
    """Put a trained network into the store."""
    run = config.load(arguments.experiment).run(arguments.run)
    seed = run.seeds[0] if arguments.seed is None else arguments.seed
    require_usable(run, seed)
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
    model_card.write(run, seed, manifest, provenance, run.card)
    with cli.whole_folder(run.released) as folder:
        shutil.copytree(run.weights(seed), folder, dirs_exist_ok=True)
        if aligner := aligner_of(run):
            shutil.copytree(aligner.weights(0), folder / aligner.name)
    with Repo() as repo:
        repo.add(str(run.released))
        repo.push([f"{run.released}.dvc"])
    print(f"{size:.1f} MiB in the store; read {run.card}, then `git add {run.card} {run.released}.dvc results/store`")


def require_usable(run: config.Run, seed: int) -> None:
    """Raise BadInput unless `upscale` can use the network with its STN_0 alone: no trunk, no truth about the face."""
    method = make_method(run)
    if not isinstance(method, TrainedMethod):
        raise BadInput(f"{run.name}: no trained network; `make repro` fits it in seconds")
    if method.requires_ground_truth or alignment_of(run) == config.ORACLE or run.options.get("freeze_trunk", False):
        raise BadInput(f"{run.name}: needs true warps, true heatmaps or a frozen trunk; release a run without them")
    if aligner := aligner_of(run):
        weights = aligner.weights(0) / FILE
        if not weights.is_file() or file_hash(weights) != read_json(run.weights(seed) / RECORD).get("stn0"):
            raise BadInput(f"{weights}: missing, or not the STN_0 that {run.name} was trained with; train both here")


def require_scored(run: config.Run, seed: int) -> None:
    """Raise BadInput unless the seed's weights are those of params.yaml, and metrics/ those of these weights."""
    if not is_trained(run, seed):
        raise BadInput(f"{run.weights(seed)}: not trained as {config.PARAMS} and the data ask; retrain it")
    if not is_scored(run, seed):
        raise BadInput(f"{run.facts}: missing or of other weights; predict and evaluate {run.name} again")


def parser() -> argparse.ArgumentParser:
    """The command line: an action and its options."""
    top = argparse.ArgumentParser(description=__doc__)
    actions = top.add_subparsers(required=True, metavar="ACTION")
    options = {"accept": accept, "costs": write_costs, "readme": write_readme, "release": release}
    parsers = {name: actions.add_parser(name, help=run.__doc__) for name, run in options.items()}
    for name, run in options.items():
        parsers[name].set_defaults(action=run)
    for name in ("accept", "release"):
        parsers[name].add_argument("--experiment", help="a block of params.yaml (default: its own choice)")
    parsers["release"].add_argument("--run", required=True, help="a run of params.yaml")
    parsers["release"].add_argument("--seed", type=int, help="of the network (default: the run's first)")
    parsers["readme"].add_argument("--check", action="store_true", help="change nothing; exit 2 if it is out of date")
    return top
