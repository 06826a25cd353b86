"""Trained networks that come with the repository, in its DVC remote results/store, which git keeps.

`pull` takes them into results/, every file checked first, so that `dvc repro` has nothing to train; `push` puts there
what has been trained; `hours` says how long that took. Only what takes long is stored: networks, not data, images or
what is fitted in seconds. Networks that `benchmark.release` gives away lie there too; every pull brings them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dvc.repo import Repo

from benchmark import cli, config
from benchmark.make import class_of
from benchmark.provenance import hours
from datasets.face import BadInput
from methods.trained import TrainedMethod

LOCK = Path("dvc.lock")
ANEW = "`make train` trains them anew"


class Shipped(NamedTuple):
    """Weights that belong in the store: the DVC stage or .dvc file of theirs, their folder and its recorded hash."""

    target: str
    weights: Path
    md5: str


def stages() -> dict[str, Any]:
    """What dvc.lock records, by stage."""
    return yaml.safe_load(LOCK.read_text())["stages"] if LOCK.is_file() else {}


def shipped(experiment: config.Experiment) -> list[Shipped]:
    """STN_0 and every network of the experiment of which dvc.lock records weights."""
    lock = stages()
    found = []
    for name in networks(experiment):
        stage = "align_stn0" if name in config.ALIGNERS else f"train@{name}"
        outs = {Path(out["path"]): out["md5"] for out in lock.get(stage, {}).get("outs", [])}
        if (weights := experiment.results / "weights" / name) in outs:
            found.append(Shipped(stage, weights, outs[weights]))
    return found


def released() -> list[Shipped]:
    """What is given away of all experiments: a .dvc file each."""
    found = []
    for path in sorted(Path("results").glob("*/released/*.dvc")):
        (out,) = yaml.safe_load(path.read_text())["outs"]
        found.append(Shipped(str(path), path.parent / out["path"], out["md5"]))
    return found


def folder(repo: Repo) -> Path | None:
    """Where the store is on this machine; None where its address is a bucket's."""
    url = repo.config["remote"][repo.config["core"]["remote"]]["url"]
    return None if "://" in str(url) else Path(url)


def files(store: Path, training: Shipped) -> Iterator[tuple[Path, Path]]:
    """The training's files: where each belongs, and where it lies in the store; the list of them first."""
    listing = object_of(store, training.md5)
    yield training.weights, listing
    for entry in json.loads(listing.read_text()):
        yield training.weights / entry["relpath"], object_of(store, entry["md5"])


def object_of(store: Path, md5: str) -> Path:
    return store / "files" / "md5" / md5[:2] / md5[2:]


def check(store: Path, trainings: list[Shipped]) -> None:
    """BadInput naming the first file that is missing or is not what dvc.lock records."""
    for training in trainings:
        for name, path in files(store, training):
            if not path.is_file():
                raise BadInput(f"{path}: missing (it is {name}); `git checkout {store}` brings it back, or {ANEW}")
            if hashlib.md5(path.read_bytes()).hexdigest() != path.parent.name + path.stem:
                raise BadInput(f"{path}: damaged (it is {name}); `git checkout {store}` brings it back, or {ANEW}")


def pull(experiment: config.Experiment) -> None:
    """Take the trainings that the store has into results/, all or, where a file is damaged, none; say which.

    What was trained here and is not recorded yet is left as it is.
    """
    own, others = shipped(experiment), released()
    if not own:
        say_of_another(experiment)
    with Repo() as repo:
        store = folder(repo)
        found = [*own, *others] if store is None else at_hand(store, [*own, *others])
        if found:
            repo.fetch([training.target for training in found])
        kept = [training for training in found if unsaved(repo, training.weights)]
        taken = [training for training in found if training not in kept]
        if taken:  # of no targets, DVC takes all that there are
            repo.checkout([training.target for training in taken], allow_missing=store is None)
    say_taken(experiment, own, taken, kept)


def unsaved(repo: Repo, weights: Path) -> bool:
    """Whether a file of the folder is in no cache: DVC would have to destroy it, and refuses."""
    files = (path for path in weights.rglob("*") if path.is_file())
    return any(not repo.cache.local.exists(hashlib.md5(path.read_bytes()).hexdigest()) for path in files)


