"""The generated part of README.md, from a made-up experiment: written, checked, and refused where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import config, readme, report
from datasets.face import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reported(toy: config.Experiment) -> config.Experiment:
    """The made-up experiment with its tables and claims, and a figure."""
    report.write_text(toy, toy.results)
    (toy.results / "figures").mkdir()
    (toy.results / "figures" / readme.FIGURE).write_bytes(b"")
    return toy


def test_section_holds_tables_verdicts_and_a_figure(reported: config.Experiment) -> None:
    text = readme.section([reported])
    for number in (1, 2, 3):
        assert (reported.results / "tables" / f"table{number}.md").read_text().strip() in text
    assert "On drawn faces, which neither support nor refute the paper: 2 reproduced, 0 smaller than claimed, 0 not reproduced, 17 open" in text
    assert "Claims of the paper" not in text
    assert "](results/toy/figures/fig5.png)" in text


def test_no_picture_of_a_real_face(reported: config.Experiment) -> None:
    reported.params["corpora"] = {"celeba": {}, "synthetic": {}}
    assert "figures/" not in readme.section([reported])


def test_only_what_is_between_the_markers_changes(reported: config.Experiment) -> None:
    page = f"# Title\n\n{readme.BEGIN}\nold\n{readme.END}\n\nMore.\n"
    new = readme.filled(page, readme.section([reported]))
    assert new.startswith(f"# Title\n\n{readme.BEGIN}\n## Results")
    assert new.endswith(f"{readme.END}\n\nMore.\n")
    assert "old" not in new
    assert readme.filled(new, readme.section([reported])) == new


@pytest.mark.parametrize(
    "page", ["nothing", f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN} {readme.BEGIN} {readme.END}"]
)
def test_pages_without_a_place_for_it_are_refused(page: str) -> None:
    with pytest.raises(BadInput, match=r"README\.md: needs one"):
        readme.filled(page, "text")


def test_an_experiment_without_a_report_is_named(toy: config.Experiment) -> None:
    with pytest.raises(BadInput, match=r"results/toy/tables/table1.md: missing; run .* --experiment toy"):
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
