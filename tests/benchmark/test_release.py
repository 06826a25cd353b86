"""A network is given away with a card that tells its scores, its terms and what it is not for, or not at all."""

import json
from pathlib import Path

import experiments
import pandas as pd
import pytest

from benchmark import config, publish
from benchmark.reporting import model_card
from benchmark.reporting.results import Results
from benchmark.runs.fingerprint import record_of
from benchmark.runs.provenance import RECORD, file_hash
from datasets.face import BadInput

MANIFEST = {"faces": {"train": 1234, "test": 12}, "validation": 34, "hash": "of these faces"}
MADE = {"seconds": 7200.0, "device": "a device", "precision": "float32", "date": "2031-02-03T04", "commit": "abcdef012"}


def card(toy: config.Experiment) -> str:
    model_card.write(toy.run("ours"), 0, MANIFEST, MADE, Path("card.md"))
    return Path("card.md").read_text()


# Of a folder without git, with a store.
DVC = """[core]
    no_scm = True
    remote = store
['remote "store"']
    url = ../results/store
"""


def test_the_card_tells_scores_by_pose_and_source_beside_bicubic(toy: config.Experiment) -> None:
    text = card(toy)
    for run in ("ours", "bicubic"):
        rows = Results(toy).rows[run].query("seed == 0")
        for column in ("yaw_bin", "source"):
            for score in rows.groupby(column)["psnr"].mean():
                assert f"{score:.2f}" in text
    assert "Heatmap error" in text
    assert "1,200 faces" in text  # those of the validation fold taught nothing
    assert "2.0 hours on a device, float32, 2031-02-03, commit abcdef0" in text
    assert "the paper's *Ours*" in text
    assert "{" not in text


def test_the_card_tells_for_whom_real_faces_are_taken_and_their_terms(toy: config.Experiment) -> None:
    folder = toy.results / "recognition"
    folder.mkdir()
    found = [("HR", "0001", 0, 1), ("HR", "0002", 0, 1)]
    found += [("ours", "0001", 0.7, 1), ("ours", "0002", 0.5, 0), ("ours", "0003", 0.8, 0), ("ours", "0004", 0.9, 0)]
    table = pd.DataFrame(found, columns=["run", "name", "distance", "rank1"])
    table.assign(seed=0, yaw_bin="0-15", nme=0.1, vgg=None).to_csv(folder / "faces.csv", index=False)
    (folder / "gallery.json").write_text(json.dumps({"people": 40}))
    text = card(toy)
    assert "dlib's recogniser" not in text  # which can't tell synthetic identities apart
    assert "rendered by this project" in text
    experiments.change(Path(), corpora={"menpo": {}})
    with pytest.raises(BadInput, match="has no `terms`"):
        card(config.load())
    experiments.change(Path(), terms="for research alone")
    text = card(config.load())
    assert "75 % of its outputs for another person" in text
    assert "75 % of them nearest to another one of 40 identities" in text
    assert "**Terms.** for research alone" in text


def release_of(run: str) -> None:
    publish.main(publish.parser().parse_args(["release", "--run", run]))


def test_what_upscale_could_not_use_or_is_not_trained_or_scored_is_refused_by_name(toy: config.Experiment) -> None:
    experiments.change(
        Path(),
        runs={
            "upright": {"method": "mtun", "align": "stn0"},
            "told": {"method": "mtun", "align": "oracle"},
        },
    )
    refused = {
        "bicubic": "bicubic: no trained network",
        "upright": "not the STN_0 that upright was trained with",
        "told": "told: needs true warps",
        "ours": "weights/ours/seed0: missing",
    }
    for run, says in refused.items():
        with pytest.raises(BadInput, match=says):
            release_of(run)
    toy.run("bicubic").metrics.unlink()
    with pytest.raises(BadInput, match=r"bicubic\.json: missing"):
        card(toy)


@pytest.fixture
def trained(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> config.Run:
    """The run ours with weights of its first seed, as `train` leaves them, and a store."""
    for name, value in {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1"}.items():
        monkeypatch.setenv(name, value)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(DVC)
    run = toy.run("ours")
    (toy.data / "manifest.json").write_text(json.dumps(MANIFEST))
    facts = json.loads(run.facts.read_text())
    facts |= {"training": [facts["training"][0] | record_of(run, 0)], "data": MANIFEST["hash"]}
    run.facts.write_text(json.dumps(facts))
    run.weights(0).mkdir(parents=True)
    (run.weights(0) / "weights.safetensors").write_bytes(b"half precision")
    (run.weights(0) / RECORD).write_text(json.dumps(record_of(run, 0)))
    run.provenance(0).write_text(json.dumps(MADE))
    return run


def test_weights_and_card_are_stored_for_dvc(trained: config.Run) -> None:
    release_of("ours")
    assert (trained.released / "weights.safetensors").read_bytes() == b"half precision"
    assert trained.card.read_text().startswith("# Model card: Ours")
    stored = [path.read_bytes() for path in Path("results/store").rglob("*") if path.is_file()]
    assert b"half precision" in stored


def test_an_aligned_network_is_stored_with_the_stn0_that_it_was_trained_with(trained: config.Run) -> None:
    run = experiments.change_run("ours", align="stn0")
    stn0 = run.experiment.run("stn0").weights(0)
    stn0.mkdir(parents=True)
    (stn0 / "weights.safetensors").write_bytes(b"turns faces")
    facts = json.loads(run.facts.read_text())
    run.facts.write_text(json.dumps(facts | {"training": [facts["training"][0] | record_of(run, 0)]}))
    (run.weights(0) / RECORD).write_text(json.dumps(record_of(run, 0) | {"stn0": "of another"}))
    with pytest.raises(BadInput, match="not the STN_0 that ours was trained with"):
        release_of("ours")
    stored = record_of(run, 0) | {"stn0": file_hash(stn0 / "weights.safetensors")}
    (run.weights(0) / RECORD).write_text(json.dumps(stored))
    release_of("ours")
    assert (run.released / "stn0/weights.safetensors").read_bytes() == b"turns faces"


def test_scores_of_other_weights_and_too_many_bytes_are_refused(
    trained: config.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "MEGABYTES", 1e-6)
    with pytest.raises(BadInput, match="MiB; git keeps every version"):
        release_of("ours")
    facts = trained.facts.read_text()
    trained.facts.write_text(facts.replace(record_of(trained, 0)["fingerprint"], "another"))
    with pytest.raises(BadInput, match=r"ours\.facts\.json: missing or of other weights"):
        release_of("ours")
    (trained.weights(0) / RECORD).write_text(json.dumps(record_of(trained, 1)))
    with pytest.raises(BadInput, match=r"seed0: not trained as params\.yaml"):
        release_of("ours")
    assert not trained.released.exists()
    assert not trained.card.exists()
