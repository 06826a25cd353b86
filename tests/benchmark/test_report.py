"""The report as a whole: all of it, rebuilt in a fresh clone from metrics alone, and with a method just added."""

import argparse
import json
import shutil
from pathlib import Path

import experiments
import pytest
from small import run

import methods
from benchmark import config, evaluate, predict, report, train
from benchmark.reporting import accepted, claims, page
from benchmark.reporting.results import Results, outdated
from benchmark.reporting.scores import loader
from datasets.face import BadInput
from methods import interface

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("report")]  # one report for all

RESULTS = Path("results/toy")
TABLES = [f"table{n}.{kind}" for n in (1, 2, 3) for kind in ("csv", "md", "tex")]
GREY = '''"""Grey faces."""
from methods.interface import Method, check_lr


class Grey(Method):
    def fit(self, pairs, context):
        pass

    def upscale(self, lr, truth=None):
        return check_lr(lr, self.dtype).mean((1, 2, 3), keepdim=True).expand(-1, 3, 128, 128)

    save = load = lambda self, folder: None


METHOD = Grey
'''


@pytest.fixture(scope="module")
def reported(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose report has been made by the command."""
    root = tmp_path_factory.mktemp("reported") / "project"
    shutil.copytree(made_up_root, root)
    run(root, "report")
    return root


def write_report() -> None:
    """That of the project in the working directory."""
    report.main(argparse.Namespace(experiment=None))


def copied(reported: Path, tmp_path: Path, *without: str) -> Path:
    """Another project's folder with its files but those of such a name."""
    return shutil.copytree(reported, tmp_path / "clone", ignore=shutil.ignore_patterns(*without))


def test_everything_is_written(reported: Path) -> None:
    results = reported / RESULTS
    supplement = [f"supplement.{kind}" for kind in ("csv", "md", "tex")]
    assert {p.name for p in (results / "tables").iterdir()} == {*TABLES, *supplement, "deviations.md"}
    assert {p.stem for p in (results / "figures").iterdir()} == {"corpus", "fig1", "fig3", "fig4", "fig5"}
    assert {p.stem for p in (results / "plots").iterdir()} == {"paper", "curves"}
    assert (results / "claims.json").exists()
    assert (results / "claims.md").exists()
    assert 'id="data"' in (results / "report.html").read_text()


def test_a_fresh_clone_rebuilds_all_but_the_faces(reported: Path, tmp_path: Path) -> None:
    made = ("tables", "figures", "plots", "claims.json", "claims.md", "report.html")
    root = copied(reported, tmp_path, "data", "sr", "weights", *made)
    results, before = root / RESULTS, reported / RESULTS
    output = run(root, "report")
    assert "figures 1, 3, 4 and 5 and the report's faces are left out" in output
    same = ["claims.json", "claims.md", *(f"tables/{name}" for name in [*TABLES, "supplement.csv", "deviations.md"])]
    for name in [*same, "plots/paper.png", "plots/curves.png"]:
        assert (results / name).read_bytes() == (before / name).read_bytes(), name
    page = (results / "report.html").read_text()
    assert 'id="data"' not in page
    assert "without the images of the faces" in page
    assert "Ours over Ours†" in page


def test_figures_are_not_made_poorer(reported: Path, tmp_path: Path) -> None:
    """Where images of some runs are missing, figures that show them stay."""
    root = copied(reported, tmp_path, "weights")
    figures = root / RESULTS / "figures"
    shutil.rmtree(root / RESULTS / "sr/bicubic")
    assert "no images of bicubic; figures of faces are left as they are" in run(root, "report")
    for name in ("fig1.png", "fig5.png"):
        assert (figures / name).read_bytes() == (reported / RESULTS / "figures" / name).read_bytes()
    (figures / "fig5.png").unlink()  # as in a project that is under way
    assert "figures of faces are left as they are" not in run(root, "report")
    assert (figures / "fig5.png").is_file()


def test_nothing_measured_says_what_to_do(toy: config.Experiment) -> None:
    shutil.rmtree(toy.results)
    with pytest.raises(BadInput, match=r"toy/metrics: no run has been evaluated; run `python -m benchmark launch"):
        write_report()


def test_a_run_that_is_not_evaluated_is_said_and_left_out(
    toy: config.Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.run("nearest").metrics.unlink()
    shutil.rmtree(toy.data)
    write_report()
    assert "not evaluated, left out: nearest" in capsys.readouterr().out
    assert "| nearest " not in (toy.results / "tables" / "supplement.md").read_text()


@pytest.mark.parametrize("shown", ['<script id="data"></script>', ""], ids=["with faces", "without"])
def test_a_page_that_shows_faces_is_not_replaced_by_one_without(
    toy: config.Experiment, capsys: pytest.CaptureFixture, shown: str
) -> None:
    page = toy.results / "report.html"
    page.write_text(f"<html>a page of long ago {shown}</html>")
    shutil.rmtree(toy.data)  # as in a fresh clone
    write_report()
    assert ("long ago" in page.read_text()) == bool(shown)
    assert ("report.html: kept, since" in capsys.readouterr().out) == bool(shown)


def test_scores_of_other_settings_are_said_to_be_such(toy: config.Experiment, capsys: pytest.CaptureFixture) -> None:
    assert outdated(Results(toy)) == {}
    nearest = {"method": "nearest", "align": "none"}
    experiments.change(Path(), methods={"mtun": {"width": 8}}, runs={"nearest": nearest})
    changed = config.load()
    wide = ["width 4, now 8"]
    assert outdated(Results(changed)) == {"nearest": ["align stn0, now none"], "ours_no_skip": wide, "ours": wide}
    (toy.data / "manifest.json").write_text('{"hash": "new"}')
    assert outdated(Results(changed))["bicubic"] == ["other faces than those in data/toy"]
    report.write_text(Results(changed), toy.results)
    assert "ours: scored with other settings than today's (width 4, now 8; other faces" in capsys.readouterr().out
    assert "- ours: width 4, now 8; other faces" in (toy.results / "tables" / "deviations.md").read_text()


def test_what_moved_against_accepted_scores_is_printed(
    toy: config.Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(toy.data)
    monkeypatch.setattr(accepted, "ACCEPTED", Path("accepted"))
    accepted.accept(Results(toy))
    write_report()
    assert "Moved" not in capsys.readouterr().out
    path = Path("accepted/toy.json")
    known = json.loads(path.read_text())
    known["runs"]["ours"]["psnr"] += 0.03
    path.write_text(json.dumps(known))
    write_report()
    moved = capsys.readouterr().out.split("Moved against the accepted scores:")[1]
    assert [line.split()[:2] for line in moved.strip().splitlines()[1:]] == [["ours", "psnr"]]


def test_a_page_that_would_be_too_large_is_refused(toy: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "LIMIT", 1000)
    with pytest.raises(BadInput, match=r"report.html: \d"):
        page.write(Results(toy), None, claims.judge(Results(toy), loader(Results(toy))), {})


def test_a_folder_and_a_line_put_a_method_everywhere(
    toy: config.Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "methods/grey").mkdir(parents=True)
    (tmp_path / "methods/grey/__init__.py").write_text(GREY)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path / "methods")])
    assert "grey" in interface.discover()  # which the contract tests and the comparison of speeds are parametrised by
    experiments.change(Path(), runs={"grey": {"method": "grey", "align": "oracle"}})
    shutil.copytree(toy.data / "test", toy.data / "train")
    for stage in (train, predict, evaluate):
        stage.main(stage.parser().parse_args(["--run", "grey"]))
    write_report()
    for name in [f"{stem}.{kind}" for stem in ("table1", "supplement") for kind in ("md", "tex", "csv")]:
        assert "grey" in (RESULTS / "tables" / name).read_text()
    assert 'name="method" value="grey"' in (RESULTS / "report.html").read_text()
