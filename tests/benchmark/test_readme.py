"""Texts with measured numbers, of a made-up experiment: written, checked, and refused where they cannot be."""

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmark import config
from benchmark.reporting import TEMPLATES, readme
from benchmark.reporting.readme import MISSING, Quotes
from benchmark.reporting.results import Results
from datasets.face import BadInput


def every(results: Results) -> dict[str, Results]:
    """The same results in the place of every experiment that the texts quote."""
    return dict.fromkeys(readme.EXPERIMENTS, results)


def test_finding_has_a_row_a_claim_with_the_report_s_numbers(reported: Results) -> None:
    text = readme.render(readme.FINDING, every(reported))
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 6
    judged = {c["says"]: c for c in json.loads((reported.experiment.results / "claims.json").read_text())["claims"]}
    for says, _, here, direction, size in ([cell.strip() for cell in row] for row in rows):
        claim = judged[says]
        if claim["tests"]:
            shown = next((t for t in claim["tests"] if t["than"] == claim["best_other"]), claim["tests"][0])
            digits = 2 if claim["measure"] == "psnr" else 3
            assert here.startswith(f"{shown['effect']:+.{digits}f}")
            assert (direction.startswith(f"**{claim['direction']}"), size) == (True, claim["size"])
        else:
            assert (here, direction, size) == (MISSING, f"**{MISSING}**", "–")
    assert any(judged[row[0].strip()]["tests"] for row in rows)


def test_gain_is_the_difference_of_the_scores(reported: Results) -> None:
    psnr = {run: table["psnr"].mean() for run, table in reported.rows.items()}
    quotes = Quotes(reported)
    assert quotes.gain("ours", "bicubic").startswith(f"{psnr['ours'] - psnr['bicubic']:+.2f} dB [")
    assert quotes.gain("tdae_retrained", "bicubic").endswith("(one seed, faces only)")
    assert "one seed" not in quotes.gain("ours", "bicubic")
    assert quotes.score("ours") == f"{psnr['ours']:.2f} dB"


def test_what_is_not_measured_is_said(reported: Results) -> None:
    quotes = Quotes(reported)
    unknown = quotes.gain("ours", "cbn"), quotes.score("cbn"), quotes.epochs("cbn"), quotes.rotation("cbn")
    assert unknown == (MISSING,) * 4
    assert quotes.claim("autoencoder")["effect"] == MISSING
    assert "under way" in readme.render(readme.FINDING, every(reported))


@pytest.mark.parametrize("template", ["readme.md.j2", *readme.PAGES.values()])
def test_no_number_is_typed(template: str) -> None:
    text = re.sub(r"{{.*?}}|{%.*?%}", "", (TEMPLATES / template).read_text())
    assert not re.findall(r"\d\.\d\d|\d+ dB|(?<!\w)[-+]\d", text)


def test_no_picture_of_a_face(reported: Results) -> None:
    for template in (readme.FINDING, *readme.PAGES.values()):
        assert "figures/" not in readme.render(template, every(reported))


def test_only_what_is_between_the_markers_changes(reported: Results) -> None:
    finding = readme.render(readme.FINDING, every(reported))
    page = f"# Title\n\n{readme.BEGIN}\nTo be replaced.\n{readme.END}\n\nMore.\n"
    new = readme.filled(page, finding)
    assert new.startswith(f"# Title\n\n{readme.BEGIN}\n## Finding")
    assert new.endswith(f"{readme.END}\n\nMore.\n")
    assert "To be replaced" not in new
    assert readme.filled(new, finding) == new


@pytest.mark.parametrize(
    "page", ["nothing", f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN} {readme.BEGIN} {readme.END}"]
)
def test_pages_without_a_place_for_it_are_refused(page: str) -> None:
    with pytest.raises(BadInput, match=r"README\.md: needs one"):
        readme.filled(page, "text")


def test_an_experiment_without_a_report_is_named(toy: config.Experiment) -> None:
    with pytest.raises(BadInput, match=r"results/toy/claims.json: missing; run .* --experiment toy"):
        readme.render(readme.FINDING, every(Results(toy)))


def test_check_notices_a_typed_number(reported: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree("results/toy", tmp_path / "results/toy")
    monkeypatch.chdir(tmp_path)
    for path in (readme.README, *readme.PAGES):
        readme.README.write_text(f"{readme.BEGIN}\n22.95 dB\n{readme.END}\n")
        readme.update(every(reported))
        readme.update(every(reported), check=True)
        path.write_text(path.read_text().replace(" dB", " dB or so", 1))
        with pytest.raises(BadInput, match=f"{path}: .*run `python -m benchmark publish readme`"):
            readme.update(every(reported), check=True)
