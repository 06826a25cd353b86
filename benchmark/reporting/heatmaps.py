"""heatmaps.md: what heatmaps bring: each network that sees them compared with the same one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from benchmark import cli
from benchmark.reference import label_of
from benchmark.reporting import tables
from benchmark.reporting.findings import Finding, Pair, estimate, gain, seeds_of
from benchmark.reporting.measures import MEASURES, Measure
from benchmark.reporting.results import Results
from benchmark.reporting.scores import Load, Scores, loader
from benchmark.runs.make import options_of
from methods.mtun.options import Options

# Options that say what the decoder sees of heatmaps: two runs that differ in these alone are compared.
OF_HEATMAPS = ("stacks", "heatmaps", "heatmap_weight", "sigma")
COMPONENTS = ("eyes", "nose", "mouth", "chin")
HEAD = (
    "Each MTUN with heatmaps, compared with the run that is the same but for the heatmaps. *Gain*: over that run, with "
    "the 95 % interval over identities and, where it is known, over seeds; *paired*: both share their pretrained "
    "trunks. Epochs count all phases, including pre-training. *Landmark error*: of dlib on the SR faces; less of it is "
    "a gain. *Given* heatmaps are the true ones, in training and in use; *empty* ones are zeros: the network without "
    "the branch, from another initialisation. The branch adds parameters and a task as well as heatmaps, so that "
    "estimated heatmaps can gain more than given ones. Intervals are not corrected for multiplicity: one in twenty "
    "excludes the true value by chance."
)
NONE = "No run that sees heatmaps has been measured together with the one that sees none."
OF_BOUNDS = (
    "What could heatmaps bring? Gains over the run that sees none: of true heatmaps, of estimated ones, of empty "
    "ones. *Headroom*: the gain of true over estimated ones. *Content*: that of true and of estimated over empty "
    "ones. Each column uses the seeds that its two runs share, so columns may not add up."
)
BOUNDS = {"true": "True", "estimated": "Estimated", "zero": "Empty"}
OF_ESTIMATES = (
    "Errors of the estimates: distance of the heatmaps' centres, px of 128, and of the STN. Recipe `tuned` "
    "supervises every STN with the true warps (L_w), with or without heatmaps; only recipes `paper` and `authors` can "
    "show the better alignment that the paper ascribes to L_h. Distances are measured on maps of the σ that the run "
    "learns from; those of different σ are not comparable: a wide kernel hides what a narrow one shows."
)
COMPARED = ("psnr", "ssim_y", "nme")  # measures of both tables of gains
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
    blind = {_rest(found): run for run, found in options.items() if not _sees(found)}
    return {run: blind[_rest(found)] for run, found in options.items() if _sees(found) and _rest(found) in blind}


def _sees(options: Options) -> bool:
    return bool(options.stacks) or options.heatmaps != "estimated"


def _rest(options: Options) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value) for key, value in vars(options).items() if key not in OF_HEATMAPS)


def standard_pairs(results: Results) -> dict[str, str]:
    """`pairs` of which the one run has the paper's own HEB."""
    options = seen(results)
    return {run: other for run, other in pairs(results).items() if _is_standard(options[run])}


def gain_by_epochs(results: Results, psnr: Scores) -> dict[tuple[str, str], dict[int, Finding]]:
    """The gain of the paper's HEB by epochs with it, in a group for each recipe and set of losses (of BY_LOSSES)."""
    options, groups = seen(results), dict[tuple[str, str], dict[int, Finding]]()
    for run, other in standard_pairs(results).items():
        chosen = options[run]
        losses = "L_p" + "+f" * chosen.feature + "+u" * chosen.adversarial
        if losses in BY_LOSSES and run in results.epochs:
            group = groups.setdefault((chosen.recipe, losses), {})
            phases = next(iter(results.logs[run].values()))["phase"]
            group[int((phases == phases.iloc[-1]).sum())] = estimate(Pair(run, other), psnr)
    return {key: dict(sorted(group.items())) for key, group in groups.items()}


def gains(results: Results, load: Load) -> pd.DataFrame:
    """What heatmaps bring: a row a pair, as text."""
    options, rows = seen(results), []
    for run, other in pairs(results).items():
        found = estimate(Pair(run, other), load("psnr"))
        row = {"Run": label_of(run), "Heatmaps": _kind(options[run]), "Compared with": label_of(other)}
        row["Recipe"], row["Epochs"] = options[run].recipe, str(results.epochs.get(run, "–"))
        row["Seeds"] = seeds_of(found.seeds, found.paired)
        row["PSNR"] = f"{results.summaries[run]['psnr']:.2f}"
        row |= {f"Gain in {MEASURES[m].title} [95 %]": gain(run, other, load(m), MEASURES[m]) for m in COMPARED}
        rows.append(row)
    return pd.DataFrame(rows)


