"""Getting corpora: local files and archives, and a real HTTP server on loopback that truncates, stalls and lies."""

import gzip
import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from reading import write

from datasets import celeba, fetch, lfw, menpo
from datasets.face import BadInput

REMEDY = "do this"
DATA = np.random.default_rng(0).bytes(300_000)
SHA = hashlib.sha256(DATA).hexdigest()
CUT = 100_000  # bytes after which the server stops


class Handler(BaseHTTPRequestHandler):
    """Answers /BEHAVIOUR with DATA; the first request to "truncates", "no-ranges" and "fails" fares worse."""

    def do_GET(self) -> None:
        behaviour, first = self.path[1:].split("?")[0], not self.server.starts
        self.server.starts.append(int(re.sub(r"\D", "", self.headers.get("Range", "0"))))
        if behaviour == "absent" or (behaviour == "fails" and first):
            return self.send_error(404 if behaviour == "absent" else 503)
        start = 0 if behaviour in ("no-ranges", "always") else self.server.starts[-1]
        body = {"lies": DATA[::-1], "page": b"<html>quota exceeded</html>"}.get(behaviour, DATA)
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if behaviour == "page" else "application/zip")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        short = behaviour == "always" or (behaviour in ("truncates", "no-ranges") and first)
        self.wfile.write(body[start:][: CUT if short else None])
        return None

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A running one with its `url` and `starts`, the first byte of each request."""
    monkeypatch.setattr(fetch, "DOWNLOADS", tmp_path / "downloads")
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)  # between tries
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.starts, running.url = [], f"http://127.0.0.1:{running.server_port}/"
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


def refused(call: Callable[[], object], *says: str) -> None:
    """`call` raises BadInput of one line that says all of `says`."""
    with pytest.raises(BadInput) as error:
        call()
    assert "\n" not in str(error.value)
    assert [words for words in says if words not in str(error.value)] == []


def packed(members: dict[str, bytes], kind: str = "zip", of: bytes = tarfile.REGTYPE) -> bytes:
    """A .zip or .tgz; names as they are, which the libraries would correct. of: what a tar's members are said to be."""
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                member = zipfile.ZipInfo("x")
                member.filename = name
                archive.writestr(member, data)
        return file.getvalue()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), tarfile.DIRTYPE if name[-1] == "/" else of, "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize(
    ("behaviour", "have", "starts"),  # what a killed run has left; the first byte of each request, at least and most
    [
        ("whole", 0, [(0, 0)]),
        ("whole", 123, [(123, 123)]),
        ("truncates", 0, [(0, 0), (CUT - 2**14, CUT)]),
        ("no-ranges", 0, [(0, 0), (1, CUT)]),
        ("fails", 0, [(0, 0), (0, 0)]),
    ],
)
def test_a_broken_download_goes_on_where_it_stopped_and_is_kept(
    behaviour: str, have: int, starts: list[tuple[int, int]], server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    url, downloads = server.url + behaviour, tmp_path / "downloads"
    downloads.mkdir()
    (downloads / f"{hashlib.md5(url.encode()).hexdigest()}-{behaviour}.part").write_bytes(DATA[:have])
    for known_hash in (SHA, f"sha256:{SHA}"):  # the second time needs no server
        fetch.fetch_file(url, known_hash, tmp_path / "out" / "a.zip", REMEDY)
    assert (tmp_path / "out" / "a.zip").read_bytes() == DATA
    assert all(low <= start <= high for start, (low, high) in zip(server.starts, starts, strict=True))


@pytest.mark.parametrize(
    ("behaviour", "says", "requests"),
    [("lies", SHA, 4), ("absent", "404", 4), ("always", "", 4), ("page", SHA, 4), ("closed", "", 0)],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(
    behaviour: str, says: str, requests: int, server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    url = server.url + behaviour
    if behaviour == "closed":
        server.shutdown()
        server.server_close()
    refused(partial(fetch.fetch_file, url, f"sha256:{SHA}", tmp_path / "a.zip", REMEDY), url, says, REMEDY)
    assert len(server.starts) == requests
    assert not (tmp_path / "a.zip").exists()
    assert {path.suffix for path in (tmp_path / "downloads").glob("*")} <= {".part"}


def test_what_cannot_be_had_names_the_way_by_hand(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celeba, "DRIVE", server.url + "page?id=")
    by_hand = "by hand", celeba.PAGE, "img_align_celeba.zip", "corpora.celeba.images"
    refused(lambda: celeba.get({}, tmp_path / "raw"), "00d2c5bc6d35e252742224ab0c1e8fcb", *by_hand)
    monkeypatch.setattr(lfw, "URL", server.url + "whole")
    refused(lambda: lfw.get({}, tmp_path / "raw"), lfw.HASH.removeprefix("sha256:"), "corpora.lfw.images")
    write(tmp_path / "a", "a.jpg")
    for part, other in (("profile", "semifrontal"), ("semifrontal", "profile")):
        get, options = partial(menpo.get, raw=tmp_path / "r"), {other: str(tmp_path / "a")}
        refused(partial(get, options), f"corpora.menpo.{part}", "ibug.doc.ic.ac.uk", "ask")
        refused(partial(get, options | {"profil": "x"}), "no option 'profil'")


def test_a_local_file_is_copied_when_its_checksum_holds_and_else_refused(tmp_path: Path) -> None:
    path, target = tmp_path / "a b.txt", tmp_path / "out" / "b.txt"

    def check(location: Path, known: str | None, *says: str) -> None:
        refused(lambda: fetch.fetch_file(str(location), known, target, REMEDY), str(location), REMEDY, *says)

    check(path, f"sha256:{SHA}", "no such file")
    path.write_bytes(b"abd")
    check(path, f"sha256:{SHA}", SHA, hashlib.sha256(b"abd").hexdigest())
    check(path, "crc32:00", "crc32")
    check(tmp_path, None)
    assert not target.exists()
    path.write_bytes(DATA)
    for known in (None, f"md5:{hashlib.md5(DATA).hexdigest()}", f"sha256:{SHA.upper()}", SHA):
        fetch.fetch_file(str(path), known, target, REMEDY)
        assert target.read_bytes() == DATA
        target.unlink()


MEMBERS = {"top/": b"", "top/a.jpg": b"a", "top/deep/b.jpg": b"b", "__MACOSX/top/._a.jpg": b"x", "top/Thumbs.db": b"x"}


@pytest.mark.parametrize("kind", ["zip", "backslashes", "tgz", "tar", "folder"])
def test_archives_and_folders_are_unpacked_alike(kind: str, tmp_path: Path) -> None:
    location = tmp_path / "given"  # what it is follows from its bytes
    if kind == "folder":
        for name, data in MEMBERS.items():
            (location / name).parent.mkdir(parents=True, exist_ok=True)
            (location / name).write_bytes(data) if data else (location / name).mkdir(exist_ok=True)
    else:
        members = {name.replace("/", "\\") if kind == "backslashes" else name: data for name, data in MEMBERS.items()}
        data = packed(members, "tgz" if kind in ("tgz", "tar") else "zip")
        location.write_bytes(gzip.decompress(data) if kind == "tar" else data)
    fetch.fetch_folder(str(location), None, tmp_path / "raw", REMEDY)
    assert fetch.list_files(tmp_path / "raw") == ["top/a.jpg", "top/deep/b.jpg"]
    assert (tmp_path / "raw" / "top" / "deep" / "b.jpg").read_bytes() == b"b"


CLIMBING = ("../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "C:/x.jpg")
WHOLE = {kind: packed({"a.jpg": DATA[:5000]}, kind) for kind in ("zip", "tgz")}
FLIPPED = {kind: data[:2500] + bytes([data[2500] ^ 16]) + data[2501:] for kind, data in WHOLE.items()}
ENCRYPTED = bytearray(WHOLE["zip"])
ENCRYPTED[6] |= 1
ENCRYPTED[WHOLE["zip"].index(b"PK\1\2") + 8] |= 1
UNSAFE = (
    [(packed({"a.jpg": b"", name: b""}), "would leave its folder") for name in CLIMBING]
    + [(packed({"a.jpg": b"", name: b""}, "tgz"), "would leave its folder") for name in CLIMBING if name != "..\\x.jpg"]
    + [(packed({"a.jpg": b""}, "tgz", of), "is a link or device") for of in (b"1", b"2", b"3", b"6")]
    + [(packed({"a/1.jpg": b"x", "a\\1.jpg": b"y"}), "appears twice")]
    + [(packed({"a": b"x", "a/1.jpg": b"y"}), "is a file and a folder"), (packed({"a/": b""}), "holds no file")]
    + [(data[: len(data) // 2], "damaged") for data in WHOLE.values()]
    + [(data, "damaged") for data in (*FLIPPED.values(), ENCRYPTED, b"", b"no archive" * 100, WHOLE["tgz"][:-6])]
)


@pytest.mark.parametrize(("data", "says"), UNSAFE, ids=range(len(UNSAFE)))  # bytes of an archive hold the time
def test_a_damaged_or_unsafe_archive_is_refused_in_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.zip"
    path.write_bytes(data)
    remedy = REMEDY if says == "damaged" else ""
    refused(lambda: fetch.fetch_folder(str(path), None, tmp_path / "raw" / "a", REMEDY), str(path), says, remedy)
    assert not list(tmp_path.glob("*.jpg"))
    assert not list((tmp_path / "raw").glob("*.jpg"))


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    call = partial(fetch.fetch_folder, str(tmp_path / "a"), None, tmp_path / "b", REMEDY)
    refused(call, "is empty")
    (tmp_path / "a" / "c.png").symlink_to(tmp_path / "unmounted.png")
    refused(call, "c.png: a link to ", "unmounted.png, which is missing")
    refused(lambda: fetch.fetch_folder(str(tmp_path / "a"), SHA, tmp_path / "b", REMEDY), "no checksum")
    refused(lambda: fetch.list_files(tmp_path / "raw"), str(tmp_path / "raw"), "corpus stage")
