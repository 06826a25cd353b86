"""Image files to 8-bit RGB arrays, whatever their format and mode; and which files are images at all."""

import contextlib
import fnmatch
import importlib
import io
import re
import struct
from pathlib import PurePosixPath

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from datasets.face import BadInput

with contextlib.suppress(ImportError):  # an optional package, for phones' HEIC
    importlib.import_module("pillow_heif").register_heif_opener()
Image.init()
EXTENSIONS = frozenset(end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN)
# Files and folders that operating systems and file managers leave beside others, in any case: part of no corpus and of
# no folder of SR faces.
JUNK_FILES = ("__macosx", ".ds_store", "._*", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", "@eadir")
_JUNK = re.compile("|".join(map(fnmatch.translate, JUNK_FILES)))
# The last two: damaged EXIF tags.
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, struct.error, TypeError)


def is_junk(name: str) -> bool:
    """Tell whether a relative path is, or lies in, one of JUNK_FILES."""
    return any(map(_JUNK.match, PurePosixPath(name.lower()).parts))


def is_hidden(name: str) -> bool:
    """Tell whether a relative path is a hidden file or lies in a hidden folder."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def is_image(name: str) -> bool:
    """Tell whether a file's name has the extension of an image that Pillow reads, in any case."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS


def decode(data: bytes, name: str, displayed: bool = False) -> np.ndarray:
    """Decode an image file's bytes to (H, W, 3) uint8 RGB; grey, palette, CMYK, 16-bit and alpha are converted.

    Args:
        displayed: as viewers show it, rotated as its EXIF tag asks and on white where it is transparent; else the
            pixels as stored.

    Raises:
        BadInput: if the bytes are no image or end early; `name` is named.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _to_rgb(_on_white(ImageOps.exif_transpose(image)) if displayed else image)
    except _UNREADABLE as error:
        why = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise BadInput(f"{name}: cannot be decoded ({why}); replace or remove the image") from error


def is_rotated(data: bytes) -> bool:
    """Tell whether an image file's EXIF tag asks to show it other than stored; False where it cannot be read."""
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
