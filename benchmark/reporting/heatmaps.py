"""heatmaps.md: what heatmaps bring: each network that sees them compared with the same one that does not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import render, tables
from benchmark.reporting.findings import Finding, Pair, estimate, gain, seeds_of
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Load, Scores
from benchmark.reporting.tables import MEASURES
from benchmark.runs.make import options_of
from methods.mtun.options import Options

# Options that say what the decoder sees of heatmaps: two runs that differ in these alone are compared.
OF_HEATMAPS = {"stacks", "heatmaps", "heatmap_weight", "sigma"}
COMPARED = ("psnr", "ssim_y", "nme")  # measures of both tables of gains
NONE, TRUE, ESTIMATED, EMPTY = "none", "true", "estimated", "zero"  # what a run sees of heatmaps
GAINS = {
    "True": (TRUE, NONE),
    "Estimated": (ESTIMATED, NONE),
    "Empty": (EMPTY, NONE),
    "Headroom": (TRUE, ESTIMATED),
    "Content, true": (TRUE, EMPTY),
    "Content, estimated": (ESTIMATED, EMPTY),
}
# Columns of the table of errors, and their digits.
ERRORS = {f"peak_px_{part}": (part, 1) for part in ("eyes", "nose", "mouth", "chin")}
ERRORS |= {"warp_stn.rotation_degrees": ("Rotation, °", 2), "warp_stn.shift_percent": ("Shift, %", 2)}
# Table 3: the run with the heatmap branch and the one without, by the other losses that both minimise.
BY_LOSSES = {"L_p": ("ours_p", "no_heb_p"), "L_p+f": ("ours_pf", "no_heb_pf"), "L_p+f+u": ("ours", "no_heb_pfu")}


def seen(results: Results) -> dict[str, Options]:
    """All options of every measured run of MTUN."""
    runs = map(results.experiment.run, results.summaries)
    options = {run.name: options_of(run) for run in runs if run.method == "mtun"}
    return {name: chosen for name, chosen in options.items() if isinstance(chosen, Options)}


def pairs(results: Results) -> dict[str, str]:
    """The measured run that sees no heatmaps by each one that sees some, all their other options being the same."""
    options = seen(results)
    rest = {run: chosen.model_dump_json(exclude=OF_HEATMAPS) for run, chosen in options.items()}
    seeing = [run for run, chosen in options.items() if chosen.stacks or chosen.heatmaps != ESTIMATED]
    blind = {rest[run]: run for run in options if run not in seeing}
    return {run: blind[rest[run]] for run in seeing if rest[run] in blind}


def standard_pairs(results: Results) -> dict[str, str]:
    """`pairs` of which the one run has the paper's own HEB."""
    options = seen(results)
    return {run: other for run, other in pairs(results).items() if _is_standard(options[run])}


def _is_standard(options: Options) -> bool:
    """Whether the HEB is the paper's: its stacks, L_h's weight and sigma, which given heatmaps have as well."""
    return all(getattr(options, name) == Options.model_fields[name].default for name in OF_HEATMAPS)


def branch_epochs(results: Results, run: str) -> int:
    """Epochs with the branch, which are those of the last phase."""
    phases = next(iter(results.logs[run].values()))["phase"]
    return int((phases == phases.iloc[-1]).sum())


def gain_by_epochs(results: Results, psnr: Scores) -> dict[tuple[str, str], dict[int, Finding]]:
    """The gain of the paper's HEB by epochs with it, in a group for each recipe and set of losses (of BY_LOSSES)."""
    options, groups = seen(results), dict[tuple[str, str], dict[int, Finding]]()
    for run, other in standard_pairs(results).items():
        losses = "L_p" + "+f" * options[run].feature + "+u" * options[run].adversarial
        if losses in BY_LOSSES and run in results.epochs and (found := estimate(Pair(run, other), psnr)):
            groups.setdefault((options[run].recipe, losses), {})[branch_epochs(results, run)] = found
    return {key: dict(sorted(group.items())) for key, group in groups.items()}


