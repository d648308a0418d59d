"""Ctrl-C, and whoever else wants the command to end: the first time it ends cleanly, the second time at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_SHOW_CURSOR = "\x1b[?25h"  # a progress display hides it
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_cleanly_once() -> None:
    """From now on Ctrl-C, a polite kill and a terminal that closes raise KeyboardInterrupt once; the next one ends the process.

    What was started ends with the process in any case. A signal that the caller ignores, as `nohup` does, stays ignored.
    """
    for each in _SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _first)


def _first(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        if signal.getsignal(each) is _first:
            signal.signal(each, _second)
    _say("\nInterrupted: ending what runs. Once more ends at once.\n")
    raise KeyboardInterrupt


def _second(number: int, frame: FrameType | None) -> None:
    _say("\nEnded at once. What was graded is recorded; run the same command again to go on.\n")
    os._exit(128 + number)


def _say(text: str) -> None:
    """Past Python's buffers, which the interrupted code may hold locked."""
    shown = _SHOW_CURSOR + text if sys.stderr.isatty() else text
    try:
        os.write(2, shown.encode())
    except OSError:  # the terminal is gone
        return
