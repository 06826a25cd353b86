"""Images made elsewhere: files that are refused in one line, and likely mistakes that are warned of."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from foreign import edit
from PIL import Image
from scored import read

from benchmark.runs import external
from datasets.face import BadInput
from datasets.pairs import Pairs


@pytest.fixture
def taken(upscaled: Path, pairs: Pairs) -> Callable[[], list[str]]:
    """Read SR faces from the folder `sr`, which holds bicubic ones, and say which mistakes were found."""
    return lambda: external.read_images(Path("sr"), pairs)[1]


def rename(pattern: str) -> None:
    for path in Path("sr").iterdir():
        path.rename(path.with_name(pattern.replace("NAME", path.stem)))


def move_inside() -> None:
    Path("sr").rename("inner")
    Path("sr").mkdir()
    Path("inner").rename("sr/inner")


def replace_by(kind: Callable[[Path], object]) -> None:
    path = Path("sr/0007.png")
    path.unlink()
    kind(path)


WRONG_FILES = {
    "missing": (lambda: Path("sr/0007.png").unlink(), r"sr: 1 of 24 images missing: 0007.png; it must hold NAME.png"),
    "empty": (lambda: rename("x"), r"24 of 24 images missing: 0000.png, .*0004.png, ...;"),
    "extra": (lambda: Path("sr/log.txt").write_text(""), r"1 of 24 images not of the test set: log.txt;"),
    "mis-sized": (
        lambda: replace_by(lambda path: Image.new("RGB", (64, 128)).save(path)),
        r"0007.png: 64 x 128, expected 128 x",
    ),
    "undecodable": (lambda: replace_by(Path.touch), r"0007.png: cannot be decoded"),
    "folder": (lambda: replace_by(Path.mkdir), r"sr/0007.png: a folder, not an image;"),
    "link": (lambda: replace_by(lambda path: path.symlink_to("nowhere.png")), r"sr/0007.png: a link to nothing,"),
    "jpeg": (lambda: rename("NAME.jpg"), r"found 24 files NAME.jpg: lossy, save PNG files named NAME.png$"),
    "PNG": (lambda: rename("NAME.PNG"), r"found 24 files NAME.PNG: rename them to NAME.png$"),
    "suffix": (lambda: rename("NAME_out.png"), r"found 24 files NAME_out.png: rename them to NAME.png$"),
    "bmp": (lambda: rename("NAME.bmp"), r"found 24 files NAME.bmp: save NAME.png$"),
    "deeper": (move_inside, r"found 24 files one folder deeper: give sr/inner$"),
}


@pytest.mark.parametrize(("change", "says"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_files_are_named_in_one_line(change: Callable[[], object], says: str, taken: Any) -> None:
    change()
    with pytest.raises(BadInput, match=says) as error:
        taken()
    assert "\n" not in str(error.value)


def test_bicubic_and_grey_faces_are_taken_and_what_systems_leave_is_passed_over(taken: Any, pairs: Pairs) -> None:
    assert taken() == []
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0001.png"):
        (Path("sr") / name).write_bytes(b"\0")
    Image.new("L", (128, 128), 7).save("sr/0001.png")
    images, mistakes = external.read_images(Path("sr"), pairs)
    assert mistakes == []
    assert (images[pairs.faces["name"].tolist().index("0001")] == 7).all()


def shuffle(order: Callable[[list[str]], list[str]]) -> None:
    """Give the images the names that they have in another order."""
    names = sorted(path.name for path in Path("sr").iterdir())
    images = {name: read(Path("sr") / name) for name in names}
    for name, other in zip(names, order(names), strict=True):
        Image.fromarray(images[other]).save(Path("sr") / name)


def as_text(names: list[str]) -> list[str]:
    return [names[int(i)] for i in sorted(map(str, range(len(names))))]


def crop_and_pad(image: np.ndarray) -> np.ndarray:
    return np.pad(image[2:, 2:], ((0, 2), (0, 2), (0, 0)))


def save_alpha() -> None:
    Image.new("RGBA", (128, 128), (1, 2, 3, 4)).save("sr/0002.png")


def save_16_bits(factor: int) -> None:
    for path in Path("sr").iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * factor)


def gamma(image: np.ndarray) -> np.ndarray:
    return (255 * (image / 255) ** 2.2).astype(np.uint8)


MISTAKES = {
    "0..1": (lambda: edit(lambda image: image // 255), r"no value is above 1: .* without multiplying them by 255"),
    "BGR": (lambda: edit(lambda image: image[..., ::-1]), r"BGR order: swapping them raises PSNR by \d+\.\d dB"),
    "text-order": (lambda: shuffle(as_text), r"the images seem to be in text order of running numbers \(0, 1, 10, "),
    "off-by-one": (lambda: shuffle(lambda names: names[1:] + names[:1]), "off by one"),
    "reversed": (lambda: shuffle(lambda names: names[::-1]), "24 of 24 images seem to be named after other faces"),
    "blank": (lambda: edit(lambda image: np.full_like(image, 128)), "all 24 images show the same picture"),
    "gamma": (lambda: edit(gamma), r"linear light: gamma 1/2.2 raises PSNR"),
    "-1..1": (lambda: edit(lambda image: 127 + image // 2), "values of 0..1 seem to be saved as values of -1..1"),
    "shifted": (lambda: edit(crop_and_pad), r"shifted, cropped or padded .* 2 px to the right and 2 px down raises"),
    "padded": (
        lambda: edit(lambda image: np.pad(image[1:-1, 1:-1], ((1, 1), (1, 1), (0, 0)))),
        "cropped by a pixel and padded",
    ),
    "twice": (lambda: shutil.copy("sr/0003.png", "sr/0004.png"), "2 images are the same .*: 0003 = 0004"),
    "alpha": (save_alpha, r"1 images are partly transparent \(0002.png, ...\): alpha is ignored"),
    "dark-16-bit": (lambda: save_16_bits(1), r"24 images have 16 bits, but seem to hold values of 0..255"),
    "16-bit": (lambda: save_16_bits(257), r"24 images have 16 bits .*: the upper 8 are used"),
}


@pytest.mark.parametrize(("change", "says"), MISTAKES.values(), ids=MISTAKES)
def test_likely_mistakes_are_named(change: Callable[[], object], says: str, taken: Any) -> None:
    change()
    assert re.search(says, "\n".join(taken()))
