"""Text and images of students, made fit for a page."""

from __future__ import annotations

import base64
import time

import pytest

from autograder.feedback import clean

from .samples import PNG


def test_ansi_codes_and_control_characters_go() -> None:
    assert clean.printed("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x00\x1b", 100) == "red link"
    assert clean.line("a\u202eb\ud800c\n d") == "abc d"


@pytest.mark.parametrize(
    ("text", "left"),
    [("10%\r50%\r100%\n", "100%"), ("done\r\nnext", "done\nnext"), ("1/2\b\b\b2/2", "2/2"), ("50%\r", "50%"), ("\b\bx", "x")],
)
def test_progress_bars_leave_their_last_state(text: str, left: str) -> None:
    assert clean.printed(text, 100) == left


def test_long_text_is_cut_and_says_so() -> None:
    assert clean.cut("x" * 1_100, 100) == "x" * 100 + " … (1,000 more characters)"
    assert len(clean.line("y" * 10**6)) == 100


@pytest.mark.parametrize("text", ["\x1b[" * 50_000, "\x1b]" * 50_000, "\x1b[" + "0" * 100_000, "\b" * 100_000, "a\b" * 50_000])
def test_no_text_takes_long(text: str) -> None:
    """Measured on this thread's own time of a core, which others that are busy on the machine do not lengthen."""
    started = time.thread_time()
    clean.printed(text, 200_000)
    assert time.thread_time() - started < 2


def test_images_are_written_anew() -> None:
    assert clean.image_uri("image/png", PNG[:20] + "\n" + PNG[20:]) == f"data:image/png;base64,{PNG}"
    assert clean.image_uri("image/png", [PNG[:8], PNG[8:]]) == f"data:image/png;base64,{PNG}"


def jpeg(width: int, height: int) -> str:
    """The start of a JPEG file of that size, after one segment to skip."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04AB\xff\xc0\x00\x11\x08" + size + b"\x03" * 10).decode()


def test_jpeg_is_an_image() -> None:
    assert str(clean.image_uri("image/jpeg", jpeg(28, 30))).startswith("data:image/jpeg;base64,/9j/")


def png(width: int) -> str:
    """A PNG file that claims to be so wide."""
    content = base64.b64decode(PNG)
    return base64.b64encode(content[:16] + width.to_bytes(4, "big") + content[20:]).decode()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image/png", "not base64 <script>"),
        ("image/png", '"><script>alert(1)</script>'),
        ("image/png", base64.b64encode(b"<svg onload=alert(1)>").decode()),
        ("image/png", base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()),
        ("image/png", png(500_000)),
        ("image/png", png(0)),
        ("image/jpeg", PNG),
        ("image/jpeg", jpeg(65_000, 65_000)),
        ("image/jpeg", base64.b64encode(b"\xff\xd8\xff").decode()),
        ("image/svg+xml", PNG),
        ("image/png", None),
        ("image/png", {"a": 1}),
        ("image/png", PNG + "A" * 3_000_000),
        ("image/png", "é" + PNG),
    ],
)
def test_what_is_no_image_is_not_shown(kind: str, data: object) -> None:
    assert clean.image_uri(kind, data) is None
