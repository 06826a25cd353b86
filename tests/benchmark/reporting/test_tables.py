"""Tables 1 to 3: the paper's numbers next to ours, what is not measured, marks among ours, Markdown and LaTeX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import experiments
import numpy as np
import pandas as pd
import pytest

from benchmark import config, reference
from benchmark.reporting import paper_tables, tables
from benchmark.reporting.results import Results

NAUGHTY = r"a_b & 50 % of #1 for $2 {x} ~ y^2 \cmd †‡ 3° – <z> |"
ODD = "50% & co_x|y"  # a run's name


def write_metrics(experiment: config.Experiment, scores: dict[str, tuple[float, float]], **more: Any) -> None:
    """metrics/ of runs with these PSNR and SSIM: means, facts and the row of one face."""
    for run, (psnr, ssim) in scores.items():
        summary = {"psnr": psnr, "psnr_interval": [psnr - 0.1, psnr + 0.2], "ssim": ssim}
        summary |= {"ssim_interval": [ssim - 0.01, ssim + 0.02], "faces": 9, "seeds": 1, "scored_seeds": [0], **more}
        path = experiment.run(run).metrics
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(summary))
        experiment.run(run).facts.write_text(json.dumps({"training": []}))
        row = {"seed": 0, "name": "a", "person": "p", "psnr": psnr, "ssim": ssim, "yaw_bin": "0-15"}
        pd.DataFrame([row | {"source": "s", "black": 0.0}]).to_csv(path.with_suffix(".csv"), index=False)


def write_log(experiment: config.Experiment, run: str, phases: list[str]) -> None:
    path = experiment.run(run).log(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"phase": phases}).to_csv(path, index=False)


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    """Runs of the paper's tables, vdsr not measured; and in none of them nearest, ODD and, not measured, planned."""
    monkeypatch.chdir(tmp_path)
    methods = {"bicubic": {}, "mtun": {}, "vdsr": {}, "position_patch": {}, "nearest": {}}
    named = {"bicubic": "bicubic", "vdsr": "vdsr", "ma": "position_patch", "ours": "mtun", "nearest": "nearest"}
    runs = {run: {"method": method} for run, method in (named | {ODD: "mtun", "planned": "mtun"}).items()}
    training = {"seeds": 1, "recipe": "paper", "vgg": None}
    corpora = {"menpo": {}}
    block = experiments.block("toy", corpus="menpo", corpora=corpora, training=training, methods=methods, runs=runs)
    experiments.write(tmp_path, block)
    loaded = config.load()
    write_metrics(loaded, {"bicubic": (18.5, 0.58), "ma": (20, 0.7), "ours": (22.25, 0.661)})
    write_metrics(loaded, {"nearest": (15, 0.4), ODD: (24, 0.8)})
    write_log(loaded, "ours", ["front", "front", "mtun"])
    write_log(loaded, "ma", ["fit"])
    write_log(loaded, "vdsr", ["pixel"])  # trained, not scored yet
    return loaded


def write(experiment: config.Experiment, table: int) -> dict[str, str]:
    """The three files of a table."""
    Path("t").mkdir(exist_ok=True)
    paper_tables.write(Results(experiment), Path("t"))
    return {kind: Path(f"t/table{table}.{kind}").read_text() for kind in ("md", "tex", "csv")}


