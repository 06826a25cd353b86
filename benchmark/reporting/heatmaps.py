"""heatmaps.md: what the heatmaps bring, each network that sees some beside the same one that sees none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import cli, config
from benchmark.make import options_of
from benchmark.reporting import measurements, tables
from benchmark.reporting.findings import Finding, Pair, Scores, estimate, gain, gained, seeds_of
from benchmark.reporting.measures import MEASURES, Measure
from methods.mtun.options import Options

# Options that say what the decoder sees of heatmaps: two runs that differ in these alone are compared.
OF_HEATMAPS = ("stacks", "heatmaps", "heatmap_weight", "sigma")
COMPONENTS = ("eyes", "nose", "mouth", "chin")
NAME = "heatmaps"
HEAD = (
    "Every run of MTUN that sees heatmaps, beside the run that differs in nothing else and sees none. *Gain*: over "
    "that run, with the 95 % interval over people and, where it is known, over seeds; front by front where trainings "
    "of both went on from the same fronts. *Landmark error*: of dlib on the SR faces; less of it is a gain. *Given* "
    "heatmaps are the true ones, in training and in use. An HEB brings more than its heatmaps, parameters and a task "
    "to learn, so that estimated ones may gain more. *Empty* ones are zeros, through which nothing is learnt: such a "
    "network is the one without, from another initialisation. Of twenty such intervals one misses by chance: they are "
    "not corrected for their number."
)
NONE = "No run that sees heatmaps has been measured together with the one that sees none."
OF_BOUNDS = (
    "What could the heatmaps bring? Gains over the run that sees none: of true ones, of those that the HEB estimates, "
    "of empty ones. *Left*: the gain of true ones over estimated ones. *Content*: that of true and of estimated ones "
    "over empty ones. A column is over the seeds that its own two runs share, so that columns need not add up."
)
BOUNDS = {"true": "True", "estimated": "Estimated", "zero": "Empty"}
OF_ESTIMATES = (
    "Errors of the estimates: distance of the heatmaps' centres, px of 128, and of the STN. Where the recipe has L_w "
    "(`tuned`), true warps teach every STN alike, with heatmaps and without; so the better alignment that the paper "
    "ascribes to L_h can show under the recipes `paper` and `authors` alone. Distances are measured on maps of the σ "
    "that the run learns from; those of different σ are not comparable: a wide kernel hides what a narrow one shows."
)
COMPARED = ("psnr", "ssim", "nme")  # measures of both tables of gains


def seen(experiment: config.Experiment) -> dict[str, Options]:
    """All options of every run of MTUN."""
    runs = map(experiment.run, experiment.runs)
    return {run.name: options_of(run) for run in runs if run.method == "mtun"}


def pairs(experiment: config.Experiment) -> dict[str, str]:
    """The run that sees no heatmaps by each one that sees some, where all their other options are the same."""
    options = seen(experiment)
    blind = {_rest(found): run for run, found in options.items() if not _sees(found)}
    return {run: blind[_rest(found)] for run, found in options.items() if _sees(found) and _rest(found) in blind}


def _sees(options: Options) -> bool:
    return bool(options.stacks) or options.heatmaps != "estimated"


def _rest(options: Options) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value) for key, value in vars(options).items() if key not in OF_HEATMAPS)


def measured_pairs(experiment: config.Experiment) -> dict[str, str]:
    """`pairs` of which both runs are measured."""
    known = measurements.measured(experiment)
    return {run: other for run, other in pairs(experiment).items() if run in known and other in known}


def gains(experiment: config.Experiment) -> pd.DataFrame:
    """What heatmaps bring: a row a pair, as text."""
    known, options, names = measurements.measured(experiment), seen(experiment), measurements.labels(experiment)
    scores = {measure: Scores.load(experiment, measure) for measure in COMPARED}
    rows = []
    for run, other in measured_pairs(experiment).items():
        row = {"Run": names[run], "Heatmaps": _kind(options[run]), "Beside": names[other]}
        found = {m: estimate(Pair(run, other), scores[m], MEASURES[m].lower) for m in COMPARED}
        row["Seeds"] = seeds_of(found["psnr"].seeds, found["psnr"].paired)
        row["PSNR"] = f"{known[run]['psnr']:.2f}"
        row |= {f"Gain in {MEASURES[m].title} [95 %]": gained(found[m], MEASURES[m]) for m in COMPARED}
        rows.append(row)
    return pd.DataFrame(rows)


def _kind(options: Options) -> str:
    if options.heatmaps == "zero":
        return "empty"
    plural = "s" if options.stacks > 1 else ""
    estimated = f"estimated by {options.stacks} stack{plural}, L_h times {options.heatmap_weight:g}"
    kind = "given" if options.heatmaps == "true" else estimated
    return f"{kind}, σ {options.sigma:g}"


def bounds(experiment: config.Experiment) -> tuple[pd.DataFrame, list[str]]:
    """Gains of true, estimated and empty heatmaps, rows by run that sees none and measure; what follows in words."""
    groups, names = by_blind(experiment), measurements.labels(experiment)
    scores = {measure: Scores.load(experiment, measure) for measure in COMPARED} if groups else {}
    rows, words = [], []
    for other, group in groups.items():
        for measure in (measure for measure in COMPARED if other in scores[measure].values):
            row = {"Beside": names[other], "Gain in": MEASURES[measure].title}
            rows.append(row | _bounds(other, group, scores[measure], MEASURES[measure]))
        left = estimate(Pair(group.get("true", ""), group.get("estimated", "")), scores["psnr"])
        words += [f"Beside {names[other]}: {sentence}" for sentence in follows(left)]
    return pd.DataFrame(rows), words


def by_blind(experiment: config.Experiment) -> dict[str, dict[str, str]]:
    """The run by what heatmaps it sees, by the run that sees none; where true or empty ones were measured too."""
    options = seen(experiment)
    groups: dict[str, dict[str, str]] = {}
    for run, other in measured_pairs(experiment).items():
        if options[run].heatmaps != "estimated" or _is_standard(options[run]):
            groups.setdefault(other, {})[options[run].heatmaps] = run
    return {other: group for other, group in groups.items() if group.keys() & {"true", "zero"}}


def _bounds(other: str, group: dict[str, str], scores: Scores, measure: Measure) -> dict[str, str]:
    """A row of `bounds`: gains over `other`, and of the group's runs over each other."""
    true, estimated, empty = (group.get(kind, "") for kind in BOUNDS)
    gained = {title: gain(group.get(kind, ""), other, scores, measure) for kind, title in BOUNDS.items()}
    gained["Left"] = gain(true, estimated, scores, measure)
    gained["Content, true"] = gain(true, empty, scores, measure)
    return gained | {"Content, estimated": gain(estimated, empty, scores, measure)}


