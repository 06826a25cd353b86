"""Tables 1 to 3: the paper's numbers next to ours, what is not measured, marks, Markdown and LaTeX; Table 4."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import experiments
import numpy as np
import pandas as pd
import pytest

from benchmark import config, reference
from benchmark.reporting import paper_tables, tables
from benchmark.reporting.results import Results

# Debian's texlive-latex-base comes without booktabs.
RULES = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
HEAD = rf"\documentclass{{article}}\IfFileExists{{booktabs.sty}}{{\usepackage{{booktabs}}}}{{{RULES}}}"
NAUGHTY = r"a_b & 50 % of #1 for $2 {x} ~ y^2 \cmd †‡ 3° – <z> |"
ODD = "50% & co_x|y"  # a run's name
METHODS = {"bicubic": "bicubic", "vdsr": "vdsr", "ma": "position_patch", "ours": "mtun", "nearest": "nearest"}
SCORES = {"bicubic": (18.5, 0.58), "ma": (20, 0.7), "ours": (22.25, 0.661), "nearest": (15, 0.4), ODD: (24, 0.8)}
PHASES = {"ours": ["front", "front", "mtun"], "ma": ["fit"], "vdsr": ["pixel"]}  # vdsr is trained, not scored yet


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the paper's tables, vdsr not measured; and in none of them nearest, ODD and, not measured, planned.

    In metrics/ are means, facts and the row of one face.
    """
    folder = tmp_path_factory.mktemp("tables")
    runs = {run: {"method": method} for run, method in (METHODS | {ODD: "mtun", "planned": "mtun"}).items()}
    training = {"seeds": 1, "recipe": "paper", "vgg": None}
    options = {"corpus": "menpo", "corpora": {"menpo": {}}, "methods": {name: {} for name in METHODS.values()}}
    experiments.write(folder, experiments.block("toy", training=training, runs=runs, **options))
    metrics = folder / "results/toy/metrics"
    metrics.mkdir(parents=True)
    for run, (psnr, ssim) in SCORES.items():
        summary = {"psnr": psnr, "psnr_interval": [psnr - 0.1, psnr + 0.2], "ssim": ssim}
        summary |= {"ssim_interval": [ssim - 0.01, ssim + 0.02], "faces": 9, "seeds": 1, "scored_seeds": [0]}
        (metrics / f"{run}.json").write_text(json.dumps(summary))
        (metrics / f"{run}.facts.json").write_text(json.dumps({"training": []}))
        row = {"seed": 0, "name": "a", "person": "p", "psnr": psnr, "ssim": ssim, "yaw_bin": "0-15"}
        pd.DataFrame([row | {"source": "s", "black": 0.0}]).to_csv(metrics / f"{run}.csv", index=False)
    for run, phases in PHASES.items():
        log = folder / f"results/toy/logs/{run}/seed0.csv"
        log.parent.mkdir(parents=True)
        pd.DataFrame({"phase": phases}).to_csv(log, index=False)
    return folder


def write(results: Results, folder: Path) -> dict[str, str]:
    """The files of the three tables."""
    paper_tables.write(results, folder)
    return {path.name: path.read_text() for path in folder.glob("table*")}


