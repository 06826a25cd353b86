"""The supplement: means against pandas, estimates and size from the summaries, every format."""

from pathlib import Path

import pandas as pd
import pytest

from benchmark.reporting import supplement, tables
from benchmark.reporting.results import Results


@pytest.fixture
def written(known: Results, tmp_path: Path) -> pd.DataFrame:
    """supplement.csv of the made-up experiment."""
    supplement.write(known, tmp_path)
    return pd.read_csv(tmp_path / "supplement.csv", index_col="run")


def test_scores_are_means_over_the_faces_of_a_group_and_luma_stands_beside_rgb(
    known: Results, written: pd.DataFrame
) -> None:
    rows = known.rows["ours"]
    groups = {
        "psnr 0-15°": rows["yaw_bin"] == "0-15",
        "ssim 45-90°": rows["yaw_bin"] == "45-90",
        "psnr south_2": rows["source"] == "south_2",
    }
    for title, group in groups.items():
        assert written.loc["ours", title] == pytest.approx(rows.loc[group, title.split()[0]].mean(), abs=1e-4)
    means = known.rows["bicubic"].mean(numeric_only=True)
    for title, column in (("psnr RGB", "psnr"), ("psnr Y", "psnr_y")):
        assert written.loc["bicubic", title] == pytest.approx(means[column], abs=5.1e-4)


def test_faces_are_parted_by_how_much_of_the_crop_is_black() -> None:
    table = pd.DataFrame({"black": [0.0, 0.9, 1.0, 10.0, 100.0], "psnr": [1.0, 3, 5, 7, 9], "ssim": 0.5})
    groups = supplement.by_black(table)
    assert list(groups) == [
        "under 1 % black (40 % of the faces)",
        "1 to 10 % black (20 % of the faces)",
        "over 10 % black (40 % of the faces)",
    ]
    found = supplement.by_group(groups, table)
    assert [value for (measure, _), value in found.items() if measure == "psnr"] == [2, 5, 8]


def test_copies_of_training_faces_stand_apart(known: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PSNR and SSIM of copies" not in supplement.numbers(known)  # of drawn faces none is known
    rows = known.rows["ours"]
    copy = rows["name"].iloc[0]
    monkeypatch.setattr(supplement, "copies", lambda: {copy, "a face of another corpus"})
    part = supplement.numbers(known)["PSNR and SSIM of copies"]
    assert part.loc["ours", ("psnr", "the 1 copies of training faces")] == rows[rows["name"] == copy]["psnr"].mean()
    assert part.loc["ours", ("ssim", "all other faces")] == rows[rows["name"] != copy]["ssim"].mean()


def test_estimates_are_averaged_over_seeds_and_absent_where_nothing_is_estimated(known: Results) -> None:
    for seed, value in (("seed0", 2.0), ("seed1", 4.0)):
        known.summaries["ours"]["estimates"][seed]["warp_stn"]["rotation_degrees"] = value
    part = supplement.numbers(known)["Estimates"]
    assert part.loc["ours", ("rotation_degrees", "warp_stn")] == 3.0
    assert part.loc["ours", ("visibility_accuracy", "heatmaps")] == 1.0
    assert part.loc["bicubic"].isna().all()
    assert set(supplement.shown(part).loc["bicubic"]) == {"Bicubic", tables.DASH}


def test_every_run_is_in_every_part_of_every_format(known: Results, written: pd.DataFrame, tmp_path: Path) -> None:
    text, latex = ((tmp_path / f"supplement.{kind}").read_text() for kind in ("md", "tex"))
    parts = len(supplement.numbers(known))
    assert list(written.index) == list(known.experiment.runs)
    assert written.loc["ours", "parameters"] == 1234
    assert text.count("| Ours† ") == parts
    assert latex.count(r"Ours\textsuperscript{\dag} &") == latex.count(r"\toprule") == parts
    assert "45-90°" in text
    assert r"south\_2" in latex
