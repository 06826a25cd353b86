"""How pages show what is measured: numbers to text, and a table of text to Markdown or LaTeX (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

DASH, INFINITE = "–", "∞"
LOSS = re.compile(r"\bL_([a-zA-Z](?:\+[a-z])*)\b")
SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "†": r"\textsuperscript{\dag}",
        "‡": r"\textsuperscript{\ddag}",
        "°": r"$^\circ$",
        INFINITE: r"$\infty$",
        DASH: "--",
    }
    | {sign: "\\" + sign for sign in "&%$#_{}"}
)
# A wide table fits on a page in small type; the note keeps the caption to one sentence.
LATEX = r"""%% needs \usepackage{booktabs}
\begin{table}[ht]
\centering
\caption{%s}
\label{%s}
\scriptsize\setlength{\tabcolsep}{3pt}
%s%s\end{table}
"""
Ranks = Mapping[str, Sequence[int]]  # by column the rank of each row, 1 the best; 0: not ranked


def number(value: float, digits: int, sign: str = "") -> str:
    """A number with so many digits; a dash for NaN. sign: "+" to show that of positive numbers too."""
    return DASH if np.isnan(value) else f"{value:{sign}z,.{digits}f}".replace("inf", INFINITE)


def interval(value: float, low: float, high: float, *, digits: int) -> str:
    """A number with its interval in brackets, which an infinite one does not have."""
    text = number(value, digits)
    return f"{text} [{number(low, digits)}, {number(high, digits)}]" if np.isfinite(value) else text


@dataclass(frozen=True)
class Measure:
    """A measure as a table has it: stored values times `factor`, to so many digits. lower: less is better."""

    title: str
    digits: int
    factor: int = 1
    lower: bool = False
    unit: str = ""

    def text(self, value: float) -> str:
        """A score as text, without its unit."""
        return number(self.factor * value, self.digits)

    def signed(self, value: float, digits: int | None = None) -> str:
        """A difference as text, without its unit."""
        return f"{self.factor * value:+z.{digits or self.digits}f}"

    def change(self, effect: float, low: float, high: float, unit: str = "", note: str = "") -> str:
        """A difference and its interval as text, with `unit` behind the one and `note` in the other."""
        return f"{self.signed(effect)}{unit} [{self.signed(low)}, {self.signed(high)}{note}]"


MEASURES = {
    "psnr": Measure("PSNR, dB", 2, unit=" dB"),
    "ssim": Measure("SSIM", 3),
    "psnr_y": Measure("PSNR on Y, dB", 2, unit=" dB"),
    "ssim_y": Measure("SSIM on Y", 3),
    "distance": Measure("identity distance", 3, lower=True),
    "nme": Measure("landmark error, %", 2, factor=100, lower=True, unit=" %"),
    "vgg": Measure("VGG-19 distance", 3, lower=True),
    "rotation_degrees": Measure("rotation error, °", 2, lower=True, unit="°"),
    "shift_percent": Measure("shift error, %", 2, lower=True, unit=" %"),
    "peak_px": Measure("heatmap error, px", 2, lower=True, unit=" px"),
}


def formatted(values: pd.DataFrame, digits: Mapping[str, int]) -> pd.DataFrame:
    """A table as text: numbers with the digits of their column, a dash for what is missing."""
    text = values.astype(object).where(values.notna(), DASH)
    return text.assign(
        **{name: [number(value, n) for value in values[name].astype(float)] for name, n in digits.items()}
    )


def markdown(text: pd.DataFrame, ranks: Ranks | None = None) -> str:
    """A table of text as Markdown, the best and the second of ranked columns marked."""
    escaped = text.map(lambda cell: str(cell).replace("|", r"\|"))
    return _marked(escaped, ranks or {}, "**{}**", "<u>{}</u>").to_markdown(index=False, disable_numparse=True)


def latex(text: pd.DataFrame, ranks: Ranks, caption: str, label: str, note: str = "") -> str:
    """A table of text as LaTeX, the best and the second of ranked columns marked; the note is set below it."""
    escaped = text.map(tex).rename(columns=tex)
    ranks = {tex(column): ranked for column, ranked in ranks.items()}
    marked = _marked(escaped, ranks, r"\textbf{{{}}}", r"\underline{{{}}}")
    column_format = "l" + "r" * (text.shape[1] - 1)
    body = marked.style.hide(axis="index").to_latex(hrules=True, column_format=column_format)
    below = f"\\par\\smallskip\\parbox{{\\linewidth}}{{{tex(note)}}}\n" if note else ""
    return LATEX % (tex(caption), label, body, below)


def _marked(text: pd.DataFrame, ranks: Ranks, best: str, second: str) -> pd.DataFrame:
    styles = {1: best, 2: second}
    marks = {
        column: [styles.get(rank, "{}").format(cell) for rank, cell in zip(ranked, text[column], strict=True)]
        for column, ranked in ranks.items()
    }
    return text.assign(**marks)


def tex(text: str) -> str:
    """Escape text for LaTeX; daggers and degrees become commands, a loss such as L_p+f a symbol with its subscript."""
    pieces = LOSS.split(text)
    pieces[::2] = [piece.translate(SPECIAL) for piece in pieces[::2]]
    pieces[1::2] = [rf"$\mathcal{{L}}_{{{name}}}$" for name in pieces[1::2]]
    return "".join(pieces)
