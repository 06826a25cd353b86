"""Commands of stages as forks of one process that has read the libraries: they start at once, not in three seconds."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import re
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

# Libraries alone: a stage's own modules are read when it starts. The last one is what `benchmark.repro` itself needs.
LIBRARIES = ["torch", "pandas", "scipy.stats", "scipy.spatial", "cv2", "matplotlib.pyplot", "dvc.utils.serialize"]
_STAGE = re.compile(r"python -m (benchmark\.\w+)((?: [\w./-]+)*)")  # nothing in it that a shell would read otherwise


def runner(otherwise: Callable[..., None], failed: Callable[[str, int], Exception]) -> Callable[..., None]:
    """What DVC is to run a command with: a stage's as a fork, any other one by `otherwise`, DVC's own.

    failed: makes of the command and its exit status what DVC raises where that is not 0.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return otherwise
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)

    def run(executable: str | None, cmd: str, **kwargs: Any) -> None:
        stage = _STAGE.fullmatch(cmd)
        if not stage:
            otherwise(executable, cmd, **kwargs)
            return
        arguments = (stage[1], stage[2].split(), kwargs["env"], kwargs["cwd"])
        process = context.Process(target=execute, args=arguments)
        process.start()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stage gets it too, and ends
        try:
            process.join()
        finally:
            signal.signal(signal.SIGINT, before)
        if process.exitcode:
            raise failed(cmd, process.exitcode)

    return run


def execute(module: str, arguments: list[str], environment: Mapping[str, str], folder: str) -> None:
    """`python -m module arguments`, in this process, which ends with the one that asked for it."""
    end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # What an interpreter does at its end. multiprocessing waits for children before it, or leaves it out, and so
        # would wait for a pool that these end: minutes, or for ever.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def work_for_parent() -> None:
    """Let this process of a pool end with its parent, and leave a Ctrl-C, which both get, to that one."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_parent() -> None:
    """Let this process end when its parent is killed, as a kill would end it.

    A worker would wait for ever for work, its memory in use, and a stage write among the outputs of the next one.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
