"""The command line's errors and atomic outputs."""

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


def fail(path: Path, error: BaseException) -> None:
    """Write half of what was to be written, then fail."""
    path.write_text("half")
    raise error


def left(folder: Path) -> dict[str, str]:
    """Each file's path and text, hidden ones' too."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_folder_appears_when_it_is_whole_and_one_that_was_there_outlives_failures_and_kills(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "data"
    with cli.whole_folder(target) as part:
        (part / "file").write_text("first")
        assert not target.exists()
    with pytest.raises(KeyboardInterrupt), cli.whole_folder(target) as part:
        fail(part / "file", KeyboardInterrupt())
    assert left(target.parent) == {"data/file": "first"}
    target.rename(target.with_name(".data.old"))  # killed between two renames
    half = target.with_name(".data.tmp") / "half"
    half.parent.mkdir()
    half.write_text("half")
    with cli.whole_folder(target) as part:
        (part / "other").write_text("second")
        assert left(target) == {"file": "first"}
    assert left(target.parent) == {"data/other": "second"}
    assert list(target.parent.iterdir()) == [target]


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
