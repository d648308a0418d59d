"""A clock for limits that stands still while the notebook's kernel waits for a core: a busy machine is not the student's fault.

The kernel of the operating system tells how long each thread was ready to run and did not (run-queue delay, the second
number in `/proc/<pid>/task/<tid>/schedstat`). Processes that the notebook starts do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

CEILING = 3  # times a limit that it may last on the wall: who starts many threads makes them wait for each other
_WORTH_TELLING_S = 1.0


class CoreClock:
    """Time on the wall (`now`) and the time that the threads of one process have waited for a core since then, in seconds.

    Where the system does not tell (no schedstat) nothing is ever waited for. Look at least every second: threads that ended are forgotten.
    """

    def __init__(self, pid: int, proc: Path = Path("/proc"), now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._tasks = proc / str(pid) / "task"
        self._seen = _delays(self._tasks)
        self._waited_ns = 0

    def waited_s(self) -> float:
        """Until now, of all threads together; so it may be more than the time on the wall."""
        found = _delays(self._tasks)
        self._waited_ns += sum(max(0, delay - self._seen.get(task, 0)) for task, delay in found.items())
        self._seen = found
        return self._waited_ns / 1e9

    def limit(self, seconds: float) -> Limit:
        """One that begins now."""
        return Limit(self, seconds)


class Limit:
    """So many seconds without the time of waiting, at most three times as many with it. Once reached it stays so."""

    def __init__(self, clock: CoreClock, seconds: float) -> None:
        self.seconds, self.reached = seconds, False
        self.lasted_s, self.waited_s = 0.0, 0.0  # when last looked at
        self._clock, self._began, self._waited_before = clock, clock.now(), clock.waited_s()

    def left(self) -> float:
        """Seconds until it can be reached at the earliest; 0 when it is."""
        if not self.reached:
            self.lasted_s = self._clock.now() - self._began
            self.waited_s = min(self.lasted_s, self._clock.waited_s() - self._waited_before)
        left = min(self.seconds - (self.lasted_s - self.waited_s), CEILING * self.seconds - self.lasted_s)
        self.reached = left <= 0
        return max(0.0, left)

    def told(self, of: str) -> str:
        """The time that a reached limit lasted, `of` what it is the limit: "60 s, the limit for one cell." and what was not counted."""
        if self.lasted_s >= CEILING * self.seconds:
            most = f"{self.seconds:g} s, {of}, may become {CEILING} times as much on a busy machine, and no more."
            return f"{CEILING * self.seconds:g} s on the wall: {most}"
        more = f" Another {self.waited_s:.0f} s, in which it waited for a processor core, were not counted."
        return f"{self.seconds:g} s, {of}.{more if self.waited_s >= _WORTH_TELLING_S else ''}"


def _delays(tasks: Path) -> dict[str, int]:
    """Nanoseconds that each thread has waited so far; empty where nobody tells."""
    try:
        names = [path.name for path in tasks.iterdir()]
    except OSError:
        return {}
    return {name: delay for name in names if (delay := _delay(tasks / name / "schedstat")) is not None}


def _delay(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
