"""Who works on what, on a folder that several machines share: one holder at a time, and none for ever.

A claim is a numbered file, and the holder is whoever made the one of the highest number. Files are made where there was
none (O_EXCL), which one machine alone can do, NFS included, and a live holder touches its file every few seconds. Of a
holder that fell silent the next number is taken: nothing of another's is ever removed or renamed, so that nobody can
take away what was claimed a moment ago. The highest number stays when work is done, dated back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
BEAT = 10.0  # seconds between two signs of life
UNKNOWN = "another machine"
STALE = 120.0  # seconds of silence after which a holder counts as dead: NFS may show a file's date a minute late


@dataclass(frozen=True)
class Claims:
    """The claims kept in `folder`; beat, stale: see BEAT and STALE; place: what process numbers are unique in."""

    folder: Path
    beat: float = BEAT
    stale: float = STALE
    place: str = ""

    def take(self, name: str) -> Claim | None:
        """The claim on `name`; None where another holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = self._numbers(name)
        last = max(numbers, default=-1)
        if numbers and not self._ended(self._file(name, last)):
            return None
        claim = Claim(self, name, last + 1)
        try:
            with claim.file.open("x") as file:
                file.write(f"{self.place or _place()} {os.getpid()} {platform.node()}")
        except FileExistsError:
            return None
        if not claim.beat():  # others took and gave back higher numbers since the look above
            claim.file.unlink()
            return None
        for number in numbers:
            self._file(name, number).unlink(missing_ok=True)
        return claim

    def holder(self, name: str) -> str:
        """The machine that holds `name`, for people to read."""
        try:
            return _read(self._file(name, max(self._numbers(name), default=0)))[-1] or UNKNOWN
        except FileNotFoundError:
            return UNKNOWN

    def _numbers(self, name: str) -> list[int]:
        """All numbers that are there; the folder holds other names too."""
        suffixes = [path.name.removeprefix(f"{name}.") for path in self.folder.iterdir()]
        return [int(suffix) for suffix in suffixes if suffix.isdecimal()]

    def _file(self, name: str, number: int) -> Path:
        return self.folder / f"{name}.{number}"

    def _ended(self, file: Path) -> bool:
        """Whether the holder gave back its claim, fell silent, or is a process of this machine that is no more."""
        try:
            seen = file.stat().st_mtime
            place, process, _ = _read(file)
        except FileNotFoundError:
            return False  # another has just taken the next number
        if place == (self.place or _place()) and not _alive(int(process)):
            return True
        return self._now() - seen > self.stale

    def _now(self) -> float:
        """The time by the clock of the machine that keeps the folder, which dates all claims."""
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".now-") as file:
            return os.fstat(file.fileno()).st_mtime


@dataclass(frozen=True)
class Claim:
    """A claim that was taken."""

    claims: Claims
    name: str
    number: int

    @property
    def file(self) -> Path:
        return self.claims._file(self.name, self.number)

    def beat(self) -> bool:
        """Give a sign of life; whether the claim still holds: it does not where another took this one for dead."""
        if max(self.claims._numbers(self.name), default=0) > self.number:
            return False
        with contextlib.suppress(FileNotFoundError):  # taken since the look above: the next beat tells
            os.utime(self.file)
        return True

    def release(self) -> None:
        """Give the claim back."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.file, (0, 0))

    async def keep(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The outcome of `work`, done under this claim, which is given back then; None where it was lost meanwhile.

        Work whose claim is lost is cancelled: another does it.
        """
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self.claims.beat)
                if not self.beat():
                    return None
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.release()


def _read(file: Path) -> list[str]:
    """Place, process and machine of a holder; of one that died before it wrote them: unknown ones."""
    words = file.read_text().split()
    return words if len(words) == 3 else ["", "0", ""]


def _place() -> str:
    """This start of this machine and its namespace of process numbers: where those are unique."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _alive(process: int) -> bool:
    """Whether the process is there, whosever it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
