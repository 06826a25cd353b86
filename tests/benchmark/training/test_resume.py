"""What the training loop survives: kills, damage, a time limit, and being spread over processes."""

from __future__ import annotations

import json
import multiprocessing.context
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from safetensors.torch import load_file

from benchmark.training import checkpoint
from benchmark.training.loop import OutOfTime, Settings
from datasets.face import BadInput

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]
EVERY_UPDATE, AT_THE_END = Settings(checkpoint_seconds=0), Settings(checkpoint_seconds=1e9)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Starts processes from one that has the libraries loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torchvision", "pandas", "tqdm", "benchmark.training.loop"])
    return context


def test_killed_at_any_moment_it_ends_bit_equal(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = processes.Process(target=tiny.fit_and_save, args=(whole,))
    unbroken.start()
    # Updates within an epoch, at its end, within the second phase; a checkpoint follows every update.
    for updates in (2, 5, 8, 10, 13):
        killed = processes.Process(target=tiny.fit_and_save, args=(broken,), kwargs={"delay": 0.03})
        killed.start()
        while killed.is_alive() and updates_saved(broken) < updates:
            time.sleep(0.002)
        assert killed.is_alive()
        killed.kill()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        assert not (broken / "weights.safetensors").exists()
    last = processes.Process(target=tiny.fit_and_save, args=(broken,))
    last.start()
    for process in (unbroken, last):
        process.join()
        assert process.exitcode == 0
    tiny.assert_same_run(whole, broken)


def updates_saved(folder: Path) -> int:
    """The number of updates that the checkpoint holds."""
    saved = checkpoint.load(folder / checkpoint.FILE, CPU)
    return saved["state"]["updates"] if saved else 0


def test_what_a_killed_writer_left_is_no_checkpoint_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / checkpoint.FILE
    assert checkpoint.load(path, CPU) is None
    for value in range(3):
        checkpoint.save(path, {"value": value})
    (tmp_path / ".checkpoint.pt.tmp.pt").write_bytes(b"half a checkpoint")
    assert checkpoint.load(path, CPU) == {"value": 2}
    whole = path.read_bytes()
    middle = whole.index(b"value")
    for damaged in (whole[:-100], whole[:middle] + b"wrong" + whole[middle + 5 :], b""):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"checkpoint.pt: damaged checkpoint; delete it"):
            checkpoint.load(path, CPU)


def test_stopped_at_any_update_it_ends_bit_equal(tmp_path: Path) -> None:
    """By the time limit, and after a number of updates, in turn; the last of an epoch and of a phase among them."""
    tiny.fit(tmp_path / "whole", AT_THE_END).save(tmp_path / "whole")
    pieces, updates = tmp_path / "pieces", 3 * 3 + 3 * 2
    for update in range(1, updates, 2):
        tiny.fit(pieces, AT_THE_END, max_updates=update)
        assert pd.read_csv(pieces / "log.first.csv").shape[0] == update
        with pytest.raises(OutOfTime):
            tiny.fit(pieces, Settings(deadline=0.0))
    tiny.fit(pieces, AT_THE_END, max_updates=updates)  # made already, but for the epoch's end
    tiny.fit(pieces, AT_THE_END).save(pieces)
    tiny.assert_same_run(tmp_path / "whole", pieces)


def test_two_processes_follow_the_loss_curve_of_one(tmp_path: Path) -> None:
    # The batch is the global one. Without what each process does by itself: drawing dropout and, on gloo, normalising
    # its part of the batch.
    options = {"dropout": 0.0, "norm": False, "epochs": 4, "batch_size": 8}
    assert "2 process(es)" in in_processes(2, tmp_path / "several", **options)
    tiny.fit_and_save(tmp_path / "one", **options)
    logs = [pd.read_csv(tmp_path / name / "log.csv").drop(columns="phase") for name in ("one", "several")]
    assert len(logs[0]) == 8
    np.testing.assert_allclose(logs[1], logs[0], rtol=0, atol=1e-4)
    a, b = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "several"))
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-4)


def in_processes(number: int, folder: Path, **options: float) -> str:
    """What tiny's program prints under torchrun, on gloo."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    command += [tiny.__file__, str(folder), json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    torchrun = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert torchrun.returncode == 0, torchrun.stderr
    return torchrun.stdout
