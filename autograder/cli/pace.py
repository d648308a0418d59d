"""How long a batch will still take, from the last submissions that ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_LAST = 50  # a batch begins with what is recorded already and takes no time; that must not count for long


class Pace:
    """Notes when submissions end. `clock` gives seconds; the pace begins with the first call of it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends = deque([clock()], maxlen=_LAST + 1)

    def ended(self) -> None:
        """One more has ended."""
        self._ends.append(self._clock())

    def left(self, count: int) -> str:
        """How long `count` more will take, such as '5 min'; empty when nothing is left or none has ended."""
        if count <= 0 or len(self._ends) < 2:
            return ""
        each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        return duration(max(0.0, self._ends[-1] + each * count - self._clock()))


def duration(seconds: float) -> str:
    """'40 s', '5 min', '2 h 10 min': rounded, as an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
