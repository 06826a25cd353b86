"""Tables 1 to 3, the paper's numbers next to those measured here, and 4, later methods; as Markdown, LaTeX and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import config, reference
from benchmark.reporting import tables
from benchmark.reporting.results import Results
from benchmark.reporting.tables import DASH, MEASURES

TITLES = {
    1: "Quantitative comparison on the whole test set (Table 1 of the paper)",
    2: "Position and depth of the heatmap branch (Table 2 of the paper)",
    3: "Losses without and with the heatmap branch (Table 3 of the paper)",
    4: "Later methods beside those of the paper (Table 4, not in the paper)",
}
LATER = 4
PAPER = ("psnr", "ssim")  # the measures of its tables
UNMEASURED: dict[str, Any] = dict.fromkeys(["seeds", *PAPER], np.nan)
UNMEASURED |= {f"{measure}_interval": (np.nan, np.nan) for measure in PAPER}
EXPLAINED = (
    "Epochs count all phases, including shared pre-training. Intervals cover test identities; the comparisons in "
    "claims.md, heatmaps.md and alignment.md add the variance between seeds."
)
OF_PAPER = (
    "Differences are taken before rounding. Marked: best and second of the paper's rows, without oracle alignment. "
    "Rows that the paper does not have follow, under their run's name."
)
OF_LATER = (
    "Marked: best and second, without true warps and landmarks. Budgets differ (epochs, and the deviations' options)."
)


def titles(results: Results) -> dict[int, str]:
    """The tables to show: the paper's, and LATER where a later method is measured."""
    later = {*reference.later_methods().index} - {*reference.paper().index}
    return {table: title for table, title in TITLES.items() if table != LATER or later & {*results.summaries}}


def rows_of(table: int) -> pd.DataFrame:
    """Label, PSNR and SSIM in the paper of a table's rows, by run; NaN in LATER, whose protocol is this project's."""
    if table == LATER:
        return reference.later_methods().to_frame().assign(psnr=np.nan, ssim=np.nan)
    paper = reference.paper_tables()
    return paper[paper["table"] == table].drop(columns="table").set_index("run")


def compare(table: int, results: Results) -> pd.DataFrame:
    """Numbers of one table by run: seeds and epochs; of PSNR and SSIM the paper's, ours, its interval, the difference.

    Table 1 ends with the measured runs that no table has; LATER has measured runs alone. NaN if a row of the paper is
    not measured, and for the epochs of what is not trained in any. ranked: whether the row competes, which takes a row
    of the table whose run is given neither the true warps nor the true heatmaps.
    """
    rows, summaries = rows_of(table), results.summaries
    if table == LATER:
        rows = rows[rows.index.isin([*summaries])]
    listed = rows.index
    if table == 1:
        known = {*reference.paper().index, *reference.later_methods().index}
        others = [run for run in summaries if run not in known]
        rows = pd.concat([rows, pd.DataFrame({"label": others}, index=pd.Index(others, name="run"))])
    oracle = [run.name for run in map(results.experiment.run, results.experiment.runs) if given_truth(run)]
    found = [summaries.get(run, UNMEASURED) for run in rows.index]
    numbers = pd.DataFrame({"label": rows["label"], "ranked": rows.index.isin(listed) & ~rows.index.isin(oracle)})
    numbers["seeds"] = [summary["seeds"] for summary in found]
    numbers["epochs"] = rows.index.map(results.epochs)
    for measure in PAPER:
        numbers[f"{measure}_paper"] = rows[measure]
        numbers[f"{measure}_ours"] = [summary[measure] for summary in found]
        numbers[[f"{measure}_low", f"{measure}_high"]] = [summary[f"{measure}_interval"] for summary in found]
        numbers[f"{measure}_difference"] = numbers[f"{measure}_ours"] - numbers[f"{measure}_paper"]
    return numbers


