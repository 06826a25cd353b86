"""What results are compared with: the paper's numbers, later methods, and test faces that copy training faces."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).with_name("paper.csv")
LATER = REFERENCE.with_name("later.csv")
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


def later_methods() -> pd.Series:
    """The labels, by run, of the methods that came after the paper and of those that they are compared with."""
    return _read(LATER).set_index("run")["label"]


def label_of(run: str) -> str:
    """The name of a run: the paper's, that of a later method, or its own."""
    return str({**later_methods(), **paper()["label"]}.get(run, run))


def copies() -> set[str]:
    """Names of test faces that are known to be copies of training faces."""
    return set(_read(COPIES)["test"])
