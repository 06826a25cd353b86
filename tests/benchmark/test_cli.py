"""The command line's errors and atomic outputs."""

from __future__ import annotations

import argparse
import errno
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import cli
from datasets.face import BadInput

ROOT = Path(__file__).parents[2]


def stop(error: BaseException) -> None:
    """Run a command that stops with the error."""

    def main(_: argparse.Namespace) -> None:
        raise error

    cli.run(main, cli.stage_parser("what it does"), [])


DENIED = "error: hr.npy: {}; run the command in a copy of the repository that you may write to\n"
FULL = "error: hr.npy: the {} is full; free some space and run the command again\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (BadInput("a.jpg: broken; mend it"), 2, "error: a.jpg: broken; mend it\n"),
        (OSError(errno.ENOSPC, "", "hr.npy"), 2, FULL.format("disk")),
        (OSError(errno.EDQUOT, "", "hr.npy"), 2, FULL.format("quota")),
        (OSError(errno.EACCES, "", "hr.npy"), 2, DENIED.format("no permission")),
        (OSError(errno.EROFS, "", "hr.npy"), 2, DENIED.format("a read-only disk")),
        (KeyboardInterrupt(), cli.INTERRUPTED, "stopped\n"),
    ],
    ids=repr,
)
def test_what_a_user_can_mend_is_one_line(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        stop(error)
    assert exit_.value.code == code
    assert capsys.readouterr().err == says


@pytest.mark.parametrize("error", [ValueError("a bug"), FileNotFoundError(errno.ENOENT, "gone")])
def test_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        stop(error)


def test_without_the_environment_one_line_says_so() -> None:
    command = [sys.executable, "-S", "-m", "benchmark", "report"]  # -S: no installed package
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: no package ")


def test_a_reader_may_stop_early() -> None:
    main = "from benchmark import cli; cli.run(lambda _: print('x\\n' * 10**6), cli.stage_parser(''), [])"
    command = f'"{sys.executable}" -c "{main}" | head -n 1'
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("x\n", "")


def test_stage_of_a_run_wants_its_name() -> None:
    assert cli.stage_parser("").parse_args([]).experiment is None
    with pytest.raises(SystemExit):
        cli.stage_parser("", per_run=True).parse_args([])
    assert cli.stage_parser("", per_run=True).parse_args(["--run", "ours"]).run == "ours"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one file."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "file").write_text("before")
    return folder


def fail(path: Path, error: BaseException) -> None:
    """Write half of what was to be written, then fail."""
    path.write_text("half")
    raise error


def left(folder: Path) -> dict[str, str]:
    """Each file's path and text, hidden ones' too."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "data"
    with cli.whole_folder(target) as part:
        (part / "file").write_text("first")
        assert not target.exists()
    assert left(target) == {"file": "first"}
    with cli.whole_folder(target) as part:
        (part / "other").write_text("second")
        assert left(target) == {"file": "first"}
    assert left(target.parent) == {"data/other": "second"}


@pytest.mark.parametrize("error", [BadInput("x"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_failure_leaves_the_folder_that_was_there(error: BaseException, data: Path) -> None:
    with pytest.raises(type(error)), cli.whole_folder(data) as part:
        fail(part / "file", error)
    assert left(data.parent) == {"data/file": "before"}
    assert list(data.parent.iterdir()) == [data]


def test_what_a_killed_run_left_is_not_mixed_in_and_nothing_is_lost(data: Path) -> None:
    data.rename(data.with_name(".data.old"))  # killed between two renames
    with pytest.raises(BadInput), cli.whole_folder(data):
        raise BadInput("the next run fails")
    assert left(data.parent) == {"data/file": "before"}
    part = data.with_name(".data.tmp")
    part.mkdir()
    (part / "half").write_text("half")
    with cli.whole_folder(data) as again:
        (again / "whole").write_text("whole")
    assert left(data.parent) == {"data/whole": "whole"}
    assert list(data.parent.iterdir()) == [data]


def test_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "table.md"
    with pytest.raises(BadInput), cli.whole_file(target) as part:
        fail(part, BadInput("x"))
    assert list(target.parent.iterdir()) == []
    with cli.whole_file(target) as part:
        part.write_text("whole")
        assert part.suffix == ".md"
        assert not target.exists()
    assert left(target.parent) == {"table.md": "whole"}
