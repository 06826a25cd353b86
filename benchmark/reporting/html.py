"""report.html: the answer first, then tables, claims, faces side by side and plots, in one file without network."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from PIL import Image

from benchmark import cli, config
from benchmark.reporting import claims, claims_page, measurements, supplement, tables
from benchmark.reporting.gallery import Gallery, on_black
from datasets.face import BadInput

TEMPLATES = Path(__file__).parent / "templates"
FACES = 50
LIMIT = 15_000_000  # bytes
SHOWN_FIRST = ("bicubic", "tdae_retrained", "ours")
QUALITY = 80
MARK = 'id="data"'  # what the page's script shows of faces: in a page with some alone
CAPTIONS = {
    "paper": "The paper's scores (rings) and those measured here (dots), 95 % intervals over people, Tables 1 to 3.",
    "fig2": "Figure 2 of the paper, drawn from the network itself: every part with the shape of its output.",
    "curves": "Training: PSNR on the validation fold, and the terms of the loss.",
    "yaw": "PSNR by yaw, with 95 % intervals over people.",
    "differences": "PSNR of each run minus that of Ours, face by face.",
}


def page_of(experiment: config.Experiment) -> Path:
    """Where the page is."""
    return experiment.results / "report.html"


def has_faces(experiment: config.Experiment) -> bool:
    """Whether there is a page that shows faces."""
    page = page_of(experiment)
    return page.is_file() and MARK in page.read_text()


def write(
    experiment: config.Experiment, gallery: Gallery | None, judged: list[dict[str, Any]], plots: list[Path]
) -> None:
    """Write report.html; without a gallery it has no faces. BadInput where it would pass LIMIT."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    names = measurements.labels(experiment)
    page = environment.get_template("report.html.j2").render(
        title=f"Face super-resolution guided by facial component heatmaps: experiment {experiment.name}",
        conditions=tables.conditions(experiment),
        tables=[_table(number, experiment) for number in tables.TITLES],
        supplement=_supplement(experiment),
        claims=[_claim(claim) for claim in judged],
        summary=claims_page.summary(judged, experiment),
        head=claims_page.HEAD,
        verdicts=claims.count(judged),
        chart=[_plot(path) for path in plots if path.stem == "paper"],
        plots=[_plot(path) for path in plots if path.stem != "paper"],
        row=[] if gallery is None else row_of_faces(gallery, names),
        gallery=None if gallery is None else faces(gallery, names),
    )
    if len(page.encode()) > LIMIT:
        raise BadInput(
            f"report.html: {len(page.encode()) / 1e6:.1f} MB, over {LIMIT / 1e6:.0f}; lower FACES or QUALITY"
        )
    with cli.whole_file(page_of(experiment)) as part:
        part.write_text(page)


def _table(number: int, experiment: config.Experiment) -> dict[str, Any]:
    """One of the paper's tables for the template: rows of (text, class), best and second marked."""
    numbers = tables.compare(number, experiment)
    classes = {
        column: [{1: "best", 2: "second"}.get(rank, "") for rank in ranks]
        for column, ranks in tables.ranks(numbers).items()
    }
    return _cells(tables.TITLES[number], tables.shown(numbers), classes)


def _claim(claim: dict[str, Any]) -> dict[str, Any]:
    """A judged claim for the template: its verdict in words, and the rows of its pairs."""
    rows = [claims_page.cells(test, claim["measure"]) for test in claim["tests"]]
    return claim | {"said": claims_page.said(claim), "rows": rows}


def _supplement(experiment: config.Experiment) -> list[dict[str, Any]]:
    parts, names = supplement.numbers(experiment), supplement.labels(experiment)
    return [_cells(title, supplement.shown(part, names), {}) for title, part in parts.items()]


def _cells(title: str, text: pd.DataFrame, classes: dict[str, list[str]]) -> dict[str, Any]:
    plain = [""] * len(text)
    columns = [list(zip(text[name], classes.get(str(name), plain), strict=True)) for name in text]
    return {"title": title, "head": list(text), "rows": list(zip(*columns, strict=True))}


def _plot(path: Path) -> dict[str, str]:
    return {"source": _uri(path.read_bytes(), "png"), "caption": CAPTIONS[path.stem]}


def row_of_faces(gallery: Gallery, names: dict[str, str]) -> list[dict[str, str]]:
    """One face, drawn by seed: LR, the methods of SHOWN_FIRST, HR."""
    rows = gallery.choose(1, seed=0)
    shown = [(names[run], _webp(gallery.sr(run, rows)[0])) for run in SHOWN_FIRST if gallery.has(run)]
    row = [("LR", _png(gallery.lr(rows)[0])), *shown, ("HR", _webp(gallery.hr(rows)[0]))]
    return [{"label": label, "source": source} for label, source in row]


def faces(gallery: Gallery, names: dict[str, str]) -> dict[str, Any]:
    """What the page's script shows: faces, methods, and for each the pictures of all faces as data URIs."""
    rows = gallery.choose(FACES, seed=0)
    runs = [run for run in names if gallery.has(run)]
    scored = measurements.rows(gallery.experiment)
    by_face = measurements.by_face({r: scored[r] for r in runs if r in scored}, "psnr")
    table = gallery.pairs.faces.iloc[rows]
    maps = {run: gallery.heatmaps(run, rows) for run in runs} | {"HR": gallery.true_heatmaps(rows)}
    first = [run for run in SHOWN_FIRST if run in runs] or runs[:3]
    return {
        "faces": [
            {"name": name, "yaw": round(yaw), "source": source}
            for name, yaw, source in zip(table["name"], table["yaw"], table["source"], strict=True)
        ],
        "methods": [{"id": run, "label": names[run], "first": run in first} for run in runs],
        "psnr": {run: by_face[run][table["name"]].round(2).tolist() for run in by_face},
        "images": {"LR": [_png(face) for face in gallery.lr(rows)], "HR": [_webp(face) for face in gallery.hr(rows)]}
        | {run: [_webp(face) for face in gallery.sr(run, rows)] for run in runs},
        "heatmaps": {run: _overlays(found) for run, found in maps.items() if found is not None},
    }


def _overlays(maps: np.ndarray) -> list[str]:
    """Heatmaps (n, 4, 128, 128) as pictures of half the size, transparent where no component is."""
    colours = on_black(maps)[:, ::2, ::2].astype(np.float32)
    alpha = maps.max(1)[:, ::2, ::2, None]
    pure = np.clip(colours / np.maximum(0.7 * alpha, 1e-3), 0, 255)  # on_black dims a colour by 0.7 alpha
    return [_webp(picture) for picture in np.concatenate([pure, 180 * alpha], 3).astype(np.uint8)]


def _webp(picture: np.ndarray) -> str:
    return _encode(picture, "webp", quality=QUALITY, method=4)


def _png(picture: np.ndarray) -> str:
    return _encode(picture, "png", optimize=True)


def _encode(picture: np.ndarray, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return _uri(buffer.getvalue(), kind)


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
