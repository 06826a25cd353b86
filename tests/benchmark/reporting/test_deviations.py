"""The page of deviations: its notes are read whole or refused, every method has some, and all rows are on the page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

import methods.bicubic
from benchmark import config
from benchmark.reporting import deviations
from datasets.face import BadInput
from methods.interface import discover, names
from methods.mtun.recipes import DEVIATIONS, recipe
from methods.stn0 import STN0

PARAMS = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())
ROW = {"about": "vdsr", "point": "biases", "paper": "not stated", "here": "none", "why": "because"}


def cells(page: str) -> list[list[str]]:
    """The rows of all tables of a page."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def keys(tree: Any) -> Iterator[str]:
    """Every key of nested mappings."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from (key, *keys(value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"why": None}, r"row 2 \(vdsr: biases\) lacks why$"),
        ({"about": None, "here": None}, r"row 2 \(\?: biases\) lacks about, here$"),
        ({"authors": "none"}, r"row 2 \(vdsr: biases\) has unknown authors$"),
        ({"about": "vdsl"}, r"row 2 \(vdsl: biases\): about is protocol or one of .*vdsr"),
        ({"here": False}, r"row 2 \(vdsr: biases\): here must be text"),
    ],
)
def test_a_row_that_is_not_whole_is_refused_by_file_and_number(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "notes.yaml"
    changed = {key: value for key, value in (ROW | change).items() if value is not None}
    path.write_text(yaml.safe_dump({"deviations": [ROW, changed]}))
    with pytest.raises(BadInput, match=f"^{re.escape(str(path))}: {message}"):
        deviations.notes(path)


def test_every_method_that_is_more_than_a_reference_has_a_row() -> None:
    noted = deviations.notes()
    assert set(names()) - {"nearest", "bicubic", "images"} <= set(noted["Method"])
    assert "protocol" in set(noted["Method"])
    assert not noted.duplicated(["Method", "Point"]).any()


def test_rows_name_options_that_there_are() -> None:
    options = {name: method.Options for name, method in discover().items()} | {"stn0": STN0.Options}
    fields = {name: {field.name for field in dataclasses.fields(kind)} for name, kind in options.items()}
    fields["protocol"] = set().union(*fields.values())
    shared = {*keys(PARAMS), "precision", *("paper", "authors", "tuned")}
    for about, *texts in deviations.notes().to_numpy().tolist():
        assert set(re.findall("`(.+?)`", " ".join(texts))) <= shared | fields[about], (about, texts[0])


def test_page_holds_every_row_below_what_it_is_about(toy: config.Experiment) -> None:
    page = cells(deviations.page(toy, {}))
    noted = deviations.notes().to_numpy().tolist()
    protocol, ours = ([row[1:] for row in noted if row[0] == about] for about in ("protocol", "mtun"))
    baselines = [row for row in noted if row[0] not in ("protocol", "mtun")]
    recipes = deviations.rows().to_numpy().tolist()
    starts = [page.index(table[0]) for table in (protocol, baselines, recipes, ours)]
    assert starts == sorted(starts)
    for start, table in zip(starts, (protocol, baselines, recipes, ours), strict=True):
        assert page[start : start + len(table)] == table


def test_page_warns_of_scores_of_other_settings(toy: config.Experiment) -> None:
    warning = "**Scores that were made with other settings than today's:**"
    assert warning not in deviations.page(toy, {})
    lines = deviations.page(toy, {"bicubic": ["width 32, now 16", "align none, now stn0"]}).splitlines()
    assert lines[lines.index(warning) + 2] == "- bicubic: width 32, now 16; align none, now stn0"


def test_page_says_what_the_experiment_sets_of_the_protocol(toy: config.Experiment) -> None:
    toy.params["prepare"] = {"annotator": "fan", "test_fraction": 0.25}
    first = deviations.page(toy, {}).splitlines()[0]
    assert first.startswith("Experiment toy: synthetic. Of the protocol it sets annotator fan, test_fraction 0.25; ")
    assert "vgg none, precision auto." in first


def test_deviations_hold_every_row_of_the_recipes_and_of_other_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    row = SimpleNamespace(point="kernel", paper="a|b", authors=None, tuned=True, why="because")
    monkeypatch.setattr(methods.bicubic, "DEVIATIONS", (row,), raising=False)
    found = deviations.rows()
    assert list(found.loc[found["Method"] == "mtun", "Point"]) == [d.point for d in DEVIATIONS]
    assert found[found["Method"] == "bicubic"].iloc[0].tolist()[1:] == ["kernel", "a|b", "none", "yes", "because"]


def test_deviations_page_keeps_its_columns_apart(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    row = SimpleNamespace(point="kernel", paper="a|b", authors=None, tuned=True, why="because")
    monkeypatch.setattr(methods.bicubic, "DEVIATIONS", (row,), raising=False)
    deviations.write(toy, toy.results)
    page = cells((toy.results / "deviations.md").read_text())
    assert ["bicubic", "kernel", r"a\|b", "none", "yes", "because"] in page
    assert {len(row) for row in page} == {4, 5, 6}  # settings and protocol, baselines, recipes


def test_what_an_experiment_sets_stands_beside_what_it_would_have_been(toy: config.Experiment) -> None:
    toy.params["methods"] = {
        "mtun": {"epochs": 3, "width": 32, "front_rate": 0.5},
        "srgan": {"blocks": 2},
        "bicubic": None,
    }
    found = deviations.settings(toy).to_numpy().tolist()
    tuned = recipe("tuned")
    assert found == [
        ["mtun", "epochs", str(tuned.epochs), "3"],  # by the recipe; the width is the usual one
        ["mtun", "front_rate", f"{tuned.front_rate:g}", "0.5"],
        ["srgan", "blocks", "16", "2"],  # SRGAN has no recipes
    ]
