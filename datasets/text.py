"""Text files as people's programs save them: with a byte-order mark or without, any line ends, empty last lines."""

from __future__ import annotations

import codecs

# The two-byte marks are read by the codec "utf-16" itself.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decode_text(data: bytes) -> str:
    """The text, by its byte-order mark, else UTF-8, else Latin-1; UnicodeDecodeError where its mark does not hold."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines_of(data: bytes) -> list[str]:
    """The lines without their ends, those after the last that is not empty left out."""
    return decode_text(data).rstrip().splitlines()
