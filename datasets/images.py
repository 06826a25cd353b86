"""Image files to 8-bit RGB arrays, whatever their format and mode."""

from __future__ import annotations

import contextlib
import importlib
import io
import struct
from pathlib import PurePosixPath

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from datasets.face import BadInput

with contextlib.suppress(ImportError):  # an optional package, for telephones' HEIC
    importlib.import_module("pillow_heif").register_heif_opener()
Image.init()
EXTENSIONS = frozenset(end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN)
# The last two: damaged EXIF tags.
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, struct.error, TypeError)


def is_image(name: str) -> bool:
    """Whether a file's name ends as one of an image that Pillow reads, in any case."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS


def decode(data: bytes, name: str, displayed: bool = False) -> np.ndarray:
    """Decode an image file's bytes to (H, W, 3) uint8 RGB: grey, palette, CMYK, 16-bit and alpha are converted.

    displayed: as viewers show it, turned as its EXIF tag asks and on white where it is transparent; else the pixels as
    they are stored. BadInput where the bytes are no image or end early.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _to_rgb(_on_white(ImageOps.exif_transpose(image)) if displayed else image)
    except _UNREADABLE as error:
        why = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise BadInput(f"{name}: cannot be decoded ({why}); replace or remove the image") from error


def is_turned(data: bytes) -> bool:
    """Whether an image file's EXIF tag asks to show it otherwise than it is stored; False where it cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except _UNREADABLE:
        return False


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        # Pillow clips 16-bit grey at 255 when it converts; scale it instead.
        grey = np.clip(np.asarray(image, np.float64) / 257, 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(image.convert("RGB"))
