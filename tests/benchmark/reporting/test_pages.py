"""alignment.md and heatmaps.md: which runs are compared, and that their numbers are those of metrics/."""

import json
from pathlib import Path

import experiments
import made_up
import pytest
import torch

from benchmark import config, upscale
from benchmark.reporting import alignment, heatmaps
from benchmark.reporting.findings import Finding, Pair, estimate
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from datasets.face import BadInput

# Ours has a noise of 20, which the oracle's run beats.
RUNS: made_up.Runs = {
    "bicubic_supervised": ({"method": "bicubic", "align": "stn0_supervised"}, 30.0),
    "bicubic_oracle": ({"method": "bicubic", "align": "oracle"}, 5.0),
    "other_bicubic": ({"method": "nearest", "align": "none"}, 90.0),
    "unmeasured": ({"method": "nearest", "align": "oracle"}, None),
    "theirs": ({"method": "images", "folder": "theirs", "align": "oracle"}, 40.0),  # made by who knows what
    "their_other": ({"method": "images", "folder": "others"}, 50.0),
    "wide": ({"method": "mtun", "width": 8, "align": "oracle"}, 10.0),  # no other alignment of this width
    # What networks see of heatmaps.
    "blind": ({"method": "mtun", "stacks": 0, "seeds": 2}, 35.0),
    "true": ({"method": "mtun", "stacks": 0, "heatmaps": "true"}, 10.0),
    "zero": ({"method": "mtun", "stacks": 0, "heatmaps": "zero"}, 36.0),
    "strong": ({"method": "mtun", "heatmap_weight": 10.0, "sigma": 3.0}, None),
    "other_loss": ({"method": "mtun", "adversarial": False}, 25.0),
}
BY_TITLE = {"STN_0": "bicubic", "STN_0, supervised": "bicubic_supervised", "true warps": "bicubic_oracle"}
IDENTITY = {"rotation_degrees": 20.0, "shift_percent": 3.0, "scale_percent": 10.0}


