"""`benchmark.repro`: dvc.lock can be read whenever the command is killed."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils import serialize

from benchmark import accept, config, repro
from benchmark.reporting.measurements import measured

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "benchmark.repro"]
STAGES, KILLS = 8, 3
BULK = 60  # outputs of each stage: long lock files are slow to write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of fast stages whose lock file is large, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "DVC_TEST": "1"}.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    files = {number: [f"o{number}/{i}" for i in range(BULK)] for number in range(STAGES)}
    stages = {
        f"s{number}": {
            "cmd": f"mkdir -p o{number} && cd o{number} && touch $(seq 0 {BULK - 1})",
            "outs": [{name: {"cache": False}} for name in names],
        }
        for number, names in files.items()
    }
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    return tmp_path


def test_it_ends_with_where_the_results_are_and_how_near_to_those_published(
    toy: config.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repro.outcome(toy) == "results: results/toy/claims.md, results/toy/report.html"
    monkeypatch.setattr(accept, "experiments", lambda: ["toy"])
    monkeypatch.setattr(accept, "read", lambda name: accepted)
    accepted = {"runs": {run: dict(summary) for run, summary in measured(toy).items()}}
    assert repro.outcome(toy).endswith("scores: as published, to the last digit")
    accepted["runs"]["ours"]["psnr"] -= 0.001
    (line,) = repro.outcome(toy).split("scores: moved:\n")[1].splitlines()[1:]
    assert line.split()[:2] == ["ours", "psnr"]
    assert line.split()[-2:] == ["0.0010", "0.0200"]


def readable(lock: Path) -> int:
    """How many stages the lock file holds, all of them whole; 0 where there is none yet."""
    found = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    assert all(len(stage["outs"]) == BULK for stage in found.values())
    return len(found)


def written(lock: Path) -> int:
    """When the lock file was last written; 0 for never."""
    return lock.stat().st_mtime_ns if lock.exists() else 0


def test_a_kill_leaves_a_lock_that_can_be_read(project: Path) -> None:
    lock, rng = project / "dvc.lock", random.Random(0)
    for _ in range(KILLS):
        before = written(lock)
        process = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while written(lock) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))  # somewhere within the next stage
        process.kill()
        process.wait()
        assert readable(lock) > 0
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert readable(lock) == STAGES
    assert not list(project.glob(".dvc.lock*"))  # what a kill left half written is gone


def test_a_list_of_busy_files_that_a_kill_cut_off_is_dropped(project: Path) -> None:
    busy = project / ".dvc/tmp/rwlock"
    for content, stays in (("{}", True), ('{"read": {', False), ("", False)):
        busy.parent.mkdir(exist_ok=True)
        busy.write_text(content)
        repro.clear()
        assert busy.exists() == stays
    repro.clear()


def test_the_lock_is_read_and_written_as_dvc_does_it() -> None:
    text = (ROOT / "dvc.lock").read_text()
    content = repro.read_for_update(text, ROOT / "dvc.lock")
    assert content == serialize.loads_yaml(text)
    assert dumped(content) == text
    assert text.split() == serialize.dumps_yaml(content).split()  # DVC breaks long lines elsewhere
    values = {"nothing": None, "flag": True, "word": "true", "number": "1e3", "colon": "a: b #c", "no": "no"}
    stages = OrderedDict(another=OrderedDict(params=values, outs=[]))
    assert dumped(stages) == serialize.dumps_yaml(stages)


def dumped(content: Any) -> str:
    stream = io.StringIO()
    repro.dump(content, stream)
    return stream.getvalue()


def test_arguments_and_status_are_those_of_dvc_repro(project: Path) -> None:
    assert subprocess.run([*COMMAND, "-q", "s3"], check=False).returncode == 0
    assert list(yaml.safe_load((project / "dvc.lock").read_text())["stages"]) == ["s3"]
    failed = subprocess.run([*COMMAND, "nothing"], capture_output=True, text=True, check=False)
    assert failed.returncode == 255
    assert "nothing" in failed.stderr


def test_another_dvc_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delattr("dvc.utils.serialize._yaml._dump_data")
    assert repro.main([]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "has no _dump_data" in error
