"""Tables of the paper beside ours, as Markdown, LaTeX (booktabs) and CSV."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark import cli, config
from benchmark.reporting.measurements import REFERENCE, epochs, measured, people

DASH = "–"
MEASURES = {"psnr": ("PSNR", 2), "ssim": ("SSIM", 3)}
LOSS = re.compile(r"\bL_([a-zA-Z](?:\+[a-z])*)\b")
SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "†": r"\textsuperscript{\dag}",
        "‡": r"\textsuperscript{\ddag}",
        "°": r"$^\circ$",
        DASH: "--",
    }
    | {sign: "\\" + sign for sign in "&%$#_{}"}
)
TITLES = {
    1: "Quantitative comparison on the whole test set (Table 1 of the paper)",
    2: "Position and depth of the heatmap branch (Table 2 of the paper)",
    3: "Losses without and with the heatmap branch (Table 3 of the paper)",
}


def rows_of(table: int, runs: list[str]) -> pd.DataFrame:
    """Label, PSNR and SSIM of the paper by run. Table 1 ends with the runs that no table of the paper has."""
    paper = pd.read_csv(REFERENCE)
    rows = paper[paper["table"] == table].drop(columns="table")
    if table == 1:
        others = [name for name in runs if name not in set(paper["run"])]
        extra = pd.DataFrame({"run": others, "label": others, "psnr": np.nan, "ssim": np.nan})
        rows = pd.concat([rows, extra], ignore_index=True)
    return rows.set_index("run")


def compare(table: int, experiment: config.Experiment) -> pd.DataFrame:
    """Numbers of one table: seeds and epochs; of PSNR and SSIM the paper's, ours, its interval, the difference.

    NaN where not run; of the epochs, where nothing is trained in such.
    ranked: whether the row competes, which takes a row of the paper whose run is not helped by the true warps.
    """
    rows, ours = rows_of(table, list(experiment.runs)), measured(experiment)
    oracle = [name for name, run in experiment.runs.items() if run.get("align") == "oracle"]
    result = pd.DataFrame({"label": rows["label"], "ranked": rows["psnr"].notna() & ~rows.index.isin(oracle)})
    result["seeds"] = [ours.get(run, {}).get("seeds", np.nan) for run in rows.index]
    result["epochs"] = rows.index.map(epochs(experiment))
    for measure in MEASURES:
        result[f"{measure}_paper"] = rows[measure]
        result[f"{measure}_ours"] = [ours.get(run, {}).get(measure, np.nan) for run in rows.index]
        bounds = [ours.get(run, {}).get(f"{measure}_interval", (np.nan, np.nan)) for run in rows.index]
        result[f"{measure}_low"], result[f"{measure}_high"] = zip(*bounds, strict=True)
        result[f"{measure}_difference"] = result[f"{measure}_ours"] - result[f"{measure}_paper"]
    return result


def shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """The table as text: a dash where a number is missing, ours with its interval in brackets."""
    text = pd.DataFrame({"Method": numbers["label"]})
    for column in ("seeds", "epochs"):
        text[column.capitalize()] = numbers[column].map(lambda v: number(v, 0))
    for measure, (title, digits) in MEASURES.items():
        text[f"{title}, paper"] = numbers[f"{measure}_paper"].map(lambda v: number(v, 2))
        text[f"{title}, here [95 %]"] = [
            f"{number(v, digits)} [{number(low, digits)}, {number(high, digits)}]" if np.isfinite(v) else DASH
            for v, low, high in zip(*(numbers[f"{measure}_{k}"] for k in ("ours", "low", "high")), strict=True)
        ]
        text[f"{title}, difference"] = numbers[f"{measure}_difference"].map(lambda v, d=digits: number(v, d, "+"))
    return text


def number(value: float, digits: int, sign: str = "") -> str:
    """A number with so many digits, or a dash for NaN."""
    return f"{value:{sign}z,.{digits}f}" if np.isfinite(value) else DASH


def caption(table: int, experiment: config.Experiment) -> str:
    """What the table shows and on what, for a table that stands alone."""
    return f"{TITLES[table]}. {conditions(experiment)}"


def conditions(experiment: config.Experiment) -> str:
    """What all tables were measured on: corpus, recipe, faces, seeds, VGG weights; and what is marked in them."""
    ours = measured(experiment)
    faces = sorted({m["faces"] for m in ours.values()})
    seeds = sorted({m["seeds"] for m in ours.values()})
    records = [record for known in ours.values() for record in known["training"]]
    notes = {(key, str(note)) for record in records for key, note in record["notes"].items()}
    vgg = sorted(note for key, note in notes if key == "vgg")
    training = experiment.params["training"]
    parts = [
        f"Experiment {experiment.name}: {describe(experiment)}",
        f"recipe {training['recipe']}",
        f"{_span(faces)} test faces{_of_people(experiment)}",
        f"seeds: {_span(seeds)}",
        *budgets(experiment),
        f"VGG-19 weights: {' and '.join(vgg) or _vgg(training['vgg'])}",
        *sorted(note for key, note in notes if key != "vgg"),
    ]
    return "; ".join(parts) + (
        ". Epochs: passes over the training faces, all phases together, a front that runs share too. Intervals are "
        "over people; what another seed would change is in the claims' alone. Differences are of the numbers before "
        "they are rounded. Marked: best and second of the paper's rows, those with oracle alignment aside; rows that "
        "the paper does not have stand below, by their run's name."
    )


def _of_people(experiment: config.Experiment) -> str:
    """Of how many people the test faces are, since intervals rest on their number; "" where no face's row is there."""
    counts = people(experiment).value_counts()
    return f" of {counts.size} people, at most {counts.max()} of one" if counts.size else ""


