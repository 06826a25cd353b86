"""The command line's errors, atomic outputs, and params.yaml resolved."""

from __future__ import annotations

import argparse
import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark import cli, config, make
from datasets.face import BadInput


def stop(error: BaseException) -> Any:
    def main(_: argparse.Namespace) -> None:
        raise error

    return main


def exit_code(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(SystemExit) as exit_:
        cli.run(stop(error), cli.stage_parser("what it does"))
    return exit_.value.code


def test_bad_input_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert exit_code(BadInput("a.jpg: broken; mend it"), monkeypatch) == 2
    assert capsys.readouterr().err == "error: a.jpg: broken; mend it\n"


@pytest.mark.parametrize(("number", "what"), [(errno.ENOSPC, "disk"), (errno.EDQUOT, "quota")])
def test_full_disk_is_one_line(
    number: int, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert exit_code(OSError(number, os.strerror(number), "hr.npy"), monkeypatch) == 2
    assert capsys.readouterr().err == f"error: hr.npy: the {what} is full; free some space and run the stage again\n"


def test_interruption_is_one_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert exit_code(KeyboardInterrupt(), monkeypatch) == cli.INTERRUPTED
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("error", [ValueError("a bug"), PermissionError(errno.EACCES, "denied")])
def test_bug_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(type(error)):
        cli.run(stop(error), cli.stage_parser("what it does"))


def test_stage_of_a_run_wants_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.stage_parser("").parse_args([]).experiment is None
    with pytest.raises(SystemExit):
        cli.stage_parser("", per_run=True).parse_args([])
    assert cli.stage_parser("", per_run=True).parse_args(["--run", "ours"]).run == "ours"


def fail(part: Path, error: BaseException) -> None:
    """Write half of what was to be written, then fail."""
    (part / "file" if part.is_dir() else part).write_text("half")
    raise error


def fill(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)


def test_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "data"
    with cli.whole_folder(target) as part:
        fill(part, "first")
        assert not target.exists()
    assert (target / "file").read_text() == "first"
    with cli.whole_folder(target) as part:
        (part / "other").write_text("second")
        assert (target / "file").read_text() == "first"
    assert [p.name for p in target.iterdir()] == ["other"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [BadInput("x"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_failure_leaves_the_folder_that_was_there(error: BaseException, tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    fill(target, "before")
    with pytest.raises(type(error)), cli.whole_folder(target) as part:
        fail(part, error)
    assert (target / "file").read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_run_left_is_not_mixed_in(tmp_path: Path) -> None:
    part = tmp_path / ".data.tmp"
    part.mkdir()
    (part / "half").write_text("half")
    with cli.whole_folder(tmp_path / "data") as again:
        fill(again, "whole")
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_run_killed_between_two_renames_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "data"
    target.mkdir()
    fill(target, "before")
    (tmp_path / "data").rename(tmp_path / ".data.old")
    with pytest.raises(BadInput), cli.whole_folder(target):
        raise BadInput("the next run fails")
    assert (target / "file").read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "table.md"
    with pytest.raises(BadInput), cli.whole_file(target) as part:
        fail(part, BadInput("x"))
    assert list(target.parent.iterdir()) == []
    with cli.whole_file(target) as part:
        part.write_text("whole")
        assert part.suffix == ".md"
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


PARAMS = {
    "experiment": "small",
    "experiments": {
        "small": {
            "training": {"recipe": "tuned", "seeds": 2, "vgg": None},
            "methods": {"bicubic": None, "mtun": {"epochs": 3, "width": 4}},
        },
        "large": {"training": {"recipe": "paper", "seeds": 5, "vgg": None}, "methods": {}},
    },
    "runs": {
        "bicubic": {"method": "bicubic", "align": "oracle"},
        "ours": {"method": "mtun", "seeds": 3, "width": 8},
        "typo": {"method": "bicubic", "align": "stn1"},
        "other": {"method": "vdsr"},
    },
}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXPERIMENT", raising=False)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    return tmp_path / "params.yaml"


def test_experiment_is_the_files_choice_or_ones_own(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.load().name == "small"
    assert config.load("large").name == "large"
    monkeypatch.setenv("EXPERIMENT", "large")
    assert config.load().name == "large"
    assert config.load("small").params["training"]["seeds"] == 2
    with pytest.raises(BadInput, match=r"'huge'.*small, large"):
        config.load("huge")


def test_run_takes_the_experiments_budget_and_its_own_options(params: Path) -> None:
    run = config.load().run("ours")
    assert (run.method, run.options, run.seeds) == ("mtun", {"epochs": 3, "width": 8}, [0, 1])
    assert make.alignment_of(run) == "none"
    bicubic = config.load().run("bicubic")
    assert (bicubic.options, bicubic.seeds, make.alignment_of(bicubic)) == ({}, [0], "oracle")


def test_runs_of_an_experiment_do_not_share_folders(params: Path) -> None:
    run = config.load().run("ours")
    paths = [run.weights(0), run.weights(1), run.images(0), run.images(1), run.log(0), run.metrics]
    paths += [config.load().run("bicubic").images(0), config.load("large").data, config.load().data]
    assert len(set(paths)) == len(paths)
    assert all("small" in str(path) for path in paths[:6])


@pytest.mark.parametrize(("name", "says"), [("nope", "no run 'nope'"), ("typo", "'stn1'"), ("other", "'vdsr'")])
def test_wrong_run_is_refused(name: str, says: str, params: Path) -> None:
    with pytest.raises(BadInput, match=says):
        config.load().run(name)


def test_file_that_is_missing_or_no_yaml_is_one_line(params: Path) -> None:
    params.write_text("experiment: [a\nb: {")
    with pytest.raises(BadInput, match=r"params\.yaml: not YAML") as error:
        config.load()
    assert "\n" not in str(error.value)
    params.unlink()
    with pytest.raises(BadInput, match=r"params\.yaml: No such file.*project's folder"):
        config.load()


def test_a_key_that_stands_twice_is_an_error(params: Path) -> None:
    before = params.read_text()
    params.write_text(before + "runs:\n  theirs: {method: images}\n")
    with pytest.raises(BadInput, match=rf"`runs:` a second time in \"params.yaml\", line {before.count(chr(10)) + 1},"):
        config.load()


def test_anchors_and_merges_are_no_second_time(params: Path) -> None:
    merged = "runs:\n  ours: &ours {method: mtun, width: 8}\n  wide: {<<: *ours, width: 16}\n"
    params.write_text(yaml.safe_dump({**PARAMS, "runs": None}).replace("runs: null\n", merged))
    assert config.load().run("wide").options["width"] == 16


def write_changed(params: Path, key: str, value: Any = None, *, removed: bool = False) -> None:
    """Set the value under a dotted key of params.yaml, or remove it."""
    content = yaml.safe_load(params.read_text())
    *parents, last = key.split(".")
    block = content
    for parent in parents:
        block = block[parent]
    block[last] = value
    if removed:
        del block[last]
    params.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("runs", "params.yaml: lacks runs; `git checkout params.yaml` brings it back"),
        ("experiments.small.methods", "params.yaml: experiments.small lacks methods; see the other experiments"),
        ("experiments.small.training.recipe", "training lacks recipe; see the other experiments"),
        ("experiments.small.training.seeds", "training lacks seeds; see the other experiments"),
        ("experiments.small.training.vgg", "training lacks vgg; see the other experiments"),
        ("runs.ours.method", "params.yaml: runs.ours lacks method; see the other runs"),
    ],
)
def test_what_params_lacks_is_named(key: str, says: str, params: Path) -> None:
    write_changed(params, key, removed=True)
    with pytest.raises(BadInput, match=f"{re.escape(says)}$"):
        config.load()


@pytest.mark.parametrize("value", [None, 3, "text", ["a"]])
@pytest.mark.parametrize(
    "key",
    [
        "experiments",
        "experiments.small",
        "experiments.small.training",
        "experiments.small.methods",
        "experiments.small.prepare",
        "runs",
        "runs.ours",
    ],
)
def test_what_is_no_block_is_named(key: str, value: Any, params: Path) -> None:
    write_changed(params, key, value)
    with pytest.raises(BadInput, match=f"^params.yaml: {key}: {re.escape(repr(value))}; it is a block"):
        config.load()


def test_an_experiment_that_is_no_name_is_one_line(params: Path) -> None:
    write_changed(params, "experiment", ["small"])
    with pytest.raises(BadInput, match=r"no experiment '\['small'\]'; it has "):
        config.load()


@pytest.mark.parametrize(
    ("block", "option"), [("prepare", "copies_togther"), ("training", "precison"), ("recognise", "counts")]
)
def test_an_option_that_no_stage_knows_is_named(block: str, option: str, params: Path) -> None:
    known = yaml.safe_load(params.read_text())
    known["experiments"]["small"].setdefault(block, {})[option] = 1
    params.write_text(yaml.safe_dump(known))
    with pytest.raises(BadInput, match=rf"experiments\.small\.{block} has no option {option}; it has .*seed"):
        config.load()


def test_options_that_are_no_block_are_named(params: Path) -> None:
    write_changed(params, "experiments.small.methods.mtun", "wide")
    write_changed(params, "experiments.small.stn0", 3)
    with pytest.raises(BadInput, match=r"^params.yaml: experiments\.small\.methods\.mtun: 'wide'; it is a block"):
        config.load().run("ours")
    with pytest.raises(BadInput, match=r"^params.yaml: experiments\.small\.stn0: 3; it is a block"):
        config.load().aligner("stn0")


@pytest.mark.parametrize("value", [0, -1, "3", 1.5, True, None])
@pytest.mark.parametrize("key", ["runs.ours.seeds", "experiments.small.training.seeds"])
def test_seeds_are_a_whole_number_of_at_least_one(key: str, value: Any, params: Path) -> None:
    write_changed(params, key, value)
    with pytest.raises(BadInput, match=f"^params.yaml: {key}: {value!r}; it is a whole number of at least 1$"):
        config.load().run("ours")


@pytest.mark.parametrize("value", [0, -1, "2", 1.5, True])
def test_threads_are_a_whole_number_or_left_to_pytorch(value: Any, params: Path) -> None:
    assert config.load().threads is None
    key = "experiments.small.training.threads"
    write_changed(params, key, 2)
    assert config.load().threads == 2
    write_changed(params, key, value)
    says = f"^params.yaml: training.threads: {value!r}; it is a whole number of at least 1 or null$"
    with pytest.raises(BadInput, match=says):
        config.load().threads  # noqa: B018


@pytest.mark.parametrize("content", ["", "3", "- a"])
def test_a_file_of_something_else_lacks_everything(content: str, params: Path) -> None:
    params.write_text(content)
    with pytest.raises(BadInput, match="lacks experiment, experiments, runs;"):
        config.load()
