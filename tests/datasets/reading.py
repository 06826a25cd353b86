"""What a corpus's reader makes of files, for tests to compare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import celeba, menpo
from datasets.crop import Crop, Skipped, crop_face
from datasets.face import Contents, Entry


def got(given: Path, **options: Any) -> tuple[Path, Contents]:
    """What `get` makes of Menpo's two parts, or with options of CelebA's files, and what `verify` finds there."""
    module = celeba if options else menpo
    raw = given.parent / f"raw{len(list(given.parent.iterdir()))}"
    module.get(options or {part: str(given / "menpo" / part) for part in menpo.PARTS}, raw)
    return raw, module.verify(raw, options)


def crops(raw: Path, contents: Contents) -> list[Crop]:
    """All faces of a corpus, none of which may be skipped."""
    found = [crop_face(entry.corpus, raw, entry, "dlib") for entry in contents.faces]
    assert [face.reason for face in found if isinstance(face, Skipped)] == []
    return found


def pixels(found: list[Crop]) -> list[bytes]:
    return sorted(crop.hr.tobytes() for crop in found)


def refusal(raw: Path, entry: Entry) -> str:
    """Why a face is skipped, in one line."""
    result = crop_face(entry.corpus, raw, entry, "dlib")
    assert isinstance(result, Skipped)
    assert "\n" not in result.reason
    return result.reason


def write(folder: Path, *names: str) -> None:
    """Files that hold no image."""
    for path in (folder / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0\5\x16\7")


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))
