"""Getting corpora: local files, and a real HTTP server on loopback that truncates, stalls and lies."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from datasets import archive, celeba, menpo
from datasets.face import BadInput

REMEDY = "mend it so"
DATA = np.random.default_rng(0).bytes(300_000)
HASH = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


def start_of(asked: str | None) -> int:
    """First byte that a Range header asks for."""
    return int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0


class Handler(BaseHTTPRequestHandler):
    """Answers /BEHAVIOUR; the first request to a path may fare worse than the later ones."""

    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        first = self.path not in [path for path, _ in self.server.requests]
        self.server.requests.append((self.path, asked))
        getattr(self, self.path[1:].replace("-", "_"))(first, start_of(asked))

    def answer(self, body: bytes, start: int = 0, send: int | None = None, kind: str = "application/zip") -> None:
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[start:][:send])

    def whole(self, first: bool, start: int) -> None:
        self.answer(DATA, start)

    def truncates(self, first: bool, start: int) -> None:
        self.answer(DATA, start, 100_000 if first else None)

    def truncates_and_starts_over(self, first: bool, start: int) -> None:
        self.answer(DATA, 0, 100_000 if first else None)

    def always_truncates(self, first: bool, start: int) -> None:
        self.answer(DATA, 0, 100_000)

    def stalls(self, first: bool, start: int) -> None:
        self.answer(DATA, start, 100_000 if first else None)
        if first:
            self.wfile.flush()
            self.server.released.wait(10)

    def lies(self, first: bool, start: int) -> None:
        self.answer(DATA[::-1], start)

    def page(self, first: bool, start: int) -> None:
        self.answer(b"<html>quota exceeded</html>", kind="text/html; charset=utf-8")

    def absent(self, first: bool, start: int) -> None:
        self.send_error(404)

    def fails_once(self, first: bool, start: int) -> None:
        self.send_error(503) if first else self.answer(DATA, start)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.released = threading.Event()

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(archive, "DOWNLOADS", tmp_path / "downloads")
    monkeypatch.setattr(archive, "PAUSE", 0.001)
    monkeypatch.setattr(archive, "TIMEOUT", (5, 0.3))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def fetch(server: Server, behaviour: str, tmp_path: Path, known_hash: str | None = HASH) -> Path:
    return archive.obtain(server.url(behaviour), known_hash, tmp_path / "out" / "corpus.bin", REMEDY)


def refused(call: Callable[[], object], *says: str) -> None:
    """`call` raises BadInput of one line that says all of `says`."""
    with pytest.raises(BadInput) as error:
        call()
    assert "\n" not in str(error.value)
    for words in says:
        assert words in str(error.value)


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(name), data)
    return path


@pytest.mark.parametrize("behaviour", ["truncates", "stalls"])
def test_broken_transfer_goes_on_where_it_stopped(server: Server, behaviour: str, tmp_path: Path) -> None:
    assert fetch(server, behaviour, tmp_path).read_bytes() == DATA
    (_, first), (_, second) = server.requests
    assert first is None
    assert 100_000 - archive.CHUNK < start_of(second) <= 100_000


def test_new_run_goes_on_where_a_killed_one_stopped(server: Server, tmp_path: Path) -> None:
    url = server.url("whole")
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / f"{hashlib.md5(url.encode()).hexdigest()[:8]}-corpus.bin.part").write_bytes(DATA[:123])
    assert fetch(server, "whole", tmp_path).read_bytes() == DATA
    assert server.requests == [("/whole", "bytes=123-")]


def test_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    assert fetch(server, "truncates-and-starts-over", tmp_path).read_bytes() == DATA
    assert [start_of(asked) > 0 for _, asked in server.requests] == [False, True]


def test_transfer_needs_no_progress_bar(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "tqdm", partial(tqdm, disable=True))
    assert fetch(server, "truncates", tmp_path).read_bytes() == DATA


def test_server_that_never_gets_further_is_given_up(server: Server, tmp_path: Path) -> None:
    refused(lambda: fetch(server, "always-truncates", tmp_path), server.url("always-truncates"), REMEDY)
    assert len(server.requests) == 1 + archive.RETRIES
    assert not (tmp_path / "out" / "corpus.bin").exists()


def test_server_that_is_away_for_a_moment_is_asked_again(server: Server, tmp_path: Path) -> None:
    assert fetch(server, "fails-once", tmp_path).read_bytes() == DATA


def test_other_bytes_fail_the_checksum_and_leave_nothing(server: Server, tmp_path: Path) -> None:
    refused(lambda: fetch(server, "lies", tmp_path), HASH.removeprefix("sha256:"), REMEDY)
    assert list((tmp_path / "out").iterdir()) == []
    assert list((tmp_path / "downloads").iterdir()) == []


def test_missing_file_is_reported_at_once(server: Server, tmp_path: Path) -> None:
    refused(lambda: fetch(server, "absent", tmp_path), "404", REMEDY)
    assert len(server.requests) == 1


def test_no_server_is_reported(server: Server, tmp_path: Path) -> None:
    with Server() as closed:
        url = closed.url("whole")
    refused(lambda: archive.obtain(url, None, tmp_path / "corpus.zip", REMEDY), url, REMEDY)


def test_second_time_needs_no_server(server: Server, tmp_path: Path) -> None:
    fetch(server, "whole", tmp_path)
    assert fetch(server, "whole", tmp_path).read_bytes() == DATA
    assert len(server.requests) == 1


def test_drive_that_refuses_celeba_names_the_way_by_hand(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celeba, "DRIVE", server.url("page") + "?id=")
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.page(True, 0))
    refused(
        lambda: celeba.get({}, tmp_path / "raw"),
        "web page",
        "by hand",
        celeba.PAGE,
        "img_align_celeba.zip",
        "corpora.celeba.images",
    )
    assert list((tmp_path / "raw").iterdir()) == []


def test_celeba_knows_the_published_files() -> None:
    published = celeba._published()
    assert published["img_align_celeba.zip"] == ("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "00d2c5bc6d35e252742224ab0c1e8fcb")
    assert set(celeba.FILES.values()) <= set(published)


@pytest.mark.parametrize("part", ["semifrontal", "profile"])
def test_unset_menpo_path_says_where_to_ask(part: str, tmp_path: Path) -> None:
    options = {p: str(make_zip(tmp_path / f"{p}.zip", {"a/a.jpg": b"a"})) for p in menpo.PARTS if p != part}
    refused(lambda: menpo.get(options, tmp_path / "raw"), f"corpora.menpo.{part}", "ibug.doc.ic.ac.uk", "ask")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name in ("a/", "a/", "a/1.jpg", "a/2.jpg", "a\\1.jpg"):  # Windows' slash is a slash
            made.writestr(name, "x" if name.endswith("jpg") else "")
    refused(lambda: archive.obtain(str(path), None, tmp_path / "raw" / "a.zip", REMEDY), str(path), "is there twice")


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "C:/x.jpg"])
def test_zip_member_that_climbs_out_is_refused(name: str, tmp_path: Path) -> None:
    evil = make_zip(tmp_path / "evil.zip", {"a/good.jpg": b"good", name: b"bad"})
    refused(lambda: archive.obtain(str(evil), None, tmp_path / "raw" / "a.zip", REMEDY), str(evil), "climbs out")
    assert list((tmp_path / "raw").iterdir()) == []


def damaged(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "truncated":
        del data[len(data) // 2 :]
    elif kind == "flipped":
        data[len(data) // 2] ^= 0x10
    elif kind == "encrypted":
        with zipfile.ZipFile(path) as archived:
            entry = archived.start_dir
        data[6] |= 1
        data[entry + 8] |= 1
    elif kind == "empty":
        data.clear()
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["truncated", "flipped", "encrypted", "empty"])
def test_damaged_zip_is_refused_and_what_was_there_stays(kind: str, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "corpus.zip", {"a/b.jpg": DATA[:5000]})
    target = tmp_path / "raw" / "corpus.zip"
    archive.obtain(str(path), None, target, REMEDY)
    before = target.read_bytes()
    damaged(path, kind)
    refused(lambda: archive.obtain(str(path), None, target, REMEDY), str(path), REMEDY)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_local_file_is_copied_when_its_checksum_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")
    md5 = "md5:900150983cd24fb0d6963f7d28e17f72"
    for known in (None, md5, md5.upper().replace("MD5", "md5"), f"sha256:{hashlib.sha256(b'abc').hexdigest()}"):
        target = tmp_path / "out" / "b.txt"
        assert archive.obtain(str(tmp_path / "a.txt"), known, target, REMEDY).read_bytes() == b"abc"
        target.unlink()


def test_local_file_with_another_checksum_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abd")
    expected = hashlib.sha256(b"abc").hexdigest()
    actual = hashlib.sha256(b"abd").hexdigest()
    call = partial(archive.obtain, str(tmp_path / "a.txt"), f"sha256:{expected}", tmp_path / "b.txt", REMEDY)
    refused(call, str(tmp_path / "a.txt"), expected, actual, REMEDY)
    assert not (tmp_path / "b.txt").exists()


def test_missing_local_file_is_refused(tmp_path: Path) -> None:
    refused(lambda: archive.obtain(str(tmp_path / "no.zip"), None, tmp_path / "a.zip", REMEDY), "no.zip", REMEDY)


def test_folder_is_packed_under_the_name_that_readers_expect(tmp_path: Path) -> None:
    folder = tmp_path / "my faces"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.jpg").write_bytes(b"b")
    (folder / "deep" / "a.jpg").write_bytes(b"a")
    os.utime(folder / "b.jpg", (0, 0))  # before the years that a zip can tell
    source = archive.Source(archive.obtain(str(folder), None, tmp_path / "raw" / "semifrontal.zip", REMEDY))
    assert source.names() == ["semifrontal/b.jpg", "semifrontal/deep/a.jpg"]
    assert source.read("semifrontal/b.jpg") == b"b"


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    refused(lambda: archive.obtain(str(tmp_path / "none"), None, tmp_path / "a.zip", REMEDY), "none", "empty")


def test_folder_has_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"b")
    refused(lambda: archive.obtain(str(tmp_path / "a"), HASH, tmp_path / "a.zip", REMEDY), "no checksum")


def test_folder_in_the_place_of_a_text_file_is_refused(tmp_path: Path) -> None:
    refused(lambda: archive.obtain(str(tmp_path), None, tmp_path / "out" / "list.txt", REMEDY), str(tmp_path), REMEDY)


def test_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "corpus.zip", {"a/b.jpg": b"first"})
    target = archive.obtain(str(path), None, tmp_path / "raw" / "corpus.zip", REMEDY)
    before = target.read_bytes()
    make_zip(path, {"a/b.jpg": b"second"})

    def copy_half(source: Path, part: Path) -> None:
        Path(part).write_bytes(Path(source).read_bytes()[:50])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))

    monkeypatch.setattr(shutil, "copyfile", copy_half)
    with pytest.raises(OSError, match="No space left"):
        archive.obtain(str(path), None, target, REMEDY)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_source_reads_folder_and_zip_alike(tmp_path: Path) -> None:
    (tmp_path / "a" / "part").mkdir(parents=True)
    (tmp_path / "a" / "part" / "x.pts").write_bytes(b"x")
    (tmp_path / "b").mkdir()
    make_zip(tmp_path / "b" / "part.zip", {"x.pts": b"x", "empty/": b""})
    for root in (tmp_path / "a", tmp_path / "b"):
        source = archive.source(root, "part")
        assert source.names() == ["x.pts"]
        assert source.read("x.pts") == b"x"
        refused(partial(source.read, "y.pts"), "y.pts", str(source.path))
    refused(lambda: archive.source(tmp_path / "a", "other"), "other.zip", "corpus stage")


def test_member_that_was_altered_after_it_was_verified_is_noticed(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "part.zip", {"x.jpg": DATA[:2000]})
    damaged(path, "flipped")
    refused(lambda: archive.source(tmp_path, "part").read("x.jpg"), "x.jpg", str(path))
