"""The command, as a job sees it: requests come in, frames go out."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from autograder.isolation.channel import ChannelError, FrameReader, FrameWriter

_REQUEST_BYTES = 2**30  # the command is trusted; this only keeps a reader's contract


class Caller:
    """Frames on the process's standard streams. Whatever prints to standard output from now on goes to standard error."""

    def __init__(self) -> None:
        self.writer = FrameWriter(os.dup(1))
        os.dup2(2, 1)
        self._reader = FrameReader(0, _REQUEST_BYTES)

    def receive(self, folder: Path) -> Any:
        """The next request, after its files were written below `folder`. Raises EOFError when the command is gone."""
        while (frame := self._reader.read(math.inf)) is not None:
            if frame.kind == "request":
                return json.loads(frame.payload)
            if frame.kind != "file":
                raise ChannelError(f"unexpected message {frame.kind[:40]!a}")
            path = folder / frame.fields["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(frame.payload)
        raise EOFError("the command has gone")
