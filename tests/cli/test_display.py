"""What is shown while a batch runs: bars on a terminal, lines elsewhere, and how long it will still take."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from autograder.cli.display import TerminalProgress
from autograder.cli.pace import Pace, duration


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def record(student: str, score: float | None = 7.0, outcome: str = "completed", grading: str = "ok") -> Any:
    return SimpleNamespace(student=student, score=score, max_score=10.0, outcome=outcome, grading=grading, extra_credit=0.0)


def batch(display: TerminalProgress, clock: Clock) -> None:
    """Four submissions: one is done, of one its process is lost, one fails by fault of the machine, one is running."""
    with display:
        display.began("ada")
        display.began("bob")
        display.cell("ada", 1, 5)
        clock.now += 60
        display.ended(record("ada"))
        display.postponed("bob")
        display.began("cleo")
        clock.now += 60
        display.ended(record("cleo", None, "infra_error", "not_graded"))
        display.began("dan")
        display._bars.refresh()


def test_without_a_terminal_each_end_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    batch(TerminalProgress(4, Console(stderr=True, width=80), clock), clock)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert lines[:3] == [
        "ada: 7 / 10, ran to the end (1 of 4, 1 running, 2 waiting, about 3 min left)",
        "bob: its process ended; again when the others are done (1 of 4, 0 running, 3 waiting, about 3 min left)",
        "cleo: unscored, not run (machine) (2 of 4, 0 running, 2 waiting, 1 failed, about 2 min left)",
    ]


@pytest.fixture
def terminal() -> Iterator[tuple[int, Console]]:
    """What is read from a terminal of 120 columns, and a console on it."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        yield ours, Console(file=stream, width=120, force_terminal=True)
    os.close(ours)


def test_on_a_terminal_bars_show_who_is_running_who_waits_and_what_failed(terminal: tuple[int, Console]) -> None:
    ours, console = terminal
    clock = Clock()
    batch(TerminalProgress(4, console, clock), clock)
    console.file.flush()
    data = b""
    while b"\x1b[?25h" not in data:
        data += os.read(ours, 65_536)
    shown = data.decode()
    for part in ("submissions", "2/4", "1 running, 1 waiting, 1 failed, about 2 min left", "dan", "starting", "0:00:0"):
        assert part in shown, shown
    assert "ran to the end" not in shown  # the table at the end says it
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_the_pace_forgets_what_was_recorded_already() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.left(100) == ""
    for _ in range(1_000):
        pace.ended()  # at no time at all
    for _ in range(60):
        clock.now += 30
        pace.ended()
    assert pace.left(10) == "5 min"
    clock.now += 60  # it becomes less while nobody ends
    assert pace.left(10) == "4 min"
    assert pace.left(0) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (40.4, "40 s"), (89, "89 s"), (95, "2 min"), (7_000, "117 min"), (7_800, "2 h 10 min")]
)
def test_durations_are_rounded(seconds: float, text: str) -> None:
    assert duration(seconds) == text
