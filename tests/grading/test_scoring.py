"""Whose fault it is when the scorer does not end. No process runs here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autograder.errors import GraderError, MachineError
from autograder.grading.scoring import _run_s
from autograder.isolation.channel import ChannelTimeout
from autograder.isolation.process import Ended


class Endless:
    """Stands in for sandbox, process and reader of a scorer that says nothing, with so many seconds of CPU until it was killed."""

    def __init__(self, cpu_s: float, stopped: bool) -> None:
        self.ended, self.stopped = Ended(-9, cpu_s, 100.0), stopped

    def start(self, command: Any) -> Endless:
        return self

    def send(self, *what: Any) -> None:
        pass

    def reader(self, limit: int) -> Any:
        return SimpleNamespace(read=self.wait, close=lambda: None)

    def wait(self, deadline: float) -> Any:
        raise ChannelTimeout

    def kill(self, grace: float) -> Ended:
        return self.ended

    def last_words(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("cpu_s", "stopped", "error", "words"),
    [
        (299.0, False, GraderError, "did not end within 300 s."),
        (20.0, False, MachineError, "did not end within 300 s, 20 s of which they calculated"),
        (299.0, True, MachineError, "was killed"),
    ],
)
def test_a_scorer_that_got_no_time_to_calculate_is_not_the_graders_fault(
    cpu_s: float, stopped: bool, error: type[Exception], words: str
) -> None:
    """A submission would else stay with a grader's error that nobody can find, because the machine was busy once."""
    sandbox: Any = Endless(cpu_s, stopped)
    with pytest.raises(error, match=words):
        _run_s(sandbox, {"graders": "graders/tiny"}, {}, sandbox)
