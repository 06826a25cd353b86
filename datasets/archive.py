"""Getting a corpus: local files or URLs, verified before use; reading members of a folder, a zip or a tar alike."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import pooch
import requests
from tqdm import tqdm

from datasets.face import BadInput

# Where downloads are kept, so that a broken one goes on and a second experiment needs none.
DOWNLOADS = Path("data/downloads")
CHUNK = 1 << 14  # bytes; what a cut transfer loses at most
RETRIES = 5
PAUSE = 0.2  # seconds before the first retry, doubled with each
TIMEOUT = (10.0, 30.0)  # seconds without a connection, without a byte
# What systems leave beside files: no part of any corpus.
LITTER = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini"}


def obtain(location: str, known_hash: str | None, target: Path, remedy: str) -> Path:
    """Put the file at `location` (path or http(s) URL) to `target`, once its checksum holds and, a zip, it is whole.

    known_hash is "sha256:..." or "md5:...", None where the owner publishes none. A folder is packed into a zip.
    BadInput names the file and `remedy`; `target` is complete, or what it was before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".tmp")
    try:
        if location.startswith(("http://", "https://")):
            shutil.copyfile(_download(location, known_hash, target.name, remedy), part)
        else:
            _copy(Path(location).expanduser(), known_hash, part, remedy)
        if target.suffix == ".zip":
            check_zip(part, location, remedy)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _copy(source: Path, known_hash: str | None, part: Path, remedy: str) -> None:
    if source.is_dir() and part.stem.endswith(".zip"):
        if known_hash:
            raise BadInput(f"{source}: a folder has no checksum to compare with {known_hash}; leave that option out")
        _zip_folder(source, part)
        return
    if not source.is_file():
        raise BadInput(f"{source}: no such file; {remedy}")
    if known_hash:
        algorithm, _, expected = known_hash.rpartition(":")
        actual = pooch.file_hash(str(source), alg=algorithm or "sha256")
        if actual != expected.lower():
            raise BadInput(f"{source}: {algorithm or 'sha256'} is {actual}, expected {expected}; {remedy}")
    shutil.copyfile(source, part)


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder; BadInput where a link leads nowhere, whose file would be missed without a word."""
    found = list(folder.rglob("*"))
    for path in found:
        if path.is_symlink() and not path.exists():
            raise BadInput(
                f"{path}: a link to {path.readlink()}, which is not there; restore the file or remove the link"
            )
    return [path for path in found if path.is_file()]


def _zip_folder(source: Path, part: Path) -> None:
    files = sorted(files_in(source))
    if not files:
        raise BadInput(f"{source}: the folder is empty; give a folder or a zip that holds the corpus")
    top = part.name.split(".")[0]  # the name that the corpus's owner gives the folder, whatever it is called here
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path in tqdm(files, desc=f"pack {source}", unit="file"):
            archive.write(path, f"{top}/{path.relative_to(source).as_posix()}")


def _download(url: str, known_hash: str | None, name: str, remedy: str) -> Path:
    unique = f"{hashlib.md5(url.encode()).hexdigest()[:8]}-{name}"
    resume = partial(resuming_downloader, DOWNLOADS / f"{unique}.part")
    try:
        return Path(pooch.retrieve(url, known_hash, unique, DOWNLOADS, downloader=resume))
    except (requests.RequestException, ValueError) as error:
        raise BadInput(f"{url}: {error}; {remedy}") from error


def resuming_downloader(part: Path, url: str, output_file: str, _: object) -> None:
    """A downloader for pooch that goes on where an earlier try stopped, retries a stalled or cut transfer, shows a bar.

    part: where the bytes that have come so far are kept. requests.RequestException after RETRIES tries in a row that
    brought nothing, and at once where the server refuses.
    """
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _receive(url, part)
            break
        except requests.RequestException as error:
            if error.response is not None and error.response.status_code < 500:
                raise
            failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
            if failures >= RETRIES:
                raise
            time.sleep(PAUSE * 2**failures)
    part.replace(output_file)


def _receive(url: str, part: Path) -> None:
    """One request for the bytes that `part` lacks; raises requests.RequestException where the transfer is cut."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
        if response.status_code == 416:  # nothing past what we hold: the checksum decides whether it is whole
            return
        response.raise_for_status()
        if "text/html" in response.headers.get("content-type", ""):
            raise ValueError("the server sent a web page in place of the file")
        resumed = response.status_code == 206
        length = int(response.headers.get("content-length", 0))
        have = have if resumed else 0
        total = have + length
        with (
            part.open("ab" if resumed else "wb") as out,
            tqdm(total=total or None, initial=have, unit="B", unit_scale=True, desc=part.name) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                out.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
        if length and have < total:
            raise requests.ConnectionError(f"received {have} of {total} bytes")


def check_zip(path: Path, shown: str, remedy: str) -> None:
    """BadInput unless `path` is a zip whose members are whole (CRC) and stay inside its folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.namelist(), shown)
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:  # the last: encrypted, unknown
        raise BadInput(f"{shown}: not a whole zip ({error}); {remedy}") from error
    if broken:
        raise BadInput(f"{shown}: member {broken} fails its checksum; {remedy}")


def unpack_gzip(packed: Path, target: Path, shown: str, remedy: str) -> None:
    """Write the tar in a .tgz (or a plain tar) to `target`, in which each member is found without reading the others.

    BadInput unless it is whole, and holds files and folders alone that stay inside its folder.
    """
    with packed.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(packed) if zipped else packed.open("rb") as data, target.open("wb") as out:
            shutil.copyfileobj(data, out, CHUNK)
        with tarfile.open(target, "r:") as archive:
            _check_members([f"{member.name}/" if member.isdir() else member.name for member in archive], shown)
            for member in archive:
                if not (member.isreg() or member.isdir()):
                    raise BadInput(f"{shown}: member {member.name!r} is a link or device; do not use this archive")
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise BadInput(f"{shown}: not a whole .tgz ({error}); {remedy}") from error


def _check_members(names: Sequence[str], shown: str) -> None:
    """BadInput where a member climbs out of its folder, or two files go by one name, of which one would go unread.

    names: with a slash at the end of a folder's.
    """
    known: set[str] = set()
    for name in names:
        pure = PurePosixPath(name.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or (pure.parts and ":" in pure.parts[0]):
            raise BadInput(f"{shown}: member {name!r} climbs out of its folder; do not use this archive")
        if str(pure) in known:
            raise BadInput(f"{shown}: member {name!r} is there twice; unpack it, look at both and pack it anew")
        known |= set() if name.endswith(("/", "\\")) else {str(pure)}


def is_litter(name: str) -> bool:
    """Whether a file is one that a system left beside others, by its path."""
    parts = PurePosixPath(name.lower()).parts
    return not LITTER.isdisjoint(parts) or parts[-1].startswith("._")


class Source:
    """Members of a folder, a zip or a tar under one interface: names relative to it, bytes on demand."""

    def __init__(self, path: Path):
        self.path = path
        self._zip = zipfile.ZipFile(path) if path.suffix == ".zip" else None
        self._tar = tarfile.open(path, "r:") if path.suffix == ".tar" else None  # noqa: SIM115
        if self._zip:
            # Zips of some Windows programs hold backslashes.
            found = {name.replace("\\", "/"): name for name in self._zip.namelist()}
            self._members = {name: member for name, member in found.items() if not name.endswith("/")}
        elif self._tar:
            self._members = {member.name: member.name for member in self._tar if member.isreg()}
        else:
            self._members = {name: name for name in (p.relative_to(path).as_posix() for p in files_in(path))}

    def names(self) -> list[str]:
        """Names of all files but litter, sorted, with forward slashes."""
        return sorted(name for name in self._members if not is_litter(name))

    def read(self, name: str) -> bytes:
        """The bytes of one member; BadInput where it is missing or fails its checksum."""
        try:
            return self._read(self._members[name])
        except (KeyError, FileNotFoundError) as error:
            raise BadInput(f"{self.path}: no member {name}; restore it, or remove what goes with it") from error
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            raise BadInput(f"{self.path}: member {name}: {error}; replace the archive") from error

    def _read(self, member: str) -> bytes:
        if self._zip:
            return self._zip.read(member)
        if self._tar:
            file = self._tar.extractfile(member)
            assert file is not None  # a regular file
            return file.read()
        return (self.path / member).read_bytes()


def source(root: Path, name: str) -> Source:
    """The part `name` of a corpus: `root/name` as a folder, a .zip or a .tar; BadInput where none is there."""
    for path in (root / name, root / f"{name}.zip", root / f"{name}.tar"):
        if path.exists():
            # Forked processes would share one file position, so each opens its own. What has changed is listed anew.
            return _source(path, os.getpid(), path.stat().st_mtime_ns)
    raise BadInput(f"{root}: neither {name}/ nor {name}.zip; run the corpus stage again")


@lru_cache(maxsize=8)
def _source(path: Path, process: int, changed: int) -> Source:
    return Source(path)
