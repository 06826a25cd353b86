"""Get a corpus: files, folders and archives of this machine or a server, verified before use and unpacked safely."""

import gzip
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pooch
import requests
from pooch.utils import unique_file_name
from tqdm import tqdm

from datasets.face import BadInput, require_folder
from datasets.images import is_junk

DOWNLOADS = Path("data/downloads")  # kept, so that a second experiment need not download again
TIMEOUT_SECONDS = (10.0, 30.0)  # to connect, and between two bytes
# The last: an encrypted zip.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError)


def fetch_file(location: str, known_hash: str | None, target: Path, remedy: str) -> None:
    """Copy a verified file to `target`.

    Args:
        location: path or http(s) URL.
        known_hash: "sha256:..." or "md5:...", None where its owner publishes none.
        remedy: what the user can do, for error messages.

    Raises:
        BadInput: if the file is missing, cannot be downloaded or has another checksum.
    """
    verified = _verified(location, known_hash, remedy)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(verified, target)


def fetch_folder(location: str, known_hash: str | None, target: Path, remedy: str) -> None:
    """Copy a folder or unpack a verified .zip, .tar or .tgz to the new folder `target`; arguments as for fetch_file.

    Raises:
        BadInput: as for fetch_file; if there is no file; if the archive is damaged or a member would leave the folder.
    """
    folder = Path(location).expanduser()
    if not folder.is_dir():
        _unpack(_verified(location, known_hash, remedy), target, location, remedy)
        return
    if known_hash:
        raise BadInput(f"{folder}: a folder has no checksum to compare with {known_hash}; leave that option out")
    names = list_files(folder)
    if not names:
        raise BadInput(f"{folder}: the folder is empty; give a folder or an archive that holds the corpus")
    for name in tqdm(names, desc=f"copy {folder}", unit="file"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def list_files(folder: Path) -> list[str]:
    """List the files below a folder as relative paths, sorted; junk files are left out.

    Raises:
        BadInput: if there is no such folder, or if a link in it is broken: its file would be missed without a word.
    """
    names = []
    for parent, _, files in os.walk(require_folder(folder, "run the corpus stage again"), followlinks=True):
        for path in (Path(parent, file) for file in files):
            if path.is_file():
                names.append(path.relative_to(folder).as_posix())
            elif path.is_symlink():
                raise BadInput(f"{path}: a link to {path.readlink()}, which is missing; restore it or remove the link")
    return sorted(name for name in names if not is_junk(name))


def _verified(location: str, known_hash: str | None, remedy: str) -> Path:
    """Return the path of the file at `location`, downloaded if need be, once its checksum holds."""
    try:
        if location.startswith(("http://", "https://")):
            name = unique_file_name(location)
            downloads = pooch.create(
                DOWNLOADS, "", registry={name: known_hash}, urls={name: location}, retry_if_failed=3
            )
            return Path(downloads.fetch(name, downloader=_resume))
        path = Path(location).expanduser()
        if not path.is_file():
            raise BadInput(f"{path}: no such file; {remedy}")
        algorithm, _, expected = (known_hash or "").rpartition(":")
        if known_hash and (actual := pooch.file_hash(str(path), algorithm or "sha256")) != expected.lower():
            raise BadInput(f"{path}: its checksum is {actual}, expected {known_hash}; {remedy}")
        return path
    except (requests.RequestException, ValueError) as error:
        raise BadInput(f"{location}: {error}; {remedy}") from error


def _resume(url: str, output_file: str, _: object) -> None:
    """Download for pooch; unlike its own downloader, continue where an earlier try or run stopped."""
    part = Path(output_file).with_name(f"{unique_file_name(url)}.part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as response:
        if response.status_code != 416:  # else there is nothing past what we have: the checksum tells if it is whole
            response.raise_for_status()
            mode, size = "ab" if response.status_code == 206 else "wb", int(response.headers.get("content-length", 0))
            with part.open(mode) as file, tqdm.wrapattr(file, "write", size or None, desc="download") as out:
                for chunk in response.iter_content(1 << 14):
                    out.write(chunk)
    part.replace(output_file)


def _unpack(path: Path, target: Path, shown: str, remedy: str) -> None:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                # Some Windows programs write backslashes.
                members = [(info.filename.replace("\\", "/"), info) for info in archive.infolist()]
                _extract([(name, info) for name, info in members if name[-1] != "/"], archive.open, target, shown)
        else:
            with tarfile.open(path) as tar:
                entries = [info for info in tar if not info.isdir()]
                for info in entries:
                    if not info.isreg():
                        raise BadInput(f"{shown}: member {info.name!r} is a link or device; do not use this archive")
                _extract([(info.name, info) for info in entries], tar.extractfile, target, shown)
                while tar.fileobj and tar.fileobj.read(1 << 20):  # the end of a .tgz holds its checksum
                    pass
    except DAMAGED as error:
        why = str(error).partition("\n")[0]
        raise BadInput(f"{shown}: damaged, or no zip or tar archive ({why}); {remedy}") from error


def _extract(members: list[tuple[str, Any]], opened: Callable[[Any], Any], target: Path, shown: str) -> None:
    """Write files, each by its name and by what `opened` opens, below `target`; refuse names that are not safe."""
    if not members:
        raise BadInput(f"{shown}: holds no file; give a folder or an archive that holds the corpus")
    known = set()
    for name, _ in members:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise BadInput(f"{shown}: member {name!r} would leave its folder; do not use this archive")
        if path in known:
            raise BadInput(f"{shown}: member {name!r} appears twice; unpack it, choose one and pack it again")
        known.add(path)
    if nested := {parent for path in known for parent in path.parents} & known:
        raise BadInput(f"{shown}: member {str(min(nested))!r} is a file and a folder; unpack it and pack it again")
    for name, member in tqdm(members, desc=f"unpack {shown}", unit="file"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with opened(member) as data, (target / name).open("wb") as out:
            shutil.copyfileobj(data, out)
