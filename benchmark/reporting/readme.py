"""Texts with measured numbers: the finding in README.md, between two markers, and pages of docs/.

All are templates that take every measured number from Quotes of EXPERIMENTS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmark import cli, reporting
from benchmark.reference import label_of, paper
from benchmark.reporting import claims, claims_page, heatmaps
from benchmark.reporting.findings import Finding, Pair, estimate, shown
from benchmark.reporting.results import Results
from benchmark.reporting.scores import loader
from benchmark.reporting.tables import MEASURES
from datasets.face import BadInput

# By the name that templates use: the real faces that most is measured on, the same at full width, synthetic faces.
EXPERIMENTS = {"q": "standin-cpu", "full": "standin", "demo": "demo"}
README = Path("README.md")
FINDING = "readme.md.j2"  # five sentences, a table of six claims, one chart, which shows no face
PAGES = {Path(f"docs/{name}.md"): f"{name}.md.j2" for name in ("findings", "model-zoo", "structure-guidance")}
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
MISSING = "not measured yet"


def update(experiments: Mapping[str, Results], *, check: bool = False) -> None:
    """Write README's finding and PAGES; with `check` change nothing.

    Args:
        experiments: the results of EXPERIMENTS, by the same names.
        check: raise where a text is out of date.

    Raises:
        BadInput: if README.md has no place for it, or with `check` a text is not that of the results.
    """
    texts = {path: render(name, experiments) for path, name in PAGES.items()}
    texts[README] = filled(README.read_text(), render(FINDING, experiments))
    for path, text in texts.items():
        if check and (not path.exists() or path.read_text() != text):
            raise BadInput(f"{path}: its results are not those of results/; run `python -m benchmark publish readme`")
        if not check:
            cli.write_text(path, text)


def filled(page: str, text: str) -> str:
    """`page` with `text` between the markers.

    Raises:
        BadInput: if they are not there once each, in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise BadInput(f"{README}: needs one {BEGIN} and, after it, one {END}")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}"


class Quotes:
    """Scores, differences and verdicts of one experiment as text; MISSING where something is not measured."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._load = loader(results)

    def claim(self, name: str) -> dict[str, Any]:
        """A claim as claims_page.described has it, and `effect`: of several pairs, that over the best of the others."""
        found = claims_page.described(self.results.claims[name])
        tests, best = found["tests"], found["best_other"]
        found["margin"] = found["margin"] or "–"
        if not tests:
            return found | {"effect": MISSING, "said": MISSING, "size": "–"}
        if len(tests) > 1 and best is None:
            return found | {"effect": f"{len(tests)} pairs"}
        chosen = next((test for test in tests if test["than"] == best), tests[0])
        over = f" over {label_of(best)}" if best else ""
        return found | {"effect": claims_page.effect(chosen, found["measure"]) + over}

    def summary(self) -> str:
        """The counts of directions of the claims of the paper, in words."""
        of_paper = [claim for claim in self.results.claims.values() if claim["place"] != claims.LATER]
        return claims_page.summary(of_paper, self.results)

    def score(self, run: str, measure: str = "psnr") -> str:
        """A run's mean over faces and seeds."""
        known = self.results.summaries.get(run)
        return MISSING if known is None else f"{MEASURES[measure].text(known[measure])}{MEASURES[measure].unit}"

    def gain(self, run: str, other: str, measure: str = "psnr", yaw: str | None = None) -> str:
        """How much better a run is than another (in a bin of |yaw|), with its interval; a note if it is of one seed."""
        found, of = self._found(run, other, measure, yaw), MEASURES[measure]
        if found is None:
            return MISSING
        random = [run in self.results.kinds for run in (run, other)]  # the others give one result, whatever the seed
        single = any(n == 1 for n, drawn in zip(found.seeds, random, strict=True) if drawn)
        note = " (one seed, faces only)" if found.reason else " (one seed)" if single else ""
        return f"{shown(found, of, of.unit)}{note}"

    def bound(self, run: str, other: str) -> str:
        """The upper end of the interval of a gain in PSNR, without its sign."""
        found = self._found(run, other, "psnr")
        return f"{abs(found.high):.2f} dB" if found else MISSING

    def _found(self, run: str, other: str, measure: str, yaw: str | None = None) -> Finding | None:
        scores = self._load(measure)
        if yaw is not None and scores.yaw_bin is not None:
            scores = scores.of_faces(scores.yaw_bin == yaw)
        return estimate(Pair(run, other), scores, MEASURES[measure].lower)

    @property
    def recognised(self) -> str:
        """The number of faces on which identity and landmarks are measured."""
        return str(max((table["name"].nunique() for table in self.results.recognised.values()), default=0))

    def _estimates(self, run: str) -> Iterable[dict[str, Any]]:
        """Errors of a run's own estimates, by seed; none where it is not measured."""
        return self.results.summaries.get(run, {}).get("estimates", {}).values()

    def rotation(self, run: str) -> str:
        """The rotation error of a run's STN: the mean over seeds, or each seed's where they are over 1 degree apart."""
        known = [seed["warp_stn"]["rotation_degrees"] for seed in self._estimates(run) if "warp_stn" in seed]
        if not known:
            return MISSING
        values = known if max(known) - min(known) > 1 else [sum(known) / len(known)]
        return listed([f"{value:.2f}°" for value in values])

    def heatmap_error(self, run: str) -> str:
        """The distance of a run's estimated components from the true ones, averaged over seeds."""
        known = [seed["peak_px"] for seed in self._estimates(run) if "peak_px" in seed]
        return f"{sum(known) / len(known):.1f} px" if known else MISSING

    def by_seed(self, run: str, other: str) -> str:
        """How much more PSNR a run has than another, seed by seed."""
        if not {run, other} <= self.results.rows.keys():
            return MISSING
        means = [self.results.rows[name].groupby("seed")["psnr"].mean() for name in (run, other)]
        return f"{listed([f'{gain:+.2f}' for gain in (means[0] - means[1]).dropna()])} dB"

    def seeds(self, run: str) -> str:
        """The number of seeds of a run."""
        return str(self.results.summaries.get(run, {}).get("seeds", MISSING))

    def branch_epochs(self, run: str) -> str:
        """Epochs of a run with its heatmap branch."""
        return str(heatmaps.branch_epochs(self.results, run)) if run in self.results.logs else MISSING

    def epochs(self, run: str) -> str:
        """Epochs of a run, pre-training included."""
        return str(self.results.epochs.get(run, MISSING))

    def megabytes(self, run: str) -> str:
        """The size of a released network, by its .dvc file."""
        path = self.results.experiment.results / "released" / f"{run}.dvc"
        return f"{yaml.safe_load(path.read_text())['outs'][0]['size'] / 1e6:.0f} MB" if path.is_file() else "–"

    @property
    def faces(self) -> str:
        """The number of test images."""
        return f"{len(self.results.faces):,}"

    @property
    def identities(self) -> str:
        """The number of identities of the test images."""
        return f"{self.results.faces['person'].nunique():,}"


def listed(texts: Sequence[str]) -> str:
    """Texts in a row, "and" before the last."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def render(name: str, experiments: Mapping[str, Results]) -> str:
    """The template `name`, in which each of `experiments` is its quotes, by name."""
    quotes = {name: Quotes(results) for name, results in experiments.items()}
    return reporting.render(name, published=paper()["psnr"], **quotes) + "\n"
