"""What students wrote, made fit for a page: no control characters, no ANSI codes, bounded length, images only when they are images.

Nothing here escapes HTML: the templates do, for every value.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

MAX_IMAGE_BYTES = 1_500_000
MAX_IMAGE_SIDE = 8_000
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07?|[@-Z\\^_])")
# Control characters but tab and newline, what turns the direction of the text around, surrogates that no file can hold.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text without control characters; tabs and newlines stay."""
    return _UNPRINTABLE.sub("", text)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, and how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def line(text: Any, limit: int = 100) -> str:
    """Any value as one short line: a name, a label, an id."""
    words = " ".join(printable(_ANSI.sub("", str(text)[: 20 * limit])).split())
    return words if len(words) <= limit else f"{words[: limit - 1]}…"


def paragraph(text: str, limit: int = 2_000) -> str:
    """A message of some lines, bounded."""
    return cut(printable(_ANSI.sub("", text[: 20 * limit])).strip(), limit)


def joined(value: Any) -> str:
    """Text of a notebook, which is a string or a list of strings; empty for anything else."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def printed(text: str, limit: int) -> str:
    """Text as a terminal would leave it: no ANSI codes, and of each line what the last carriage return left standing."""
    text = _ANSI.sub("", cut(text, limit)).replace("\r\n", "\n")
    lines = (_without_backspaces(each).rstrip("\r").rpartition("\r")[2] for each in text.split("\n"))
    return printable("\n".join(lines)).rstrip()


def _without_backspaces(text: str) -> str:
    if "\b" not in text:
        return text
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def image_uri(kind: str, data: Any) -> str | None:
    """A `data:` address for a PNG or JPEG image in base64; None when it is anything else, or too large."""
    text = "".join(joined(data).split())
    if kind not in _SIGNATURES or not text or len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not content.startswith(_SIGNATURES[kind]) or not _reasonable(_size(kind, content)):
        return None
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _reasonable(size: tuple[int, int] | None) -> bool:
    return size is not None and all(0 < side <= MAX_IMAGE_SIDE for side in size)


def _size(kind: str, content: bytes) -> tuple[int, int] | None:
    """Width and height as the file's header claims; a few bytes can claim an image that fills the memory of a browser."""
    if kind == "image/jpeg":
        return _jpeg_size(content)
    if content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(content[at + 7 : at + 9], "big"), int.from_bytes(content[at + 5 : at + 7], "big")
        at += 2 + max(length, 2)
    return None
