"""Image files of every mode to 8-bit RGB."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from datasets.face import BadInput
from datasets.images import decode, is_rotated

RAMP = np.add.outer(np.arange(0, 200, 5), np.arange(0, 55, 1)).astype(np.uint8)  # (40, 55)
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], 2)
GREY = np.repeat(RAMP[..., None], 3, 2)
# 257 = 65535 / 255; a reader that clips shows white, one that cuts off low bytes is off by one at 0x80ff.
DEEP = np.where(np.arange(RAMP.size).reshape(RAMP.shape) == 1, 0x00FF, RAMP.astype(np.uint16) * 257).astype(np.uint16)
DEEP_8 = np.where(DEEP == 0x00FF, 1, RAMP)[..., None].repeat(3, 2)
PALETTE = Image.fromarray(COLOURS).quantize(200)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def transparent(alpha: np.ndarray | int) -> bytes:
    return encode(Image.fromarray(np.dstack([COLOURS, np.broadcast_to(alpha, RAMP.shape).astype(np.uint8)])))


TAG = Image.Exif()
TAG[0x0112], TAG[0x010E] = 6, "held upright"
JPEG, PNG = encode(Image.fromarray(COLOURS), "JPEG"), encode(Image.fromarray(COLOURS))
TAGGED = encode(Image.fromarray(COLOURS), "JPEG", exif=TAG)


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (PNG, COLOURS, 0),
        (encode(Image.fromarray(RAMP)), GREY, 0),
        (encode(Image.fromarray(DEEP)), DEEP_8, 0),
        (encode(PALETTE), np.array(PALETTE.convert("RGB")), 0),
        (transparent(0), COLOURS, 0),
        (transparent(128), COLOURS, 0),
        (encode(Image.fromarray(RAMP > 100)), np.where(GREY > 100, 255, 0), 0),
        (encode(Image.fromarray(COLOURS).convert("CMYK"), "JPEG", quality=95), COLOURS, 4),
        (TAGGED, COLOURS, 4),
    ],
    ids=["RGB", "grey", "16 bit", "palette", "clear", "half clear", "black and white", "CMYK", "rotated by EXIF"],
)
def test_stored_pixels_become_rgb(data: bytes, expected: np.ndarray, tolerance: float) -> None:
    image = decode(data, "a.png")
    assert image.dtype == np.uint8
    assert image.shape == COLOURS.shape
    assert np.abs(image.astype(int) - expected).mean() <= tolerance


def test_displayed_is_on_white() -> None:
    seen = np.arange(RAMP.shape[1]) < 20
    image = decode(transparent(255 * seen), "a.png", displayed=True)
    np.testing.assert_array_equal(image, np.where(seen[:, None], COLOURS, 255))


HALVES = [data[: len(data) // 2] for data in (JPEG, PNG)]


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"<html></html>", *HALVES, JPEG[:30], JPEG[:2] + b"\xff\xe1", None])
def test_what_is_no_whole_image_is_refused_by_name(data: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if data is None:  # a size bomb
        data = PNG
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert not is_rotated(data)
    with pytest.raises(BadInput, match=r"^folder/a\.jpg: cannot be decoded(?!.*object at)") as error:
        decode(data, "folder/a.jpg")
    assert "\n" not in str(error.value)


def damage(data: bytes, rng: np.random.Generator, tag: bool) -> bytes:
    """Other bytes in some places, and some bytes fewer; or one other byte amid the EXIF tags."""
    out = bytearray(data)
    for at in rng.integers(20, 120, 1) if tag else rng.integers(0, len(out), rng.choice([1, 4, 20])):
        out[at] = rng.integers(256)
    return bytes(out[: rng.integers(1, len(out))] if not tag and rng.random() < 0.3 else out)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("data", "tag"), [(JPEG, False), (PNG, False), (TAGGED, True)])
def test_damage_never_raises_anything_else(data: bytes, tag: bool) -> None:
    rng, decoded, rotated = np.random.default_rng(0), 0, 0
    for _ in range(600):
        damaged = damage(data, rng, tag)
        rotated += is_rotated(damaged)
        with contextlib.suppress(BadInput):
            image = decode(damaged, "a.jpg", displayed=tag)
            assert image.shape[2:] == (3,)
            decoded += 1
    assert 0 < (rotated if tag else decoded) < 600
