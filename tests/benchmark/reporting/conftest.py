"""Fixtures of the tests that read an experiment's results: shared ones, in which nothing may be written, and LaTeX."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import config
from benchmark.reporting.results import Results

# Debian's texlive-latex-base comes without booktabs.
RULES = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
HEAD = rf"\documentclass{{article}}\IfFileExists{{booktabs.sty}}{{\usepackage{{booktabs}}}}{{{RULES}}}"


@pytest.fixture(scope="module")
def root(made_up_root: Path) -> Path:
    """The folder of the experiment that the tests of a module read; some modules have one of their own."""
    return made_up_root


@pytest.fixture
def known(root: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """The results in `root`, which is the working directory."""
    monkeypatch.chdir(root)
    return Results(config.load())


@pytest.fixture
def pdflatex(tmp_path: Path) -> Callable[[str], str]:
    """Compiles the body of an article, which must work, and returns the log."""
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex")

    def compiled(body: str) -> str:
        (tmp_path / "all.tex").write_text(rf"{HEAD}\begin{{document}}{body}\end{{document}}")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert (tmp_path / "all.pdf").stat().st_size > 5000
        return (tmp_path / "all.log").read_text(errors="replace")

    return compiled
