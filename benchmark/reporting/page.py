"""report.html: the answer first, then tables, claims, faces side by side and plots, in one file without network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from benchmark import cli, config
from benchmark.reference import label_of
from benchmark.reporting import claims, claims_page, paper_tables, render, supplement
from benchmark.reporting import results as measured
from benchmark.reporting.faces import Gallery, on_black
from benchmark.reporting.results import Results
from datasets.face import BadInput

FILE = "report.html"
FACES = 50
LIMIT = 15_000_000  # bytes
SHOWN_FIRST = ("bicubic", "tdae_retrained", "ours")
CHART = "paper.png"  # the plot that stands with the answer
QUALITY = 80
MARK = 'id="data"'  # what the page's script shows of faces: in a page with some alone


def has_faces(experiment: config.Experiment) -> bool:
    """Whether there is a page that shows faces."""
    page = experiment.results / FILE
    return page.is_file() and MARK in page.read_text()


def write(results: Results, gallery: Gallery | None, judged: list[dict[str, Any]], plots: Mapping[str, str]) -> None:
    """Write report.html; without a gallery it has no faces. plots: captions by file in plots/.

    Raises:
        BadInput: if the page would pass LIMIT.
    """
    experiment = results.experiment
    folder = experiment.results / "plots"
    numbers = {title: paper_tables.compare(table, results) for table, title in paper_tables.titles(results).items()}
    shown = [
        {"file": file, "source": _uri((folder / file).read_bytes(), "png"), "caption": caption}
        for file, caption in plots.items()
    ]
    page = render(
        "report.html.j2",
        title=f"Face super-resolution guided by facial component heatmaps: experiment {experiment.name}",
        conditions=f"{paper_tables.conditions(results)} {paper_tables.OF_PAPER}",
        tables=[(title, paper_tables.shown(part), paper_tables.ranks(part)) for title, part in numbers.items()],
        supplement={title: supplement.shown(part) for title, part in supplement.numbers(results).items()},
        claims=[claims_page.described(claim) for claim in judged if claim["tests"]],
        summary=claims_page.summary(judged, results),
        head=claims_page.HEAD,
        where=claims_page.where,
        verdicts=claims.count(judged),
        chart=[plot for plot in shown if plot["file"] == CHART],
        plots=[plot for plot in shown if plot["file"] != CHART],
        row=[] if gallery is None else row_of_faces(gallery),
        gallery=None if gallery is None else faces(gallery),
    )
    if len(page.encode()) > LIMIT:
        raise BadInput(
            f"report.html: {len(page.encode()) / 1e6:.1f} MB, over {LIMIT / 1e6:.0f}; lower FACES or QUALITY"
        )
    cli.write_text(experiment.results / FILE, page)


def row_of_faces(gallery: Gallery) -> list[tuple[str, str]]:
    """One face, drawn by seed: LR, the methods of SHOWN_FIRST, HR, each with its label."""
    rows = gallery.choose(1, seed=0)
    shown = [(label_of(run), _webp(gallery.sr(run, rows)[0])) for run in SHOWN_FIRST if gallery.has(run)]
    return [("LR", _png(gallery.lr(rows)[0])), *shown, ("HR", _webp(gallery.hr(rows)[0]))]


def faces(gallery: Gallery) -> dict[str, Any]:
    """What the page's script shows: faces, methods, and for each the pictures of all faces as data URIs."""
    rows = gallery.choose(FACES, seed=0)
    runs = [run for run in gallery.results.experiment.runs if gallery.has(run)]
    psnr = measured.by_face({run: gallery.results.rows[run] for run in runs}, "psnr").replace(np.inf, np.nan)
    table = gallery.pairs.faces.iloc[rows]
    maps = {run: gallery.heatmaps(run, rows) for run in runs} | {"HR": gallery.true_heatmaps(rows)}
    first = [run for run in SHOWN_FIRST if run in runs] or runs[:3]
    return {
        "faces": [
            {"name": name, "yaw": round(yaw), "source": source}
            for name, yaw, source in zip(table["name"], table["yaw"], table["source"], strict=True)
        ],
        "methods": [{"id": run, "label": label_of(run), "first": run in first} for run in runs],
        # JSON has neither infinity nor NaN: null is the PSNR of a face that equals the HR one.
        "psnr": {run: psnr[run][table["name"]].round(2).astype(object).replace(np.nan, None).tolist() for run in psnr},
        "images": {"LR": [_png(face) for face in gallery.lr(rows)], "HR": [_webp(face) for face in gallery.hr(rows)]}
        | {run: [_webp(face) for face in gallery.sr(run, rows)] for run in runs},
        "heatmaps": {run: _overlays(overlaid) for run, overlaid in maps.items() if overlaid is not None},
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