def say_taken(experiment: config.Experiment, own: list[Shipped], taken: list[Shipped], kept: list[Shipped]) -> None:
    """Print what came from the store, and what did not; `own` are the experiment's, the others given away."""
    print(summary(experiment, [one for one in taken if one in own], [one for one in kept if one in own]))
    for one in kept:
        # Where no input has changed, DVC may remember the outcome of before, and puts that in its place.
        by_repro = f"`python -m benchmark.repro` if code or parameters changed, else `dvc commit -f {one.target}`"
        remedy = by_repro if one in own else "`python -m benchmark.release`"
        print(f"{one.weights}: not what DVC has recorded, left as it is; record it: {remedy}")
    for one in (one for one in taken if one not in own):
        print(f"{one.weights}: a network that is given away; read {one.weights}.md before you use it")


def say_of_another(experiment: config.Experiment) -> None:
    """Print how to get this experiment's trainings back where dvc.lock records another one's."""
    paths = [Path(out["path"]) for stage in stages().values() for out in stage.get("outs", [])]
    others = {path.parts[1] for path in paths if path.parts[0] == "results"} - {experiment.name}
    if others:
        print(f"{LOCK} is of {', '.join(sorted(others))}; `git checkout {LOCK}` brings back what is stored")


def at_hand(store: Path, recorded: list[Shipped]) -> list[Shipped]:
    """Those of the recorded trainings that lie in the folder `store`, checked; BadInput where that is not there."""
    if recorded and not store.is_dir():
        raise BadInput(f"{store}: missing, and with it the trained networks; {ANEW}, which takes hours")
    found = [training for training in recorded if object_of(store, training.md5).is_file()]
    check(store, found)
    return found


def push(experiment: config.Experiment) -> None:
    """Put every network of which dvc.lock records weights into the store."""
    recorded = shipped(experiment)
    with Repo() as repo:
        count = repo.push([training.target for training in recorded]) if recorded else 0
    print(f"{len(recorded)} trained networks recorded, {count} files new in the store")


def summary(experiment: config.Experiment, taken: list[Shipped], kept: list[Shipped]) -> str:
    """Which trainings come from the store, when and on what they were made, what is left to train, and what to do.

    kept: those that the store has too, and that stay as they are here.
    """
    names = [training.weights.name for training in taken]
    known = [(name, made) for name in names for made in _made(experiment, name)]
    lines = [
        f"  {name:20} {made['date'][:10]}  {made['device']}, {made['precision']}, {made['seconds'] / 60:.0f} minutes"
        for name, made in known
    ]
    total = hours([made for _, made in known])
    rest = [name for name in networks(experiment) if name not in {*names, *(one.weights.name for one in kept)}]
    head = (
        f"{len(names)} trained networks taken from the store ({ANEW}: {total:.1f} hours on one such device, if alone):"
    )
    tail = (
        [f"Not in the store: {', '.join(rest)}; those that are not in results/ are trained now, for hours"]
        if rest
        else []
    )
    return "\n".join([head, *lines, *tail] if names else tail)


def networks(experiment: config.Experiment) -> list[str]:
    """The runs whose method the engine trains, after STN_0."""
    runs = [name for name in experiment.runs if issubclass(class_of(experiment.run(name)), TrainedMethod)]
    return [*(aligner.name for aligner in experiment.aligners), *runs]


def _made(experiment: config.Experiment, name: str) -> list[dict[str, Any]]:
    """How each seed's training came about, as its provenance tells."""
    run = experiment.training(name)
    paths = [run.provenance(seed) for seed in run.seeds]
    return [json.loads(path.read_text()) for path in paths if path.is_file()]


def say_hours(experiment: config.Experiment) -> None:
    """Print how long the recorded trainings took, for who is about to repeat them."""
    known = [_made(experiment, name) for name in networks(experiment)]
    made = [one for each in known for one in each]
    devices = " and ".join(sorted({one["device"] for one in made})) or "no device"
    never = known.count([])
    print(f"{len(made)} trainings took {hours(made):.1f} hours one after another on {devices}; never: {never}")


def main(arguments: argparse.Namespace) -> None:
    {"pull": pull, "push": push, "hours": say_hours}[arguments.action](config.load(arguments.experiment))


if __name__ == "__main__":
    parser = cli.stage_parser(__doc__)
    parser.add_argument("action", choices=("pull", "push", "hours"))
    cli.run(main, parser)
