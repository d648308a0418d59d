"""What is new and what is wrong: a number that grows with every change, and sentences for instructors."""

from __future__ import annotations

import threading
from collections.abc import Callable

Say = Callable[[str], None]


class News:
    """One per service; safe to use from several threads."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._changed = threading.Condition()
        self._version = 0
        self._problems: dict[str, str] = {}

    def version(self) -> int:
        """Grows whenever something that is shown has changed."""
        with self._changed:
            return self._version

    def wait_for_change(self, version: int, timeout_s: float) -> int:
        """Blocks until the version is another one, or the time is over; gives the present one."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, timeout_s)
            return self._version

    def touch(self) -> None:
        """Something that is shown has changed."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def problems(self) -> tuple[str, ...]:
        """What is wrong now, a sentence each."""
        with self._changed:
            return tuple(self._problems.values())

    def problem(self, key: str, text: str) -> None:
        """Something is wrong; `key` says what, so that it can be solved."""
        with self._changed:
            if self._problems.get(key) == text:
                return
            self._problems[key] = text
        self._say(text)
        self.touch()

    def solved(self, key: str) -> None:
        """It is not wrong any more, if it was."""
        with self._changed:
            known = self._problems.pop(key, None)
        if known is not None:
            self.touch()
