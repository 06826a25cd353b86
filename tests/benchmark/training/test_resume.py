"""What the training loop survives: kills, damage and a time limit."""

import multiprocessing
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch

from benchmark.training import checkpoint
from benchmark.training.loop import OutOfTime, Settings
from datasets.face import BadInput

CPU = torch.device("cpu")
AT_THE_END = Settings(checkpoint_seconds=1e9)
# Starts processes from one that has the libraries loaded already.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "torchvision", "pandas", "tqdm", "benchmark.training.loop"])
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def test_killed_at_any_moment_it_ends_bit_equal(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = PROCESSES.Process(target=tiny.fit_and_save, args=(whole,))
    unbroken.start()
    # Updates within an epoch, at its end, within the second phase; a checkpoint follows every update.
    for updates in (2, 5, 8, 10, 13):
        killed = PROCESSES.Process(target=tiny.fit_and_save, args=(broken,), kwargs={"delay": 0.03})
        killed.start()
        while killed.is_alive() and updates_saved(broken) < updates:
            time.sleep(0.002)
        assert killed.is_alive()
        killed.kill()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        assert not (broken / "weights.safetensors").exists()
    last = PROCESSES.Process(target=tiny.fit_and_save, args=(broken,))
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
