"""The identity of a training: the one answer to "is this up to date?" for weights, SR images and scores.

A fingerprint is a hash of the prepared data, the options, the version of the method and of the training loop, and the
fingerprints of what the training builds on. It does not contain code: whoever changes results raises a version.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from benchmark import config
from benchmark.runs import external
from benchmark.runs.make import aligner_of, alignment_of, class_of, options_of, trunk_of
from benchmark.runs.provenance import OF_IMAGES, RECORD, data_hash, file_hash, read_json
from benchmark.training import LOOP_VERSION
from methods.trained import TrainedMethod


def record_of(run: config.Run, seed: int) -> dict[str, Any]:
    """What decides the outcome of a training, readable, with its fingerprint; stored with weights and scores."""
    if run.external:
        return external.record_of(run, seed)
    method, aligner, trunk = class_of(run), aligner_of(run), trunk_of(run)
    trained = issubclass(method, TrainedMethod)
    identity = {
        "data": data_hash(run.experiment.data, "train"),
        "method": run.method,
        "version": method.VERSION,
        "loop": LOOP_VERSION if trained else None,
        "options": options_of(run).model_dump(mode="json"),
        "vgg": _content(run.experiment.training.vgg) if trained else None,
        "seed": seed,
        "align": fingerprint(aligner, 0) if aligner else alignment_of(run),
        "trunk": fingerprint(trunk, seed) if trunk else None,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    readable = {"align": alignment_of(run), "vgg": run.experiment.training.vgg if trained else None}
    shown = {key: identity[key] for key in ("method", "version", "options", "seed")}
    return {"fingerprint": digest, "experiment": run.experiment.name, "run": run.name, **shown, **readable}


def fingerprint(run: config.Run, seed: int) -> str:
    """The identity of the run's training with this seed."""
    return str(record_of(run, seed)["fingerprint"])


def is_trained(run: config.Run, seed: int) -> bool:
    """Whether the seed's weights are there and up to date."""
    return read_json(run.weights(seed) / RECORD).get("fingerprint") == fingerprint(run, seed)


def is_scored(run: config.Run, seed: int) -> bool:
    """Whether metrics/ has up-to-date scores of this seed, wherever they were computed."""
    facts = read_json(run.facts) if run.metrics.is_file() else {}
    same_faces = facts.get("data") == data_hash(run.experiment.data)
    known = [record.get("fingerprint") for record in facts.get("training", [])]
    return same_faces and fingerprint(run, seed) in known


def mark_images(folder: Path, run: config.Run, seed: int) -> None:
    """Note in a folder of SR images of which training and test faces they are, and in which precision computed."""
    (folder / OF_IMAGES).write_text(json.dumps(_of_images(run, seed)) + "\n")


def images_up_to_date(run: config.Run, seed: int) -> bool:
    """Whether the seed's SR images are there, of its up-to-date training and of today's test faces."""
    return read_json(run.images(seed) / OF_IMAGES) == _of_images(run, seed)


def _of_images(run: config.Run, seed: int) -> dict[str, str | None]:
    experiment = run.experiment
    faces = data_hash(experiment.data, "test")
    return {"fingerprint": fingerprint(run, seed), "faces": faces, "precision": experiment.predict.precision}


@cache
def _content(vgg: str | None) -> str | None:
    """VGG-19's weights by content if they are a file here, else by name."""
    return file_hash(Path(vgg)) if vgg and Path(vgg).is_file() else vgg
