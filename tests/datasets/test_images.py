"""Image files of every mode to 8-bit RGB."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from datasets.face import BadInput
from datasets.images import decode, is_turned

RAMP = np.add.outer(np.arange(0, 200, 5), np.arange(0, 55, 1)).astype(np.uint8)  # (40, 55)
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], 2)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_rgb_comes_as_it_is() -> None:
    image = decode(encode(Image.fromarray(COLOURS)), "a.png")
    np.testing.assert_array_equal(image, COLOURS)
    assert image.dtype == np.uint8


def test_grey_fills_all_channels() -> None:
    image = decode(encode(Image.fromarray(RAMP)), "a.png")
    np.testing.assert_array_equal(image, np.repeat(RAMP[..., None], 3, 2))


def test_sixteen_bit_grey_is_scaled() -> None:
    # 257 = 65535 / 255; a reader that clips shows white, one that cuts off low bytes is off by one at 0x80ff.
    deep = RAMP.astype(np.uint16) * 257
    deep[0, 0], deep[0, 1] = 0xFFFF, 0x00FF
    image = decode(encode(Image.fromarray(deep)), "a.png")
    expected = RAMP.copy()
    expected[0, 0], expected[0, 1] = 255, 1
    np.testing.assert_array_equal(image, np.repeat(expected[..., None], 3, 2))


def test_palette_is_looked_up() -> None:
    palette = Image.fromarray(COLOURS).quantize(200)
    expected = np.array(palette.convert("RGB"))
    np.testing.assert_array_equal(decode(encode(palette), "a.png"), expected)
    assert np.abs(expected.astype(int) - COLOURS).mean() < 8


@pytest.mark.parametrize("alpha", [0, 128])
def test_alpha_is_dropped(alpha: int) -> None:
    rgba = np.dstack([COLOURS, np.full_like(RAMP, alpha)])
    np.testing.assert_array_equal(decode(encode(Image.fromarray(rgba)), "a.png"), COLOURS)


def test_black_and_white_becomes_0_and_255() -> None:
    image = decode(encode(Image.fromarray(RAMP > 100)), "a.png")
    np.testing.assert_array_equal(image[..., 1], np.where(RAMP > 100, 255, 0))


def test_cmyk_jpeg_keeps_its_colours() -> None:
    cmyk = Image.fromarray(COLOURS).convert("CMYK")
    image = decode(encode(cmyk, "JPEG", quality=95), "a.jpg")
    assert image.shape == COLOURS.shape
    assert np.abs(image.astype(int) - COLOURS).mean() < 4


def test_stored_pixels_are_not_turned_by_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encode(Image.fromarray(COLOURS), "JPEG", exif=exif), "a.jpg").shape == COLOURS.shape


JPEG = encode(Image.fromarray(COLOURS), "JPEG")
PNG = encode(Image.fromarray(COLOURS))
TAG = Image.Exif()
TAG[0x0112], TAG[0x010E] = 6, "held upright"
TAGGED = encode(Image.fromarray(COLOURS), "JPEG", exif=TAG)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 100, b"<html></html>", JPEG[: len(JPEG) // 2], PNG[: len(PNG) // 2], JPEG[:30]],
    ids=["zero bytes", "zeros", "text", "half a JPEG", "half a PNG", "start of a JPEG"],
)
def test_what_is_no_whole_image_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"^folder/a\.jpg: cannot be decoded") as error:
        decode(data, "folder/a.jpg")
    assert "\n" not in str(error.value)
    assert "object at" not in str(error.value)


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for at in rng.integers(0, len(out), rng.choice([1, 4, 20])):
        out[at] = rng.integers(256)
    return bytes(out[: rng.integers(1, len(out))] if rng.random() < 0.3 else out)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_damage_never_raises_anything_else(data: bytes, capfd: pytest.CaptureFixture) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        try:
            image = decode(damage(data, rng), "a.jpg")
        except BadInput:
            refused += 1
        else:
            assert image.dtype == np.uint8
            assert image.shape[2:] == (3,)
    assert 0 < refused < 300


def test_size_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(BadInput, match=r"a\.png"):
        decode(PNG, "a.png")


@pytest.mark.filterwarnings("ignore")
def test_damaged_tags_never_raise_anything_else(capfd: pytest.CaptureFixture) -> None:
    rng = np.random.default_rng(0)
    turned = 0
    for _ in range(1500):
        data = bytearray(TAGGED)
        data[rng.integers(20, 120)] = rng.integers(256)
        turned += is_turned(bytes(data))
        with contextlib.suppress(BadInput):
            decode(bytes(data), "a.jpg", displayed=True)
    assert 0 < turned < 1500


def test_displayed_is_turned_and_on_white() -> None:
    assert is_turned(TAGGED)
    assert decode(TAGGED, "a.jpg", displayed=True).shape == (*COLOURS.shape[1::-1], 3)
    rgba = np.dstack([COLOURS, np.full_like(RAMP, 0)])
    assert (decode(encode(Image.fromarray(rgba)), "a.png", displayed=True) == 255).all()
