"""The supplement: means against pandas, estimates and size from the summaries, every format."""

from __future__ import annotations

import json
import shutil
import subprocess

import pandas as pd
import pytest

from benchmark import config
from benchmark.reporting import supplement, tables
from benchmark.reporting.results import Results


@pytest.fixture
def written(toy: config.Experiment) -> pd.DataFrame:
    """supplement.csv of the made-up experiment."""
    (toy.results / "tables").mkdir()
    supplement.write(Results(toy), toy.results / "tables")
    return pd.read_csv(toy.results / "tables" / "supplement.csv", index_col="run")


def test_groups_are_means_over_their_faces(toy: config.Experiment, written: pd.DataFrame) -> None:
    rows = Results(toy).rows["ours"]
    for column, group, title in (
        ("yaw_bin", "0-15", "psnr 0-15°"),
        ("yaw_bin", "45-90", "ssim 45-90°"),
        ("source", "south_2", "psnr south_2"),
    ):
        chosen = rows.loc[rows[column] == group, title.split()[0]]
        assert len(chosen) > 0
        assert written.loc["ours", title] == pytest.approx(chosen.mean(), abs=1e-4)


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


def test_copies_of_training_faces_stand_apart(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PSNR and SSIM of copies" not in supplement.numbers(Results(toy))  # of drawn faces none is known
    rows = Results(toy).rows["ours"]
    copy = rows["name"].iloc[0]
    monkeypatch.setattr(supplement, "copies", lambda: {copy, "a face of another corpus"})
    part = supplement.numbers(Results(toy))["PSNR and SSIM of copies"]
    assert part.loc["ours", ("psnr", "the 1 copies of training faces")] == rows[rows["name"] == copy]["psnr"].mean()
    assert part.loc["ours", ("ssim", "all other faces")] == rows[rows["name"] != copy]["ssim"].mean()


def test_luma_stands_beside_rgb(toy: config.Experiment, written: pd.DataFrame) -> None:
    rows = Results(toy).rows["bicubic"]
    assert written.loc["bicubic", "psnr RGB"] == pytest.approx(rows["psnr"].mean(), abs=5.1e-4)
    assert written.loc["bicubic", "psnr Y"] == pytest.approx(rows["psnr_y"].mean(), abs=5.1e-4)


def test_estimates_are_averaged_over_seeds_and_absent_where_nothing_is_estimated(toy: config.Experiment) -> None:
    path = toy.run("ours").facts
    summary = json.loads(path.read_text())
    for seed, value in (("seed0", 2.0), ("seed1", 4.0)):
        summary["estimates"][seed]["warp_stn"]["rotation_degrees"] = value
    path.write_text(json.dumps(summary))
    part = supplement.numbers(Results(toy))["Estimates"]
    assert part.loc["ours", ("rotation_degrees", "warp_stn")] == 3.0
    assert part.loc["ours", ("visibility_accuracy", "heatmaps")] == 1.0
    assert part.loc["bicubic"].isna().all()
    assert set(supplement.shown(part, Results(toy).labels).loc["bicubic"]) == {"Bicubic", tables.DASH}


def test_every_run_is_in_every_part_of_every_format(toy: config.Experiment, written: pd.DataFrame) -> None:
    text = (toy.results / "tables" / "supplement.md").read_text()
    latex = (toy.results / "tables" / "supplement.tex").read_text()
    parts = len(supplement.numbers(Results(toy)))
    assert list(written.index) == list(toy.runs)
    assert written.loc["ours", "parameters"] == 1234
    assert text.count("| Ours† ") == parts
    assert latex.count(r"Ours\textsuperscript{\dag} &") == latex.count(r"\toprule") == parts
    assert "45-90°" in text
    assert r"south\_2" in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(toy: config.Experiment, written: pd.DataFrame) -> None:
    # Debian's texlive-latex-base comes without booktabs.
    rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
    head = rf"\documentclass{{article}}\IfFileExists{{booktabs.sty}}{{\usepackage{{booktabs}}}}{{{rules}}}"
    folder = toy.results / "tables"
    (folder / "bare.tex").write_text(rf"{head}\begin{{document}}\tiny\input{{supplement.tex}}\end{{document}}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "bare.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert b"Missing character" not in (folder / "bare.log").read_bytes()