def given_truth(run: config.Run) -> bool:
    """Whether the run is given the true warps or the true heatmaps of the test faces."""
    return run.align == config.ORACLE or run.options.get("heatmaps") == "true"


def shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """The table as text: a dash for a missing number, ours with its interval, the paper's where it has any."""
    text = pd.DataFrame({"Method": numbers["label"]})
    for column in ("seeds", "epochs"):
        text[column.capitalize()] = [tables.number(value, 0) for value in numbers[column]]
    for measure in PAPER:
        title, digits = measure.upper(), MEASURES[measure].digits
        ours = zip(*(numbers[f"{measure}_{key}"] for key in ("ours", "low", "high")), strict=True)
        text[f"{title}, paper"] = [tables.number(value, 2) for value in numbers[f"{measure}_paper"]]
        text[f"{title}, here [95 %]"] = [tables.interval(*scores, digits=digits) for scores in ours]
        text[f"{title}, difference"] = [tables.number(value, digits, "+") for value in numbers[f"{measure}_difference"]]
        if numbers[f"{measure}_paper"].isna().all():
            text = text.drop(columns=[f"{title}, paper", f"{title}, difference"])
    return text


def ranks(numbers: pd.DataFrame) -> dict[str, list[int]]:
    """Rank of each row by ours, 1 the best; 0 if not ranked or not measured, or if no other row is."""
    by_column = {}
    for measure in PAPER:
        title, digits = measure.upper(), MEASURES[measure].digits
        scores = numbers[f"{measure}_ours"].where(numbers["ranked"]).round(digits)
        ranked = scores.rank(ascending=False, method="min") if scores.count() > 1 else 0 * scores
        by_column[f"{title}, here [95 %]"] = ranked.fillna(0).astype(int).tolist()
    return by_column


def write(results: Results, folder: Path) -> None:
    """Write tableN.csv (numbers), tableN.md and tableN.tex (text) into `folder`."""
    for table, title in titles(results).items():
        numbers, note = compare(table, results), f"{conditions(results)} {OF_LATER if table == LATER else OF_PAPER}"
        text, marked, caption = shown(numbers), ranks(numbers), f"{title}, experiment {results.experiment.name}."
        numbers.to_csv(folder / f"table{table}.csv", float_format="%.4f", na_rep=DASH)
        (folder / f"table{table}.md").write_text(f"{title}. {note}\n\n{tables.markdown(text, marked)}\n")
        (folder / f"table{table}.tex").write_text(tables.latex(text, marked, caption, f"tab:table{table}", note))


def conditions(results: Results) -> str:
    """What all tables were measured on: corpus, recipe, faces, seeds, VGG weights; and what is marked in them."""
    experiment, summaries = results.experiment, results.summaries.values()
    training, mtun = experiment.training, experiment.methods.get("mtun") or {}
    options = {key: value for key, value in mtun.items() if key != "trunk"}  # width, epochs and the like
    records = [record for summary in summaries for record in summary["training"]]
    notes = sorted({(key, str(note)) for record in records for key, note in record["notes"].items()})
    vgg = " and ".join(note for key, note in notes if key == "vgg")
    given = "seeded random" if training.vgg is None else Path(training.vgg).name
    people = results.faces["person"].value_counts()
    parts = [
        f"Experiment {experiment.name}: {experiment.corpus}",
        f"recipe {training.recipe}",
        f"{_span({summary['faces'] for summary in summaries})} test images"
        f" of {people.size:,} identities (at most {people.max()} of one)",
        f"seeds: {_span({summary['seeds'] for summary in summaries})}",
        *([f"mtun's options: {', '.join(f'{key} {value}' for key, value in options.items())}"] if options else []),
        f"VGG-19 weights: {vgg or given}",
        *(note for key, note in notes if key != "vgg"),
    ]
    return f"{'; '.join(parts)}. {EXPLAINED}"


def _span(values: set[int]) -> str:
    return " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))
