from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from autograder.isolation.channel import ChannelError, ChannelTimeout, FrameReader, FrameWriter

SOON = 5.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    known = {descriptor: os.fstat(descriptor).st_ino for descriptor in (read, write)}
    yield read, write
    for descriptor, inode in known.items():
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:  # else the test closed it, and the number is somebody else's now
                os.close(descriptor)


def test_frames_arrive_as_they_were_sent(pipe: tuple[int, int]) -> None:
    writer, reader = FrameWriter(pipe[1]), FrameReader(pipe[0], 10_000)
    writer.send("cell", index=3)
    writer.send("file", b"\x00\n{}", name="a.npz")
    os.close(pipe[1])
    deadline = time.monotonic() + SOON
    first, second = reader.read(deadline), reader.read(deadline)
    assert first is not None
    assert second is not None
    assert (first.kind, first.fields, first.payload) == ("cell", {"index": 3}, b"")
    assert (second.kind, second.fields, second.payload) == ("file", {"name": "a.npz"}, b"\x00\n{}")
    assert reader.read(deadline) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no json\n", "malformed"),
        (b"[1]\n", "malformed"),
        (b'{"kind": "x"}\n', "malformed"),
        (b'{"kind": "x", "size": -1}\n', "over the limit"),
        (b'{"kind": "x", "size": 99999999}\n', "over the limit"),
        (b'{"kind": "x", "size": 5}\nab', "within a message"),
        (b'{"kind"', "within a message"),
        (b"x" * 20_000, "more bytes than allowed"),
    ],
)
def test_whatever_is_no_frame_ends_the_conversation(pipe: tuple[int, int], data: bytes, reason: str) -> None:
    os.write(pipe[1], data)
    os.close(pipe[1])
    with pytest.raises(ChannelError, match=reason):
        FrameReader(pipe[0], 10_000).read(time.monotonic() + SOON)


def test_an_error_says_nothing_in_the_words_of_the_sender(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b'{"kind": "x", "size": "<script>hostile</script>"}\n')
    with pytest.raises(ChannelError) as raised:
        FrameReader(pipe[0], 10_000).read(time.monotonic() + SOON)
    assert "hostile" not in str(raised.value)


def test_silence_ends_at_the_deadline(pipe: tuple[int, int]) -> None:
    with pytest.raises(ChannelTimeout):
        FrameReader(pipe[0], 10_000).read(time.monotonic() - 1)