@pytest.fixture(scope="module")
def root(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up experiment with more alignments, measured aligners, and networks that see other heatmaps."""
    supervised = {"stn0_supervised": {"method": "stn0", "supervised": True}}
    with made_up.copied(made_up_root, tmp_path_factory.mktemp("pages") / "project") as made:
        experiments.change(made, runs={name: item for name, (item, _) in RUNS.items()}, pretrained=supervised)
        made_up.measure(config.load(), RUNS)
    for name, rotation in (("stn0", 2.0), ("stn0_supervised", 1.0)):
        errors = {"faces": 12, "estimated": IDENTITY | {"rotation_degrees": rotation}, "identity": IDENTITY}
        (made / f"results/toy/metrics/{name}.json").write_text(json.dumps(errors))
    return made


def test_groups_differ_in_alignment_alone_and_have_a_recorded_training(known: Results) -> None:
    bicubic = {"stn0": "bicubic", "stn0_supervised": "bicubic_supervised", "oracle": "bicubic_oracle"}
    nearest = {"stn0": "nearest", "none": "other_bicubic"}
    assert alignment.groups(known) == {"Bicubic": bicubic, "nearest": nearest}
    known.summaries["bicubic_supervised"]["training"] = []
    assert "bicubic_supervised" not in alignment.groups(known)["Bicubic"].values()


def test_scores_are_the_means_of_metrics(known: Results) -> None:
    row = alignment.scores(known).set_index("Method").loc["Bicubic"]
    means = {title: known.summaries[run] for title, run in BY_TITLE.items()}
    expected = {title: f"{of_run['psnr']:.2f} / {of_run['ssim_y']:.3f}" for title, of_run in means.items()}
    assert row.to_dict() == {"not aligned": "–", **expected}


def test_ours_is_compared_with_each(known: Results) -> None:
    load = loader(known)
    table, psnr = alignment.over(known, load).set_index(["Ours over", "in"]), load("psnr")
    for title, run in BY_TITLE.items():
        effect = estimate(Pair("ours", run), psnr).effect
        assert table.loc[("Bicubic", "PSNR, dB"), title].startswith(f"{effect:+.2f} [")
    assert table.loc[("nearest", "SSIM on Y"), "true warps"] == "–"
    assert alignment.conclusion_reversals(known, psnr) == [
        "In PSNR, Ours is worse than Bicubic aligned by `true warps`; "
        "better than Bicubic aligned by `STN_0` or `STN_0, supervised`."
    ]


def test_errors_of_each_aligner_and_of_ours(known: Results, tmp_path: Path) -> None:
    rotations = alignment.errors(known).set_index("")["Rotation error, °"].to_dict()
    assert rotations.pop("Ours' own STN") == "0.00"  # made up of the true warps
    assert rotations == {"not aligned": "20.00", "STN_0": "2.00", "STN_0, supervised": "1.00"}
    alignment.write(known, tmp_path, loader(known))
    page = (tmp_path / "alignment.md").read_text()
    assert "| STN_0, supervised | 1.00                | 3.00             | 10.00            |" in page


def test_runs_stand_beside_the_one_that_differs_in_heatmaps_alone(known: Results) -> None:
    assert heatmaps.pairs(known) == dict.fromkeys(["ours", "true", "zero"], "blind")
    assert heatmaps.standard_pairs(known) == {"ours": "blind"}
    psnr = loader(known)("psnr")
    assert heatmaps.gain_by_epochs(known, psnr) == {("tuned", "L_p+f+u"): {4: estimate(Pair("ours", "blind"), psnr)}}


def test_gains_are_differences_of_what_was_measured(known: Results) -> None:
    found = heatmaps.gains(known, loader(known)).set_index("Run")
    assert list(found.index) == ["Ours", "true", "zero"]
    gain = found.loc["Ours", "Gain in PSNR, dB [95 %]"]
    psnr = {run: rows["psnr"].mean() for run, rows in known.rows.items()}
    assert float(gain.split()[0]) == pytest.approx(psnr["ours"] - psnr["blind"], abs=5.1e-3)
    assert "one seed" not in gain  # both have two
    assert found.loc["zero", "Gain in PSNR, dB [95 %]"].startswith("-")
    assert found["Recipe"].tolist() == ["tuned"] * 3
    assert found["Epochs"].tolist() == ["4"] * 3
    assert found["Heatmaps"].tolist() == ["estimated by 4 stacks, L_h times 1, σ 1.5", "given, σ 1.5", "empty"]


def test_bounds_stand_beside_the_papers_own_estimate(known: Results) -> None:
    table, words = heatmaps.bounds(known, loader(known))
    row, ssim = table.to_dict("records")  # no landmarks: `recognise` has not run
    assert (row["Compared with"], row["Gain in"], ssim["Gain in"]) == ("blind", "PSNR, dB", "SSIM on Y")
    gains = heatmaps.gains(known, loader(known)).set_index("Run")["Gain in PSNR, dB [95 %]"]
    assert [row[kind] for kind in ("True", "Estimated", "Empty")] == [gains[run] for run in ("true", "Ours", "zero")]
    gain = {kind: float(text.split()[0]) for kind, text in row.items() if kind not in ("Compared with", "Gain in")}
    assert gain["Headroom"] == pytest.approx(gain["True"] - gain["Estimated"], abs=0.02)
    assert gain["Content, true"] == pytest.approx(gain["True"] - gain["Empty"], abs=0.02)
    assert gain["Content, estimated"] == pytest.approx(gain["Estimated"] - gain["Empty"], abs=0.02)
    assert words == [f"Compared with blind: true heatmaps bring {gain['Headroom']:.2f} dB more than estimated ones."]


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.01, 0.19, "bring 0.10 dB more than estimated ones."),
        (-0.2, -0.01, "true heatmaps bring less than estimated ones"),
        (-0.05, 0.07, "bring at most 0.07 dB more PSNR than estimated ones"),
    ],
)
def test_what_true_heatmaps_say_of_the_estimate(low: float, high: float, says: str) -> None:
    assert says in heatmaps.follows(Finding(Pair("true", "ours"), (low + high) / 2, low, high, 12, (2, 2), True))


def test_a_bound_has_no_use_on_photographs(known: Results) -> None:
    with pytest.raises(BadInput, match="true: it needs the true heatmaps"):
        upscale.upscaler(known.experiment.run("true"), torch.device("cpu"))


def test_the_page_of_heatmaps_holds_gains_and_errors(known: Results, tmp_path: Path) -> None:
    errors = heatmaps.errors(known).set_index("Run").loc["Ours"]
    assert errors["eyes"] == "0.0"  # made up of the true ones
    assert float(errors["Rotation, °"]) < 0.05
    heatmaps.write(known, tmp_path, loader(known))
    page = (tmp_path / "heatmaps.md").read_text()
    for part in ("| Ours ", "Rotation, °", "What could heatmaps bring?", "more than estimated ones"):
        assert part in page
    assert "plots/gain.png" not in page  # which synthetic faces do not have


def test_pages_say_where_there_is_nothing_to_compare(toy: config.Experiment, tmp_path: Path) -> None:
    results = Results(toy)
    assert list(alignment.errors(results)[""]) == ["Ours' own STN"]  # no aligner is measured
    for page, end in ((alignment, "measured with two alignments.\n"), (heatmaps, "with the one that sees none.\n")):
        page.write(results, tmp_path, loader(results))
        (text,) = [path.read_text() for path in tmp_path.glob("*.md") if path.stem in page.__name__]
        assert text.endswith(end)