@pytest.fixture(scope="module")
def text(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return write(Results(config.load()), tmp_path_factory.mktemp("written"))


def cells(markdown: str) -> dict[str, list[str]]:
    """Cells of a Markdown table by the first one of their row, without its head."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in rows}


def numbers(text: dict[str, str]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text["table1.csv"])).set_index("run")


def test_the_papers_numbers_are_next_to_ours(text: dict[str, str]) -> None:
    assert "PSNR, paper | PSNR, here [95 %] | PSNR, difference" in re.sub(" +", " ", text["table1.md"])
    rows = cells(text["table1.md"])
    psnr, ssim = ["18.83", "18.50 [18.40, 18.70]", "-0.33"], ["0.57", "0.580 [0.570, 0.600]", "+0.010"]
    assert rows["Bicubic"] == ["1", "–", *psnr, *ssim]
    assert rows["Ours"][:5] == ["1", "3", "23.14", "**22.25 [22.15, 22.45]**", "-0.89"]
    assert float(numbers(text).loc["bicubic", "psnr_ours"]) == 18.5
    assert float(numbers(text).loc["ours", "ssim_difference"]) == pytest.approx(0.661 - 0.68)


def test_a_row_of_the_paper_that_is_not_measured_has_dashes_and_no_number(text: dict[str, str]) -> None:
    assert cells(text["table1.md"])["VDSR"] == ["–", "–", "18.65", "–", "–", "0.57", "–", "–"]
    assert "VDSR & -- & -- & 18.65 & -- & -- & 0.57 & -- & -- " in text["table1.tex"]
    (line,) = [line for line in text["table1.csv"].splitlines() if line.startswith("vdsr")]
    assert line.count("–") == 10
    assert not any("nan" in content.lower() for content in text.values())


def test_table_1_ends_with_measured_runs_that_the_paper_lacks_however_odd_their_names(text: dict[str, str]) -> None:
    rows = cells(text["table1.md"])
    assert list(rows)[-2:] == ["nearest", ODD.replace("|", r"\|")]
    assert len({len(row) for row in rows.values()}) == 1
    assert r"50\% \& co\_x\textbar{}y & 1 & --" in text["table1.tex"]
    assert float(numbers(text).loc[ODD, "psnr_ours"]) == 24
    assert rows["nearest"] == ["1", "–", "–", "15.00 [14.90, 15.20]", "–", "–", "0.400 [0.390, 0.420]", "–"]
    assert not any("planned" in content for content in text.values())
    assert "nearest" not in text["table2.md"] + text["table3.md"]


def test_table_4_has_the_measured_runs_beside_a_later_method_and_no_numbers_of_the_paper(
    known: Results, text: dict[str, str], tmp_path: Path
) -> None:
    assert "table4.md" not in text  # no later method is measured
    known.rows["sparnet"] = known.rows["nearest"]
    known.summaries["sparnet"] = known.summaries["nearest"]
    known.experiment.runs["sparnet"] = known.experiment.runs["nearest"]
    written = write(known, tmp_path)
    rows = cells(written["table4.md"])
    assert list(rows) == ["Bicubic", "Ma et al.", "Ours", "SPARNet"]
    assert rows["SPARNet"] == ["1", "–", "15.00 [14.90, 15.20]", "0.400 [0.390, 0.420]"]
    assert marked(rows, 2) == {"**": ["Ours"], "<u>": ["Ma et al."]}
    assert "SPARNet" not in written["table1.md"]


def marked(rows: dict[str, list[str]], column: int) -> dict[str, list[str]]:
    """Names of the rows that are marked in a column, by mark."""
    return {mark: [name for name, row in rows.items() if row[column].startswith(mark)] for mark in ("**", "<u>")}


def test_best_and_second_of_the_papers_rows_are_marked(text: dict[str, str]) -> None:
    rows = cells(text["table1.md"])
    assert marked(rows, 3) == {"**": ["Ours"], "<u>": ["Ma et al."]}  # the experiment's own run is better than both
    assert marked(rows, 6) == {"**": ["Ma et al."], "<u>": ["Ours"]}
    assert not [r for row in rows.values() for r in (row[2], row[4], row[5], row[7]) if "*" in r or "<" in r]
    assert re.findall(r"\\textbf\{(\S+) ", text["table1.tex"]) == ["0.700", "22.25"]
    assert re.findall(r"\\underline\{(\S+) ", text["table1.tex"]) == ["20.00", "0.661"]


def test_runs_that_know_the_true_warps_are_not_marked(known: Results) -> None:
    runs = known.experiment.runs
    runs["ma"] = runs["ma"].model_copy(update={"align": "oracle"})
    numbers = paper_tables.compare(1, known)
    rows = cells(tables.markdown(paper_tables.shown(numbers), paper_tables.ranks(numbers)))
    assert marked(rows, 3) == marked(rows, 6) == {"**": ["Ours"], "<u>": ["Bicubic"]}


def test_equal_scores_share_a_rank() -> None:
    numbers = pd.DataFrame({"psnr_ours": [20.004, 20.001, 21, 19, np.nan], "ssim_ours": [0.5, 0.4, 0.6, 0.3, np.nan]})
    ranks = list(paper_tables.ranks(numbers.assign(ranked=[True, True, False, True, True])).values())
    assert ranks == [[1, 1, 0, 3, 0], [1, 2, 0, 3, 0]]


def test_tables_2_and_3_have_the_papers_rows(text: dict[str, str]) -> None:
    rows = cells(text["table2.md"])
    assert list(rows) == ["R16", "R32", "S1", "S2", "S3", "S4"]
    assert rows["S4"][3] == "22.25 [22.15, 22.45]"  # alone, it is no best
    rows = cells(text["table3.md"])
    assert [row[2] for row in rows.values()] == ["21.43", "21.57", "21.55", "23.23", "23.35", "23.14"]


def test_an_infinite_score_is_shown_and_leaves_other_rows_alone(
    known: Results, text: dict[str, str], tmp_path: Path
) -> None:
    known.summaries["nearest"] |= {"psnr": np.inf, "psnr_interval": [np.inf, np.inf]}  # as HR against itself
    changed = write(known, tmp_path)
    before, rows = cells(text["table1.md"]), cells(changed["table1.md"])
    assert rows.pop("nearest")[3] == "∞"
    assert rows == {name: row for name, row in before.items() if name != "nearest"}
    assert r"nearest & 1 & -- & -- & $\infty$ &" in changed["table1.tex"]
    assert tables.number(np.inf, 2, "+") == "+∞"


def test_special_characters_are_escaped_once() -> None:
    assert tables.tex(NAUGHTY) == (
        r"a\_b \& 50 \% of \#1 for \$2 \{x\} \textasciitilde{} y\textasciicircum{}2 \textbackslash{}cmd "
        r"\textsuperscript{\dag}\textsuperscript{\ddag} 3$^\circ$ -- \textless{}z\textgreater{} \textbar{}"
    )
    assert tables.tex("w/ L_h: L_p+f+u") == r"w/ $\mathcal{L}_{h}$: $\mathcal{L}_{p+f+u}$"


def test_latex_names_its_package_and_has_a_caption_of_one_sentence(text: dict[str, str]) -> None:
    latex = text["table1.tex"]
    assert latex.splitlines()[0] == r"% needs \usepackage{booktabs}"
    (caption,) = re.findall(r"\\caption\{(.*)\}", latex)
    assert caption == "Quantitative comparison on the whole test set (Table 1 of the paper), experiment toy."
    below = latex.split(r"\end{tabular}")[1]
    assert "recipe paper" in below
    assert "Intervals cover test identities" in below


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_a_plain_article_inputs_the_tables(known: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results(known.experiment.model_copy(update={"corpus": f"stand-in {NAUGHTY}"}))
    pd.read_csv(reference.REFERENCE).replace("Bicubic", NAUGHTY).to_csv(tmp_path / "paper.csv", index=False)
    monkeypatch.setattr(reference, "REFERENCE", tmp_path / "paper.csv")
    results.summaries["nearest"]["psnr"] = np.inf
    assert r"a\_b" in write(results, tmp_path)["table1.tex"].split(r"\midrule")[1]
    inputs = r"\input{table1.tex} \input{table2.tex} \input{table3.tex}"
    (tmp_path / "all.tex").write_text(rf"{HEAD}\begin{{document}}{inputs}\end{{document}}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