def _is_standard(options: Options) -> bool:
    """Whether the HEB is the paper's: its stacks, L_h's weight and sigma, which given heatmaps have as well."""
    return all(getattr(options, name) == getattr(Options, name) for name in OF_HEATMAPS)


def follows(left: Finding) -> list[str]:
    """What the gain of true heatmaps over estimated ones says, in words; nothing where it was not measured."""
    if left.effect is None or left.low is None or left.high is None:
        return []
    if left.low > 0:
        return [f"true heatmaps bring {left.effect:.2f} dB more than estimated ones."]
    if left.high < 0:
        return ["true heatmaps bring less than estimated ones: what L_h brings is not the heatmaps' accuracy."]
    return [f"in PSNR true heatmaps bring {left.high:.2f} dB more than estimated ones at most, at 95 %."]


def courses(experiment: config.Experiment) -> list[str]:
    """How the gain on the validation fold goes from pass to pass, in words, where pairs were trained for several.

    It is that of the seeds which both runs were scored of.
    """
    names, words, known = measurements.labels(experiment), [], measurements.validation(experiment)
    for run, other in measured_pairs(experiment).items():
        ours, theirs = known.get(run, {}), known.get(other, {})
        both = [seed for seed in ours if seed in theirs and len(ours[seed]) == len(theirs[seed]) > 1]
        if both:
            gap = np.mean([ours[seed] - theirs[seed] for seed in both], axis=0)
            seeds = f"{len(both)} seeds" if len(both) > 1 else "one seed"
            words.append(
                f"Beside {names[other]}: on the validation fold {names[run]} gains {gap[0]:+z.2f} dB after one pass "
                f"over the training faces, {gap[-1]:+z.2f} dB after {len(gap)}, of {seeds}."
            )
    return words


def errors(experiment: config.Experiment) -> pd.DataFrame:
    """Errors of the estimates of all runs of MTUN, means over seeds, as text."""
    known, names = measurements.measured(experiment), measurements.labels(experiment)
    rows = []
    for run in (run for run in seen(experiment) if run in known):
        seeds = pd.json_normalize(list(known[run]["estimates"].values())).mean()
        row = {"Run": names[run]}
        row |= {part: tables.number(seeds.get(f"peak_px_{part}", np.nan), 1) for part in COMPONENTS}
        row["Rotation, °"] = tables.number(seeds.get("warp_stn.rotation_degrees", np.nan), 2)
        row["Shift, %"] = tables.number(seeds.get("warp_stn.shift_percent", np.nan), 2)
        rows.append(row)
    return pd.DataFrame(rows)


def write(experiment: config.Experiment, target: Path) -> None:
    """Write heatmaps.md."""
    parts = [f"# What the heatmaps bring\n\nExperiment {experiment.name}: {tables.describe(experiment)}."]
    if measured_pairs(experiment):
        parts += [HEAD, gains(experiment).to_markdown(index=False, disable_numparse=True)]
        table, words = bounds(experiment)
        if len(table):
            parts += [OF_BOUNDS, table.to_markdown(index=False, disable_numparse=True), *words]
        parts += [*courses(experiment), OF_ESTIMATES]
        parts.append(errors(experiment).to_markdown(index=False, disable_numparse=True))
        parts.append(f"![Learning with and without heatmaps](figures/{NAME}.png)")
    with cli.whole_file(target / f"{NAME}.md") as part:
        part.write_text("\n\n".join(parts if len(parts) > 1 else [*parts, NONE]) + "\n")
