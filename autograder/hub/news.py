"""What is new and what is wrong: a number that grows with every change, and sentences for instructors."""

from __future__ import annotations

import threading

from autograder.hub.events import Event, Tell, Value
from autograder.hub.state import Receipt


class News:
    """One per service; safe to use from several threads."""

    def __init__(self, told: Tell) -> None:
        self._told = told
        self._changed = threading.Condition()
        self._version = 0
        self._problems: dict[str, str] = {}

    def tell(self, kind: str, text: str, receipt: Receipt | None = None, **about: Value) -> None:
        """For logs: see `Event`."""
        whose = {"receipt": receipt.id, "student": receipt.student, "assignment": receipt.assignment} if receipt else {}
        self._told(Event(kind, text, {**whose, **about}))

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
        self.tell("problem", text, about=key)
        self.touch()

    def solved(self, key: str) -> None:
        """It is not wrong any more, if it was."""
        with self._changed:
            known = self._problems.pop(key, None)
        if known is not None:
            self.tell("solved", f"no longer a problem: {key}", about=key)
            self.touch()
