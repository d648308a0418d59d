"""Frames over a pipe between the command and the processes it starts: one JSON line, then as many bytes as it says.

Whatever comes out of a sandbox is hostile, so the reader has a limit for everything: line, payload, total and time.
"""

from __future__ import annotations

import json
import math
import os
import select
import selectors
import time
from dataclasses import dataclass
from typing import Any

_LINE_BYTES = 64 * 1024
_CHUNK = 1 << 16


class ChannelError(Exception):
    """The other side sent something that is no frame, or too much of it."""


class ChannelTimeout(Exception):
    """The deadline passed while waiting for the other side."""


@dataclass(frozen=True)
class Frame:
    """One message: its kind, JSON fields and bytes."""

    kind: str
    fields: dict[str, Any]
    payload: bytes = b""


class FrameWriter:
    """Writes frames to a file descriptor; one writer for each pipe.

    With `patience`, in seconds, a reader that stops reading raises ChannelTimeout instead of holding the writer for ever.
    """

    def __init__(self, descriptor: int, patience: float | None = None) -> None:
        self._descriptor, self._patience = descriptor, patience
        if patience is not None:
            os.set_blocking(descriptor, False)

    def send(self, kind: str, payload: bytes = b"", **fields: Any) -> None:
        """Sends one frame; waits while the pipe is full. Raises BrokenPipeError when nobody reads any more."""
        head = json.dumps({"kind": kind, "size": len(payload), **fields}).encode() + b"\n"
        first = max(0, _CHUNK - len(head))  # a copy of all of it would be another hundred megabytes where it is large
        self._write(memoryview(head + payload[:first]))
        self._write(memoryview(payload)[first:])

    def _write(self, view: memoryview) -> None:
        while view:
            if self._patience is not None and not self._writable():
                raise ChannelTimeout
            view = view[os.write(self._descriptor, view[:_CHUNK]) :]

    def _writable(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll((self._patience or 0.0) * 1000))


class FrameReader:
    """Reads frames from a file descriptor until a deadline (monotonic seconds, or infinity), at most `limit` bytes in total."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._descriptor = descriptor
        self._left = limit
        self._buffer = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(descriptor, selectors.EVENT_READ)

    def close(self) -> None:
        self._selector.close()

    def read(self, deadline: float) -> Frame | None:
        """The next frame, or None at the end. Raises ChannelTimeout, or ChannelError for anything malformed or too large."""
        line = self._line(deadline)
        if line is None:
            return None
        try:
            fields = json.loads(line)
            kind, size = str(fields.pop("kind")), int(fields.pop("size"))
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError) as error:
            raise ChannelError(f"malformed message: {type(error).__name__}") from None  # its text would be the sender's
        if size < 0 or size > self._left:
            raise ChannelError("a message is over the limit")
        while len(self._buffer) < size:
            if not self._fill(deadline):
                raise ChannelError("the stream ended within a message")
        with memoryview(self._buffer) as view:
            payload = bytes(view[:size])
        del self._buffer[:size]
        return Frame(kind, fields, payload)

    def _line(self, deadline: float) -> bytes | None:
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            if len(self._buffer) > _LINE_BYTES:
                raise ChannelError("a message head is over the limit")
            if not self._fill(deadline):
                if self._buffer:
                    raise ChannelError("the stream ended within a message")
                return None

    def _fill(self, deadline: float) -> bool:
        """Reads what is there; False at the end of the stream."""
        if not self._selector.select(None if math.isinf(deadline) else max(0.0, deadline - time.monotonic())):
            raise ChannelTimeout
        data = os.read(self._descriptor, _CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise ChannelError("more bytes than allowed")
        self._buffer += data
        return bool(data)