def cells(markdown: str) -> dict[str, list[str]]:
    """Cells of a Markdown table by the first one of their row, without its head."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in rows}


def test_the_papers_numbers_are_next_to_ours(experiment: config.Experiment) -> None:
    text = write(experiment, 1)
    assert "PSNR, paper | PSNR, here [95 %] | PSNR, difference" in re.sub(" +", " ", text["md"])
    rows = cells(text["md"])
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
    numbers = pd.read_csv("t/table1.csv").set_index("run")
    assert float(numbers.loc["bicubic", "psnr_ours"]) == 18.5
    assert float(numbers.loc["ours", "ssim_difference"]) == pytest.approx(0.661 - 0.68)


def test_a_row_of_the_paper_that_is_not_measured_has_dashes_and_no_number(experiment: config.Experiment) -> None:
    text = write(experiment, 1)
    assert cells(text["md"])["VDSR"] == ["–", "–", "18.65", "–", "–", "0.57", "–", "–"]
    assert "VDSR & -- & -- & 18.65 & -- & -- & 0.57 & -- & -- " in text["tex"]
    (line,) = [line for line in text["csv"].splitlines() if line.startswith("vdsr")]
    assert line.count("–") == 10
    assert not any("nan" in content.lower() for content in text.values())


def test_table_1_ends_with_measured_runs_that_the_paper_lacks(experiment: config.Experiment) -> None:
    text = write(experiment, 1)
    rows = cells(text["md"])
    assert list(rows)[-2:] == ["nearest", ODD.replace("|", r"\|")]
    assert rows["nearest"] == ["1", "–", "–", "15.00 [14.90, 15.20]", "–", "–", "0.400 [0.390, 0.420]", "–"]
    assert not any("planned" in content for content in text.values())
    assert "nearest" not in write(experiment, 2)["md"] + write(experiment, 3)["md"]


def test_an_odd_name_works_in_every_format(experiment: config.Experiment) -> None:
    text = write(experiment, 1)
    assert r"50\% \& co\_x\textbar{}y & 1 & --" in text["tex"]
    assert float(pd.read_csv("t/table1.csv").set_index("run").loc[ODD, "psnr_ours"]) == 24
    assert len({len(row) for row in cells(text["md"]).values()}) == 1


def marked(rows: dict[str, list[str]], column: int) -> dict[str, list[str]]:
    """Names of the rows that are marked in a column, by mark."""
    return {mark: [name for name, row in rows.items() if row[column].startswith(mark)] for mark in ("**", "<u>")}


def test_best_and_second_of_the_papers_rows_are_marked(experiment: config.Experiment) -> None:
    text = write(experiment, 1)
    rows = cells(text["md"])
    assert marked(rows, 3) == {"**": ["Ours"], "<u>": ["Ma et al."]}  # the experiment's own run is better than both
    assert marked(rows, 6) == {"**": ["Ma et al."], "<u>": ["Ours"]}
    assert not [r for row in rows.values() for r in (row[2], row[4], row[5], row[7]) if "*" in r or "<" in r]
    assert re.findall(r"\\textbf\{(\S+) ", text["tex"]) == ["0.700", "22.25"]
    assert re.findall(r"\\underline\{(\S+) ", text["tex"]) == ["20.00", "0.661"]


def test_runs_that_know_the_true_warps_are_not_marked(experiment: config.Experiment) -> None:
    experiments.change(Path(), runs={"ma": {"method": "position_patch", "align": "oracle"}})
    experiment = config.load()
    rows = cells(write(experiment, 1)["md"])
    assert marked(rows, 3) == marked(rows, 6) == {"**": ["Ours"], "<u>": ["Bicubic"]}


def test_equal_scores_share_a_rank() -> None:
    numbers = pd.DataFrame({"psnr_ours": [20.004, 20.001, 21, 19, np.nan], "ssim_ours": [0.5, 0.4, 0.6, 0.3, np.nan]})
    ranks = list(paper_tables.ranks(numbers.assign(ranked=[True, True, False, True, True])).values())
    assert ranks == [[1, 1, 0, 3, 0], [1, 2, 0, 3, 0]]


def test_tables_2_and_3_have_the_papers_rows(experiment: config.Experiment) -> None:
    rows = cells(write(experiment, 2)["md"])
    assert list(rows) == ["R16", "R32", "S1", "S2", "S3", "S4"]
    assert rows["S4"][3] == "22.25 [22.15, 22.45]"  # alone, it is no best
    rows = cells(write(experiment, 3)["md"])
    assert [row[2] for row in rows.values()] == ["21.43", "21.57", "21.55", "23.23", "23.35", "23.14"]


def test_an_infinite_score_is_shown_and_leaves_other_rows_alone(experiment: config.Experiment) -> None:
    before = cells(write(experiment, 1)["md"])
    write_metrics(experiment, {"nearest": (np.inf, 1.0)})  # as HR against itself
    text = write(experiment, 1)
    rows = cells(text["md"])
    assert rows.pop("nearest")[3] == "∞"
    assert rows == {name: row for name, row in before.items() if name != "nearest"}
    assert r"nearest & 1 & -- & -- & $\infty$ &" in text["tex"]
    assert tables.number(np.inf, 2, "+") == "+∞"


def test_special_characters_are_escaped_once() -> None:
    assert tables.tex(NAUGHTY) == (
        r"a\_b \& 50 \% of \#1 for \$2 \{x\} \textasciitilde{} y\textasciicircum{}2 \textbackslash{}cmd "
        r"\textsuperscript{\dag}\textsuperscript{\ddag} 3$^\circ$ -- \textless{}z\textgreater{} \textbar{}"
    )
    assert tables.tex("w/ L_h: L_p+f+u") == r"w/ $\mathcal{L}_{h}$: $\mathcal{L}_{p+f+u}$"


def test_latex_names_its_package_and_has_a_caption_of_one_sentence(experiment: config.Experiment) -> None:
    text = write(experiment, 1)["tex"]
    assert text.splitlines()[0] == r"% needs \usepackage{booktabs}"
    (caption,) = re.findall(r"\\caption\{(.*)\}", text)
    assert caption == "Quantitative comparison on the whole test set (Table 1 of the paper), experiment toy."
    below = text.split(r"\end{tabular}")[1]
    assert "recipe paper" in below
    assert "Intervals cover test identities" in below


DOCUMENT = r"""\documentclass{article}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{\let\toprule\hline\let\midrule\hline\let\bottomrule\hline}
\begin{document}
\input{t/table1.tex} \input{t/table2.tex} \input{t/table3.tex}
\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_a_plain_article_inputs_the_tables(experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments.change(Path(), corpus=f"stand-in {NAUGHTY}")
    experiment = config.load()
    pd.read_csv(reference.REFERENCE).replace("Bicubic", NAUGHTY).to_csv("paper.csv", index=False)
    monkeypatch.setattr(reference, "REFERENCE", Path("paper.csv"))
    write_metrics(experiment, {"nearest": (np.inf, 1.0)})
    assert r"a\_b" in write(experiment, 1)["tex"].split(r"\midrule")[1]
    Path("all.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert Path("all.pdf").stat().st_size > 5000
