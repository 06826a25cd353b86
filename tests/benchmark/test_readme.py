"""The generated part of README.md, from a made-up experiment: written, checked, and refused where it cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import config, readme, report
from datasets.face import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reported(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment with its tables and claims, the chart and a figure of faces."""
    report.write_text(toy, toy.results)
    (toy.results / "figures").mkdir()
    for name in (readme.CHART, readme.FACES):
        (toy.results / "figures" / name).write_bytes(b"")
    return toy


def test_section_holds_tables_verdicts_and_a_figure(reported: config.Experiment) -> None:
    text = readme.section([reported])
    for number in (1, 2, 3):
        _, table = (reported.results / "tables" / f"table{number}.md").read_text().strip().split("\n\n")
        assert table in text
    assert text.count("VGG-19 weights") == 1  # what all tables were measured on is said once
    assert "which neither support nor refute the paper: of its text 1 reproduced, 4 open, 10 not measured; " in text
    assert "Claims of the paper" not in text
    order = [
        "which neither support",
        "](results/toy/figures/paper.png)",
        "](results/toy/figures/fig5.png)",
        "<details>",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_claim_has_a_row_with_its_verdict_and_margin(reported: config.Experiment) -> None:
    judged = json.loads((reported.results / "claims.json").read_text())["claims"]
    text = readme.section([reported])
    table = text[text.index("| Claim | Paper | `toy` |") : text.index("### `toy`")].strip().splitlines()[2:]
    shown = {claim: (paper.strip(), cell.strip()) for claim, paper, cell in (row.split("|")[1:4] for row in table)}
    assert [name.strip() for name in shown] == [claim["says"] for claim in judged]
    for claim, (paper, cell) in zip(judged, shown.values(), strict=True):
        if claim["reason"].startswith("not measured"):
            assert cell == "–"
        else:
            assert cell.startswith(f"**{claim['verdict']}")
            # Of several pairs no margin is shown, since none is the claim's.
            single = len(claim["tests"]) == 1
            assert ("[" in cell, bool(paper)) == (single, single)
    assert {claim["verdict"] for claim in judged} >= {"reproduced", "open"}
    assert any(cell == "–" for _, cell in shown.values())


def test_no_picture_of_a_real_face(reported: config.Experiment) -> None:
    reported.params["corpora"] = {"celeba": {}, "synthetic": {}}
    text = readme.section([reported])
    assert "fig5" not in text
    assert text.count("figures/") == 1


def test_real_faces_come_before_drawn_ones(reported: config.Experiment) -> None:
    real = replace(reported, params=reported.params | {"corpora": {"celeba": {}}})
    text = readme.section([reported, real])
    assert text.index("Claims of the paper: ") < text.index("On drawn faces")


def test_only_what_is_between_the_markers_changes(reported: config.Experiment) -> None:
    page = f"# Title\n\n{readme.BEGIN}\nTo be replaced.\n{readme.END}\n\nMore.\n"
    new = readme.filled(page, readme.section([reported]))
    assert new.startswith(f"# Title\n\n{readme.BEGIN}\n## The answer")
    assert new.endswith(f"{readme.END}\n\nMore.\n")
    assert "To be replaced" not in new
    assert readme.filled(new, readme.section([reported])) == new


@pytest.mark.parametrize(
    "page", ["nothing", f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN} {readme.BEGIN} {readme.END}"]
)
def test_pages_without_a_place_for_it_are_refused(page: str) -> None:
    with pytest.raises(BadInput, match=r"README\.md: needs one"):
        readme.filled(page, "text")


def test_an_experiment_without_a_report_is_named(toy: config.Experiment) -> None:
    with pytest.raises(BadInput, match=r"results/toy/claims.json: missing; run .* --experiment toy"):
        readme.section([toy])


def test_check_notices_a_typed_number(tmp_path: Path) -> None:
    # With nothing accepted in this folder's experiments the section is a sentence; the mechanism is the same.
    (tmp_path / "README.md").write_text(f"{readme.BEGIN}\n22.95 dB\n{readme.END}\n")
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    (tmp_path / "results").symlink_to(ROOT / "results")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmark.readme", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    refused = call("--check")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "run `python -m benchmark.readme`" in refused.stderr
    assert call().returncode == 0
    assert call("--check").returncode == 0
