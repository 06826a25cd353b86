"""alignment.md: which runs are one method with several alignments, and that its numbers are those of metrics/."""

from __future__ import annotations

import json
from pathlib import Path

import experiments
import made_up
import pytest

from benchmark import config
from benchmark.reporting import alignment
from benchmark.reporting.findings import Pair, estimate
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from datasets.pairs import Pairs

# By run: its options, and the noise of its made-up errors; Ours has 20, which the oracle's run beats.
RUNS = {
    "bicubic_supervised": ({"method": "bicubic", "align": "stn0_supervised"}, 30.0),
    "bicubic_oracle": ({"method": "bicubic", "align": "oracle"}, 5.0),
    "other_bicubic": ({"method": "nearest", "align": "none"}, 90.0),
    "unmeasured": ({"method": "nearest", "align": "oracle"}, None),
    "theirs": ({"method": "images", "folder": "theirs", "align": "oracle"}, 40.0),  # made by who knows what
    "their_other": ({"method": "images", "folder": "others"}, 50.0),
    "wide": ({"method": "mtun", "width": 8, "align": "oracle"}, 10.0),  # no other alignment of this width
}

BY_TITLE = {"STN_0": "bicubic", "STN_0, supervised": "bicubic_supervised", "true warps": "bicubic_oracle"}


@pytest.fixture
def aligned(toy: config.Experiment) -> config.Experiment:
    supervised = {"stn0_supervised": {"method": "stn0", "supervised": True}}
    experiments.change(Path(), runs={name: item for name, (item, _) in RUNS.items()}, pretrained=supervised)
    experiment = config.load()
    faces = Pairs.load(experiment.data / "test")
    for name, noise in ((name, noise) for name, (_, noise) in RUNS.items() if noise):
        made_up.write_images(experiment.run(name), 0, faces, noise)
        made_up.write_metrics(experiment.run(name), faces)
    return experiment


def test_groups_differ_in_alignment_alone(aligned: config.Experiment) -> None:
    assert alignment.groups(Results(aligned)) == {
        "Bicubic": {"stn0": "bicubic", "stn0_supervised": "bicubic_supervised", "oracle": "bicubic_oracle"},
        "nearest": {"stn0": "nearest", "none": "other_bicubic"},
    }


def test_a_run_of_which_no_training_is_recorded_is_in_no_group(aligned: config.Experiment) -> None:
    path = aligned.run("bicubic_supervised").facts
    path.write_text(json.dumps(json.loads(path.read_text()) | {"training": []}))
    assert "bicubic_supervised" not in alignment.groups(Results(aligned))["Bicubic"].values()


def test_scores_are_the_means_of_metrics(aligned: config.Experiment) -> None:
    known = Results(aligned).summaries
    row = alignment.scores(Results(aligned)).set_index("Method").loc["Bicubic"]
    for title, run in BY_TITLE.items():
        assert row[title] == f"{known[run]['psnr']:.2f} / {known[run]['ssim_y']:.3f}"
    assert row["not aligned"] == "–"


def test_ours_is_compared_with_each(aligned: config.Experiment) -> None:
    load = loader(Results(aligned))
    loaded = {name: load(name) for name in alignment.SHOWN}
    table, scores = alignment.over(Results(aligned), loaded).set_index(["Ours over", "in"]), loaded["psnr"]
    for title, run in BY_TITLE.items():
        effect = estimate(Pair("ours", run), scores).effect
        assert table.loc[("Bicubic", "PSNR, dB"), title].startswith(f"{effect:+.2f} [")
    assert table.loc[("nearest", "SSIM on Y"), "true warps"] == "–"
    assert alignment.conclusion_reversals(Results(aligned), scores) == [
        "In PSNR, Ours is worse than Bicubic with `true warps`; not shown with `STN_0` or `STN_0, supervised`."
    ]


def test_errors_of_each_aligner_and_of_ours(aligned: config.Experiment, tmp_path: Path) -> None:
    def measured(name: str, rotation: float) -> None:
        identity = {"rotation_degrees": 20.0, "shift_percent": 3.0, "scale_percent": 10.0}
        errors = {"faces": 12, "estimated": {**identity, "rotation_degrees": rotation}, "identity": identity}
        aligned.run(name).metrics.write_text(json.dumps(errors))

    assert list(alignment.errors(Results(aligned))[""]) == ["Ours' own STN"]
    measured("stn0", 2.0)
    measured("stn0_supervised", 1.0)
    table = alignment.errors(Results(aligned)).set_index("")
    assert table["Rotation error, °"].to_dict() == {
        "not aligned": "20.00",
        "STN_0": "2.00",
        "STN_0, supervised": "1.00",
        "Ours' own STN": "0.00",  # made up of the true warps
    }
    alignment.write(Results(aligned), tmp_path)
    page = (tmp_path / "alignment.md").read_text()
    assert "| STN_0, supervised | 1.00                | 3.00             | 10.00            |" in page


def test_one_alignment_alone_leaves_nothing_to_compare(toy: config.Experiment, tmp_path: Path) -> None:
    alignment.write(Results(toy), tmp_path)
    assert (tmp_path / "alignment.md").read_text().strip().endswith(alignment.NONE)
