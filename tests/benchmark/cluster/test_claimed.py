"""Claims on a shared folder: one holder at a time, none for ever, and nothing lost where holders are killed."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import claimant
import pytest

from benchmark.cluster.claims import Claims

ROOT = Path(__file__).parents[3]
TASKS, CLAIMANTS, KILLS = 200, 8, 50


def two_machines(folder: Path, **seconds: float) -> tuple[Claims, Claims]:
    return Claims(folder, place="one", **seconds), Claims(folder, place="other", **seconds)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    one, other = two_machines(tmp_path / "claims")
    claim = one.take("ours")
    assert claim is not None
    assert other.take("ours") is None
    assert one.take("ours") is None  # not twice by the same either
    assert other.take("vdsr") is not None
    claim.release()
    taken = other.take("ours")
    assert taken is not None
    assert one.take("ours") is None


def test_a_silent_holder_is_dead_and_learns_it(tmp_path: Path) -> None:
    one, other = two_machines(tmp_path, stale=60)
    claim = one.take("ours")
    assert claim is not None
    os.utime(claim.file, (time.time() - 50, time.time() - 50))
    assert other.take("ours") is None
    os.utime(claim.file, (time.time() - 70, time.time() - 70))
    taken = other.take("ours")
    assert taken is not None
    assert not claim.beat()
    claim.release()  # takes nothing away from the new holder
    assert taken.beat()
    assert one.take("ours") is None


def test_one_who_looked_long_ago_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = two_machines(tmp_path)
    for _ in range(3):
        claim = one.take("ours")
        assert claim is not None
        claim.release()
    held = one.take("ours")
    assert held is not None
    looks = iter([[0]])  # what the other saw before all that
    seen = Claims._numbers
    monkeypatch.setattr(Claims, "_numbers", lambda self, name: next(looks, None) or seen(self, name))
    monkeypatch.setattr(Claims, "_ended", lambda self, file: True)
    assert other.take("ours") is None
    assert held.beat()


def test_a_dead_process_of_this_machine_needs_no_waiting(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from benchmark.cluster.claims import Claims; Claims(pathlib.Path(sys.argv[1])).take('a')"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True)
    assert Claims(tmp_path, place="another machine").take("a") is None
    assert Claims(tmp_path).take("a") is not None


def test_work_ends_where_its_claim_is_lost(tmp_path: Path) -> None:
    one, other = two_machines(tmp_path, beat=0.05, stale=60)
    claim = one.take("ours")
    assert claim is not None
    os.utime(claim.file, (0, 0))
    assert other.take("ours") is not None
    assert asyncio.run(claim.keep(asyncio.sleep(60, "done"))) is None


def test_work_that_fails_gives_its_claim_back(tmp_path: Path) -> None:
    async def fail() -> None:
        raise ValueError("no")

    one, other = two_machines(tmp_path)
    claim = one.take("ours")
    assert claim is not None
    with pytest.raises(ValueError, match="no"):
        asyncio.run(claim.keep(fail()))
    assert other.take("ours") is not None


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(Path(claimant.__file__)), str(folder), str(TASKS)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_claimants_killed_at_random_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    running = [start(tmp_path) for _ in range(CLAIMANTS)]
    killed: dict[int, float] = {}
    while len(killed) < KILLS:
        time.sleep(random.uniform(0.0, 0.15))
        victim = running.pop(random.randrange(CLAIMANTS))
        if victim.poll() is None:
            victim.kill()
            victim.wait()
            killed[victim.pid] = time.time()
        assert victim.returncode in (0, -9), victim.stderr and victim.stderr.read()
        if victim.returncode == 0 and all((tmp_path / f"task{i}.done").exists() for i in range(TASKS)):
            break
        running.append(start(tmp_path))
    for process in running:
        assert process.wait(120) == 0, process.stderr and process.stderr.read()
    assert len(killed) == KILLS
    check(tmp_path, killed)


def check(folder: Path, killed: dict[int, float]) -> None:
    """Every task ended once, and was begun by nobody while one who had begun it was alive and at it."""
    assert len(list(folder.glob("task*.done"))) == TASKS
    events = [line.split() for line in (folder / "events").read_text().splitlines()]
    ends = Counter(name for _, _, name, what in events if what == "end")
    assert max(ends.values()) == 1
    at_it: dict[str, tuple[int, float]] = {}
    for when, process, name, what in events:
        if what == "begin" and name in at_it:
            other, _ = at_it[name]
            assert float(when) > killed.get(other, float("inf")), f"{name} begun by two"
        if what == "begin":
            at_it[name] = int(process), float(when)
        else:
            del at_it[name]