def gains(results: Results, load: Load) -> pd.DataFrame:
    """What heatmaps bring: a row a pair, as text."""
    options, rows = seen(results), []
    for run, other in pairs(results).items():
        found = estimate(Pair(run, other), load("psnr"))
        row = {"Run": label_of(run), "Heatmaps": _kind(options[run]), "Compared with": label_of(other)}
        row |= {"Recipe": options[run].recipe, "Epochs": str(results.epochs.get(run, tables.DASH))}
        row |= {"Seeds": seeds_of(found.seeds, found.paired) if found else tables.DASH}
        row |= {"PSNR": f"{results.summaries[run]['psnr']:.2f}"}
        rows.append(
            row | {f"Gain in {MEASURES[m].title} [95 %]": gain(run, other, load(m), MEASURES[m]) for m in COMPARED}
        )
    return pd.DataFrame(rows)


def _kind(options: Options) -> str:
    if options.heatmaps == EMPTY:
        return "empty"
    plural = "s" if options.stacks > 1 else ""
    estimated = f"estimated by {options.stacks} stack{plural}, L_h times {options.heatmap_weight:g}"
    return f"{'given' if options.heatmaps == TRUE else estimated}, σ {options.sigma:g}"


def bounds(results: Results, load: Load) -> tuple[pd.DataFrame, list[str]]:
    """GAINS of true, estimated and empty heatmaps, rows by run that sees none and measure; what follows in words."""
    rows, words = [], []
    for group in groups(results):
        label = label_of(group[NONE])
        for measure in (measure for measure in COMPARED if group[NONE] in load(measure).values):
            row = {"Compared with": label, "Gain in": MEASURES[measure].title}
            for title, (of, over) in GAINS.items():
                row[title] = gain(group.get(of, ""), group.get(over, ""), load(measure), MEASURES[measure])
            rows.append(row)
        headroom = estimate(Pair(group.get(TRUE, ""), group.get(ESTIMATED, "")), load("psnr"))
        words += [f"Compared with {label}: {follows(headroom)}"] if headroom else []
    return pd.DataFrame(rows), words


def groups(results: Results) -> list[dict[str, str]]:
    """For each run that sees none, the runs by what they see; where true or empty heatmaps were measured too."""
    options, found = seen(results), dict[str, dict[str, str]]()
    for run, other in pairs(results).items():
        if options[run].heatmaps != ESTIMATED or _is_standard(options[run]):
            found.setdefault(other, {NONE: other})[options[run].heatmaps] = run
    return [group for group in found.values() if group.keys() & {TRUE, EMPTY}]


def follows(headroom: Finding) -> str:
    """What the gain of true heatmaps over estimated ones says, in words."""
    if headroom.low > 0:
        return f"true heatmaps bring {headroom.effect:.2f} dB more than estimated ones."
    if headroom.high < 0:
        return "true heatmaps bring less than estimated ones: the gain of L_h is not due to accurate heatmaps."
    return f"true heatmaps bring at most {headroom.high:.2f} dB more PSNR than estimated ones, at 95 %."


def errors(results: Results) -> pd.DataFrame:
    """Errors of the estimates of all runs of MTUN, means over seeds, as text; a range where seeds lie far apart."""
    rows = []
    for run in seen(results):
        seeds = pd.json_normalize(list(results.summaries[run]["estimates"].values())).reindex(columns=[*ERRORS])
        cells = {title: _mean(seeds[column], digits) for column, (title, digits) in ERRORS.items()}
        rows.append({"Run": label_of(run)} | cells)
    return pd.DataFrame(rows)


def _mean(seeds: pd.Series, digits: int) -> str:
    """The mean over seeds; with the least and the greatest where the one is over twice the other."""
    mean, low, high = (tables.number(value, digits) for value in (seeds.mean(), seeds.min(), seeds.max()))
    return f"{mean} ({low} to {high})" if seeds.max() > 2 * seeds.min() else mean


def write(results: Results, target: Path, load: Load) -> None:
    """Write heatmaps.md."""
    table, words = bounds(results, load)
    shown = {"gains": gains(results, load), "bounds": table, "errors": errors(results)}
    texts = {name: tables.markdown(table) for name, table in shown.items()}
    chart = standard_pairs(results) and not results.synthetic
    text = render("heatmaps.md.j2", experiment=results.experiment, words=words, chart=chart, **texts)
    cli.write_text(target / "heatmaps.md", text + "\n")
