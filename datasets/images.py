"""Image files to 8-bit RGB arrays, whatever their mode."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from datasets.face import BadInput

EXTENSIONS = (".jpg", ".jpeg", ".png")


def decode(data: bytes, name: str) -> np.ndarray:
    """Decode an image file's bytes to (H, W, 3) uint8 RGB: grey, palette, CMYK, 16-bit and alpha are converted.

    BadInput where the bytes are no image or end early. EXIF rotation is not applied: landmarks count stored pixels.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _to_rgb(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{name}: cannot be decoded ({error}); replace or remove the image") from error


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        # Pillow clips 16-bit grey at 255 when it converts; scale it instead.
        grey = np.clip(np.asarray(image, np.float64) / 257, 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(image.convert("RGB"))
