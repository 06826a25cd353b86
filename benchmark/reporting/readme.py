"""Texts with measured numbers: the finding in README.md, between two markers, and pages of docs/.

All are templates that take every measured number from Quotes of EXPERIMENTS.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmark import cli
from benchmark.reference import label_of, paper
from benchmark.reporting import claims, claims_page, template
from benchmark.reporting.findings import ONE_SEED, Finding, Pair, estimate, shown
from benchmark.reporting.measures import MEASURES
from benchmark.reporting.results import Results, ordered_bins
from benchmark.reporting.scores import loader
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

    def measured(self, claim: str) -> bool:
        """Whether any pair of the claim is measured."""
        return not claims.unmeasured(self.results.claims[claim])

    def says(self, claim: str) -> str:
        """The claim in words."""
        return str(self.results.claims[claim]["says"])

    def paper(self, claim: str) -> str:
        """The margin that the paper gives; a dash if it gives none, or several."""
        margins = set(self.results.claims[claim]["margins"] or [])
        if len(margins) != 1:
            return "–"
        measure = MEASURES[self.results.claims[claim]["measure"]]
        return f"{margins.pop():+.2f}{measure.unit}"

    def effect(self, claim: str) -> str:
        """The difference with its interval; of several pairs, that over the best of the others."""
        judged = self.results.claims[claim]
        tests, best = judged["tests"], judged["best_other"]
        if not self.measured(claim):
            return MISSING
        chosen = [test for test in tests if test["than"] == best] or tests
        if len(tests) > 1 and best is None:
            return f"{len(tests)} pairs"
        text = claims_page.effect(chosen[0], judged["measure"])
        return f"{text} over {label_of(best)}" if best else text

    def direction(self, claim: str) -> str:
        """The answer on direction, with its reason where it is undecided for want of seeds."""
        return claims_page.verdict_text(self.results.claims[claim]) if self.measured(claim) else MISSING

    def size(self, claim: str) -> str:
        """The answer on size."""
        return str(self.results.claims[claim]["size"]) if self.measured(claim) else "–"

    def summary(self) -> str:
        """The counts of directions in words."""
        return claims_page.summary([*self.results.claims.values()], self.results)

    def has(self, run: str) -> bool:
        """Whether a run is measured."""
        return run in self.results.summaries

    def score(self, run: str, measure: str = "psnr") -> str:
        """A run's mean over faces and seeds."""
        known = self.results.summaries.get(run)
        return MISSING if known is None else f"{known[measure]:.{MEASURES[measure].digits}f}{MEASURES[measure].unit}"

    def published(self, run: str) -> str:
        """The paper's PSNR of a run."""
        return f"{float(paper()['psnr'][run]):.2f} dB"

    def gain(self, run: str, other: str, measure: str = "psnr", yaw: str | None = None) -> str:
        """How much better a run is than another (in a bin of |yaw|), with its interval; a note if it is of one seed."""
        found, of = self._found(run, other, measure, yaw), MEASURES[measure]
        if found.effect is None:
            return MISSING
        drawn = {run, other} & self.results.kinds.keys()  # the others have no randomness
        single = found.reason == ONE_SEED or (drawn and found.seeds == (1, 1))
        return f"{shown(found, of, of.unit)}{' (one seed)' if single else ''}"

    def bound(self, run: str, other: str, end: str = "high") -> str:
        """The lower or upper end of the interval of a gain in PSNR, without its sign."""
        value = getattr(self._found(run, other, "psnr"), end)
        return MISSING if value is None else f"{abs(value):.2f} dB"

    def _found(self, run: str, other: str, measure: str, yaw: str | None = None) -> Finding:
        scores = self._load(measure)
        scores = scores if yaw is None else scores.of_faces(scores.yaw_bin == yaw)
        return estimate(Pair(run, other), scores, MEASURES[measure].lower)

    @property
    def yaw_bins(self) -> list[str]:
        """The bins of |yaw|, from frontal to profile."""
        return ordered_bins(self.results.faces["yaw_bin"])

    @property
    def recognised(self) -> str:
        """The number of faces on which identity and landmarks are measured."""
        return str(max(table["name"].nunique() for table in self.results.recognised.values()))

    def rotation(self, run: str) -> str:
        """The mean rotation error of a run's STN, over seeds."""
        seeds = self.results.summaries.get(run, {}).get("estimates", {}).values()
        known = [seed["warp_stn"]["rotation_degrees"] for seed in seeds if "warp_stn" in seed]
        return f"{sum(known) / len(known):.2f}°" if known else MISSING

    def seeds(self, run: str) -> str:
        """The number of seeds of a run."""
        known = self.results.summaries.get(run)
        return MISSING if known is None else str(known["seeds"])

    def epochs(self, run: str) -> str:
        """Epochs of a run, pre-training included."""
        return str(self.results.epochs.get(run, MISSING))

    def megabytes(self, run: str) -> str:
        """The size of a released network, by its .dvc file."""
        path = self.results.experiment.run(run).released.with_suffix(".dvc")
        return f"{yaml.safe_load(path.read_text())['outs'][0]['size'] / 1e6:.0f} MB" if path.is_file() else "–"

    @property
    def faces(self) -> str:
        """The number of test images."""
        return f"{len(self.results.faces):,}"

    @property
    def identities(self) -> str:
        """The number of identities of the test images."""
        return f"{self.results.faces['person'].nunique():,}"

    @property
    def most_of_one(self) -> str:
        """The largest number of test images of one identity."""
        return str(self.results.faces["person"].value_counts().max())


def render(name: str, experiments: Mapping[str, Results]) -> str:
    """The template `name`, in which each of `experiments` is its quotes, by name."""
    quotes = {name: Quotes(results) for name, results in experiments.items()}
    return template(name).render(**quotes).strip() + "\n"