def _kind(options: Options) -> str:
    if options.heatmaps == "zero":
        return "empty"
    plural = "s" if options.stacks > 1 else ""
    estimated = f"estimated by {options.stacks} stack{plural}, L_h times {options.heatmap_weight:g}"
    kind = "given" if options.heatmaps == "true" else estimated
    return f"{kind}, σ {options.sigma:g}"


def bounds(results: Results, load: Load) -> tuple[pd.DataFrame, list[str]]:
    """Gains of true, estimated and empty heatmaps, rows by run that sees none and measure; what follows in words."""
    rows, words = [], []
    for other, group in by_blind(results).items():
        for measure in (measure for measure in COMPARED if other in load(measure).values):
            row = {"Compared with": label_of(other), "Gain in": MEASURES[measure].title}
            rows.append(row | _bounds(other, group, load(measure), MEASURES[measure]))
        headroom = estimate(Pair(group.get("true", ""), group.get("estimated", "")), load("psnr"))
        words += [f"Compared with {label_of(other)}: {sentence}" for sentence in follows(headroom)]
    return pd.DataFrame(rows), words


def by_blind(results: Results) -> dict[str, dict[str, str]]:
    """The run by what heatmaps it sees, by the run that sees none; where true or empty ones were measured too."""
    options = seen(results)
    groups: dict[str, dict[str, str]] = {}
    for run, other in pairs(results).items():
        if options[run].heatmaps != "estimated" or _is_standard(options[run]):
            groups.setdefault(other, {})[options[run].heatmaps] = run
    return {other: group for other, group in groups.items() if group.keys() & {"true", "zero"}}


def _bounds(other: str, group: dict[str, str], scores: Scores, measure: Measure) -> dict[str, str]:
    """A row of `bounds`: gains over `other`, and of the group's runs over each other."""
    true, estimated, empty = (group.get(kind, "") for kind in BOUNDS)
    gains = {title: gain(group.get(kind, ""), other, scores, measure) for kind, title in BOUNDS.items()}
    gains["Headroom"] = gain(true, estimated, scores, measure)
    gains["Content, true"] = gain(true, empty, scores, measure)
    return gains | {"Content, estimated": gain(estimated, empty, scores, measure)}


def _is_standard(options: Options) -> bool:
    """Whether the HEB is the paper's: its stacks, L_h's weight and sigma, which given heatmaps have as well."""
    return all(getattr(options, name) == Options.model_fields[name].default for name in OF_HEATMAPS)


def follows(headroom: Finding) -> list[str]:
    """What the gain of true heatmaps over estimated ones says, in words; nothing where it was not measured."""
    effect, low, high = headroom.effect, headroom.low, headroom.high
    if effect is None or low is None or high is None:
        return []
    if low > 0:
        return [f"true heatmaps bring {effect:.2f} dB more than estimated ones."]
    if high < 0:
        return ["true heatmaps bring less than estimated ones: the gain of L_h is not due to accurate heatmaps."]
    return [f"true heatmaps bring at most {high:.2f} dB more PSNR than estimated ones, at 95 %."]


def errors(results: Results) -> pd.DataFrame:
    """Errors of the estimates of all runs of MTUN, means over seeds, as text; a range where seeds lie far apart."""
    columns = {f"peak_px_{part}": (part, 1) for part in COMPONENTS}
    columns |= {"warp_stn.rotation_degrees": ("Rotation, °", 2), "warp_stn.shift_percent": ("Shift, %", 2)}
    rows = []
    for run in seen(results):
        seeds = pd.json_normalize(list(results.summaries[run]["estimates"].values())).reindex(columns=[*columns])
        cells = {title: _mean(seeds[column], digits) for column, (title, digits) in columns.items()}
        rows.append({"Run": label_of(run)} | cells)
    return pd.DataFrame(rows)


def _mean(seeds: pd.Series, digits: int) -> str:
    """The mean over seeds; with the least and the greatest where the one is over twice the other."""
    low, high = (tables.number(value, digits) for value in (seeds.min(), seeds.max()))
    return f"{tables.number(seeds.mean(), digits)}{f' ({low} to {high})' if seeds.max() > 2 * seeds.min() else ''}"


def write(results: Results, target: Path) -> None:
    """Write heatmaps.md."""
    parts = [f"# What heatmaps bring\n\nExperiment {results.experiment.name}: {results.experiment.params.corpus}."]
    if pairs(results):
        load = loader(results)
        parts += [HEAD, tables.markdown(gains(results, load))]
        table, words = bounds(results, load)
        if len(table):
            parts += [OF_BOUNDS, tables.markdown(table), *words]
        parts += [OF_ESTIMATES, tables.markdown(errors(results))]
        if standard_pairs(results) and not results.synthetic:
            parts.append("![Gain of the heatmap branch by epochs with it](plots/gain.png)")
    cli.write_text(target / "heatmaps.md", "\n\n".join(parts if len(parts) > 1 else [*parts, NONE]) + "\n")