def budgets(experiment: config.Experiment) -> list[str]:
    """What the experiment sets of the paper's network, if anything: its width, epochs and the like."""
    options = experiment.params["methods"].get("mtun") or {}
    return [f"mtun's options: {', '.join(f'{key} {value}' for key, value in options.items())}"] if options else []


def describe(experiment: config.Experiment) -> str:
    """The corpus in words: never Menpo or CelebA where it is not."""
    return str(experiment.params.get("corpus", ", ".join(experiment.params["corpora"])))


def _span(values: list[int]) -> str:
    return " to ".join(str(v) for v in sorted({values[0], values[-1]})) if values else DASH


def _vgg(location: str | None) -> str:
    return "seeded random" if location is None else Path(location).name


def write(table: int, experiment: config.Experiment, folder: Path) -> None:
    """Write tableN.csv (numbers), tableN.md and tableN.tex (text) into `folder`."""
    numbers = compare(table, experiment)
    text, title = shown(numbers), caption(table, experiment)
    best = ranks(numbers)
    with cli.whole_file(folder / f"table{table}.csv") as part:
        numbers.to_csv(part, float_format="%.4f", na_rep=DASH)
    with cli.whole_file(folder / f"table{table}.md") as part:
        part.write_text(f"{title}\n\n{markdown(numbers)}\n")
    with cli.whole_file(folder / f"table{table}.tex") as part:
        part.write_text(latex(text, best, title, f"tab:table{table}"))


def markdown(numbers: pd.DataFrame) -> str:
    """The table as Markdown, best and second marked."""
    marked = _mark(shown(numbers), ranks(numbers), "**{}**", "<u>{}</u>")
    return marked.to_markdown(index=False, disable_numparse=True)


def ranks(numbers: pd.DataFrame) -> dict[str, list[int]]:
    """Rank of each row by ours, 1 the best; 0 where not ranked or not run, or where no other is."""
    found = {}
    for measure, (title, digits) in MEASURES.items():
        scores = numbers[f"{measure}_ours"].where(numbers["ranked"]).round(digits)
        ranked = scores.rank(ascending=False, method="min") if scores.count() > 1 else 0 * scores
        found[f"{title}, here [95 %]"] = ranked.fillna(0).astype(int).tolist()
    return found


def _mark(text: pd.DataFrame, ranks: dict[str, list[int]], best: str, second: str) -> pd.DataFrame:
    marked = text.copy()
    for column, values in ranks.items():
        style = {1: best, 2: second}
        marked[column] = [style.get(r, "{}").format(t) for r, t in zip(values, text[column], strict=True)]
    return marked


def latex(text: pd.DataFrame, ranks: dict[str, list[int]], title: str, label: str) -> str:
    """A table of text as LaTeX with booktabs; `ranks` marks the best and the second in the columns that it has."""
    escaped = text.map(tex).rename(columns=tex)
    marked = _mark(escaped, {tex(c): r for c, r in ranks.items()}, r"\textbf{{{}}}", r"\underline{{{}}}")
    return marked.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="l" + "r" * (text.shape[1] - 1),
        position="ht",
        position_float="centering",
        caption=tex(title),
        label=label,
    )


def tex(text: str) -> str:
    """Escape text for LaTeX; daggers and degrees become commands, a loss such as L_p+f a symbol with its subscript."""
    pieces = LOSS.split(text)
    pieces[::2] = [piece.translate(SPECIAL) for piece in pieces[::2]]
    pieces[1::2] = [rf"$\mathcal{{L}}_{{{name}}}$" for name in pieces[1::2]]
    return "".join(pieces)
