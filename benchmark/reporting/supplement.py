"""The table that the paper lacks: runs by yaw, source and black border, on Y, with their estimates' errors and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.reference import copies, label_of
from benchmark.reporting import tables
from benchmark.reporting.results import Results
from benchmark.scoring.recognition import FAILURE, SAME, TRUTH

BLACK = {"under 1 %": (0, 1), "1 to 10 %": (1, 10), "over 10 %": (10, 101)}  # of the crop, outside the photograph
FEW = 20  # faces, of fewer than which no rate is shown
# Title and digits by measure; {} is the group of faces.
WARPS = {
    "rotation_degrees": ("Rotation error, °", 2),
    "shift_percent": ("Shift error, %", 2),
    "scale_percent": ("Scale error, %", 2),
}
HEATMAPS = {
    "peak_px": ("Heatmap error, px", 2),
    "visibility_accuracy": ("Visibility accuracy", 3),
    "visible_share": ("Visible in truth", 3),
}
RECOGNISED = {
    "distance": ("Identity distance", 3),
    "same": (f"Distance under {SAME}, %", 0),
    "rank1": ("Rank-1 identification, %", 0),
    "nme": ("Landmark error{}, %", 2),
    "failures": (f"Landmark error over {FAILURE:.0%}{{}}, % of faces", 0),
    "vgg": ("VGG-19 distance", 3),
}
TITLES = (
    WARPS | HEATMAPS | RECOGNISED | {"psnr": ("PSNR, {}", 2), "ssim": ("SSIM, {}", 3), "parameters": ("Parameters", 0)}
)


def numbers(results: Results) -> dict[str, pd.DataFrame]:
    """The parts of the supplement by title, a row a measured run, columns as (measure, group); NaN where not known."""
    rows, summaries = results.rows, results.summaries
    scores = {title: {run: by_group(groups(t), t) for run, t in rows.items()} for title, groups in GROUPS.items()}
    parts: dict[str, dict[str, Any]] = {title: found for title, found in scores.items() if any(found.values())}
    parts["RGB and luma"] = {run: _luma(summary) for run, summary in summaries.items()}
    parts["Estimates"] = {run: estimates(summary["estimates"]) for run, summary in summaries.items()}
    parts["Size"] = {run: {("parameters", ""): count} for run, count in results.parameters.items()}
    if results.recognised:
        parts["Identity and landmarks"] = {run: _recognised(table) for run, table in results.recognised.items()}
    return {title: pd.DataFrame(found).T for title, found in parts.items()}


def by_yaw(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Which of a run's rows belong to each yaw bin."""
    return {f"{group}°": table["yaw_bin"] == group for group in sorted(table["yaw_bin"].unique())}


def by_source(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Which of a run's rows belong to each source of photographs."""
    return {source: table["source"] == source for source in sorted(table["source"].unique())}


def by_black(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Which of a run's rows have so much black in the crop; the share of the faces is told with each."""
    found = {text: (table["black"] >= low) & (table["black"] < high) for text, (low, high) in BLACK.items()}
    return {
        f"{text} black ({100 * rows.mean():.0f} % of the faces)": rows for text, rows in found.items() if rows.any()
    }


def by_copy(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Which of a run's rows are of copies of training faces, and which are not; {} where none is known."""
    known = table["name"].isin(copies())
    count = table.loc[known, "name"].nunique()
    return {f"the {count} copies of training faces": known, "all other faces": ~known} if count else {}


def by_group(groups: dict[str, pd.Series], table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Mean PSNR and SSIM of a run's rows by group of them."""
    return {
        (measure, name): float(table.loc[rows, measure].mean())
        for measure in ("psnr", "ssim")
        for name, rows in groups.items()
    }


GROUPS = {
    "PSNR and SSIM by yaw": by_yaw,
    "PSNR and SSIM by source": by_source,
    "PSNR and SSIM by black border": by_black,
    "PSNR and SSIM of copies": by_copy,
}


def _luma(summary: dict[str, Any]) -> dict[tuple[str, str], float]:
    return {(m, space): summary[f"{m}{key}"] for m in ("psnr", "ssim") for space, key in (("RGB", ""), ("Y", "_y"))}


def estimates(by_seed: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Errors averaged over seeds: heatmaps, then each STN. {} becomes a row of NaN."""
    means = pd.json_normalize(list(by_seed.values())).mean()
    stns = [name for errors in by_seed.values() for name in errors if name.startswith("warp")]
    names = {(key, "heatmaps"): key for key in HEATMAPS} | {(key, stn): f"{stn}.{key}" for stn in stns for key in WARPS}
    return {column: float(means.get(name, np.nan)) for column, name in names.items()}


def _recognised(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Means of a run's rows of recognition/faces.csv; the landmarks' by yaw too, where the sample has enough faces."""
    rates = table.assign(same=100 * (table["distance"] < SAME), rank1=100 * table["rank1"])
    rates = rates.assign(nme=100 * table["nme"], failures=100 * (table["nme"] > FAILURE))
    means = {(key, ""): float(rates[key].mean()) for key in RECOGNISED}
    for yaw, rows in by_yaw(table).items():
        if (count := table.loc[rows, "name"].nunique()) >= FEW:
            group = f"{yaw} ({count} faces)"
            means |= {(key, group): float(rates.loc[rows, key].mean()) for key in ("nme", "failures")}
    return means


def shown(part: pd.DataFrame) -> pd.DataFrame:
    """A part as text, a dash where a number is missing. The first column names the run, or the HR faces."""
    text = pd.DataFrame({"Method": ["HR" if run == TRUTH else label_of(run) for run in part.index]}, index=part.index)
    for measure, group in (tuple(column) for column in part.columns):
        title, digits = TITLES[measure]
        title = title.format(f" at {group}" if group and measure in RECOGNISED else group)
        if group.startswith("warp_") and group != "warp_stn":
            title += f" ({group.removeprefix('warp_').upper().replace('STN', 'STN ').strip()})"
        text[title] = [tables.number(value, digits) for value in part[measure, group].astype(float)]
    return text


def write(results: Results, folder: Path) -> None:
    """Write supplement.csv (numbers, all parts side by side), supplement.md and supplement.tex (text, part by part)."""
    parts = numbers(results)
    wide = pd.concat(parts.values(), axis=1)
    wide.columns = pd.Index([" ".join(filter(None, column)) for column in wide.columns])
    wide.to_csv(folder / "supplement.csv", float_format="%.4f", index_label="run")
    markdown, latex = [], []
    for title, values in parts.items():
        text, caption = shown(values), f"{title}. Experiment {results.experiment.name}."
        markdown.append(f"{caption}\n\n{tables.markdown(text)}\n")
        latex.append(tables.latex(text, {}, caption, f"tab:{title.lower().replace(' ', '-')}"))
    (folder / "supplement.md").write_text("\n".join(markdown))
    (folder / "supplement.tex").write_text("\n".join(latex))
