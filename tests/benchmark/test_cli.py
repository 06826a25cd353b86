"""The command line's errors and atomic outputs."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from benchmark import cli
from datasets.face import BadInput


def stop(error: BaseException) -> Any:
    def main(_: argparse.Namespace) -> None:
        raise error

    return main


def exit_code(error: BaseException) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        cli.run(stop(error), cli.stage_parser("what it does"), [])
    return exit_.value.code


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture) -> None:
    assert exit_code(BadInput("a.jpg: broken; mend it")) == 2
    assert capsys.readouterr().err == "error: a.jpg: broken; mend it\n"


@pytest.mark.parametrize(("number", "what"), [(errno.ENOSPC, "disk"), (errno.EDQUOT, "quota")])
def test_full_disk_is_one_line(number: int, what: str, capsys: pytest.CaptureFixture) -> None:
    assert exit_code(OSError(number, os.strerror(number), "hr.npy")) == 2
    assert capsys.readouterr().err == f"error: hr.npy: the {what} is full; free some space and run the stage again\n"


def test_interruption_is_one_word(capsys: pytest.CaptureFixture) -> None:
    assert exit_code(KeyboardInterrupt()) == cli.INTERRUPTED
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("error", [ValueError("a bug"), PermissionError(errno.EACCES, "denied")])
def test_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        cli.run(stop(error), cli.stage_parser("what it does"), [])


def test_stage_of_a_run_wants_its_name() -> None:
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
