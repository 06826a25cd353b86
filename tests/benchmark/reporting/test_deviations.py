"""The page of deviations: texts are read whole or refused, every method has some, and all are on the page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.reporting import deviations
from benchmark.reporting.results import Results
from datasets.face import BadInput
from methods.interface import discover, names
from methods.mtun.recipes import RECIPES

PARAMS = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())
ENTRY = {"point": "biases", "paper": "not stated", "here": "none", "why": "because"}
FILES = {"protocol": deviations.PROTOCOL} | {name: deviations.METHODS / name / deviations.FILE for name in names()}


def keys(tree: Any) -> Iterator[str]:
    """Every key of nested mappings."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from (key, *keys(value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"why": None}, r"why: field required"),
        ({"author": "none"}, r"author: no such key; known are point, paper"),
        ({"here": False}, r"here: False: input should be a valid string"),
        ({"paper": ""}, r"paper: '': string should have at least 1 character"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_by_file_and_number(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "deviations.yaml"
    changed = {key: value for key, value in (ENTRY | change).items() if value is not None}
    path.write_text(yaml.safe_dump([ENTRY, changed]))
    with pytest.raises(BadInput, match=rf"^{re.escape(str(path))}: entry 2 \(biases\): {message}"):
        deviations.read(path)


@pytest.mark.parametrize("name", FILES)
def test_entries_name_options_that_there_are_and_differ(name: str) -> None:
    found = deviations.read(FILES[name])
    assert found or name == "mtun_trunk"  # which mtun's file is about
    assert len({entry.point for entry in found}) == len(found)
    options = {key for method in discover().values() for key in method.Options.model_fields}
    own = options if name == "protocol" else set(discover()[name].Options.model_fields)
    allowed = {*keys(PARAMS), *own, "precision", *RECIPES}
    for entry in found:
        named = re.findall("`(.+?)`", entry.line())
        assert set(named) <= allowed, entry.point


def test_page_holds_every_entry_of_the_methods_that_have_runs_and_warns_of_other_settings(known: Results) -> None:
    experiment, outdated = known.experiment, {"bicubic": ["width 32, now 16", "align none, now stn0"]}
    warning = "**Scores that were computed with other settings than today's:**"
    lines = deviations.page(experiment, outdated).splitlines()
    assert lines[lines.index(warning) + 2] == "- bicubic: width 32, now 16; align none, now stn0"
    page = deviations.page(experiment, {})
    assert warning not in page
    sections = {text.splitlines()[0].lower(): text for text in page.split("\n## ")[1:]}
    used = {run.method for run in (experiment.runs | experiment.pretrained).values()} | {"protocol"}
    assert {"mtun", "stn0"} < used < {*FILES}
    for name, path in FILES.items():
        lines = [line for line in sections.get(name, "").splitlines() if line.startswith("- ")]
        assert lines == ([entry.line() for entry in deviations.read(path)] if name in used else []), name


def test_a_new_method_brings_its_own_section(known: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vdsr").mkdir()
    (tmp_path / "vdsr" / "deviations.yaml").write_text(yaml.safe_dump([ENTRY | {"authors": "some."}]))
    monkeypatch.setattr(deviations, "METHODS", tmp_path)
    line = "- **Biases.** *Paper:* not stated. *Authors' code:* some. *Here:* none. *Why:* because."
    assert line in deviations.section(known.experiment, "vdsr")
    assert deviations.section(known.experiment, "bicubic") == []
