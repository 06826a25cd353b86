"""A program that does tasks under claims until all are done: one of many that share a folder."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from benchmark.cluster.claims import Claims

STALE = 5.0


async def task(folder: Path, name: str) -> None:
    """Do the task in a few steps; `events` says, a line each, who began and who ended which task when."""
    note(folder, name, "begin")
    for _ in range(4):
        await asyncio.sleep(random.uniform(0.02, 0.12))
    (folder / f"{name}.done").touch(exist_ok=False)
    note(folder, name, "end")


def note(folder: Path, name: str, what: str) -> None:
    with (folder / "events").open("a") as file:  # one short write at the end of a file is not torn
        file.write(f"{time.time():.6f} {os.getpid()} {name} {what}\n")


def main(folder: Path, count: int) -> None:
    """Tasks in random order until every one is done. Each process passes for a machine of its own."""
    claims = Claims(folder / "claims", beat=0.2, stale=STALE, place=f"machine{os.getpid()}")
    names = [f"task{i}" for i in range(count)]
    while left := [name for name in names if not (folder / f"{name}.done").exists()]:
        name = random.choice(left)
        claim = claims.take(name)
        if claim is None:
            time.sleep(0.02)
        elif (folder / f"{name}.done").exists():  # done between the look and the claim
            claim.release()
        else:
            asyncio.run(claim.keep(task(folder, name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
