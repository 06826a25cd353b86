"""What results are compared with: the paper's numbers, and test faces that are known to be copies of training faces."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).with_name("paper.csv")
COPIES = REFERENCE.with_name("copies.csv")


@cache
def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def paper_tables() -> pd.DataFrame:
    """The paper's tables: a row a table and run, with the run's label, PSNR and SSIM."""
    return _read(REFERENCE)


def paper() -> pd.DataFrame:
    """The paper's label, PSNR and SSIM, a row a run; a run of several tables has the same numbers in each."""
    return paper_tables().drop_duplicates("run").set_index("run")


def label_of(run: str) -> str:
    """The paper's name of a run, or its own."""
    known = paper()["label"]
    return str(known[run]) if run in known.index else run


def copies() -> set[str]:
    """Names of test faces that are known to be copies of training faces."""
    return set(_read(COPIES)["test"])
