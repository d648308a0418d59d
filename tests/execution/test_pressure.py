"""Whose fault it is that the kernel of a machine without memory killed a notebook."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.execution import run
from autograder.execution.received import Received
from autograder.execution.run import _outcome, _run_undisturbed
from autograder.isolation.process import Ended
from tests.execution.test_replay import EXECUTION

KILLED = Ended(0, 1.0, 100.0)


class Killing:
    """A sandbox whose notebooks' kernels are killed."""

    stopped = False

    def __init__(self, ended: Ended = KILLED) -> None:
        self.started, self._ended = 0, ended

    def start(self, command: object) -> Any:
        self.started += 1
        return SimpleNamespace(kill=lambda patience_s: self._ended, last_words=str)


def killed(process: object, execution: object, received: Received, on_cell: object) -> None:
    error = {"cell": "answer", "name": "KernelDied", "message": "The Python process ended in this cell."}
    received.result, received.answers, received.killed = {"outcome": "kernel_died", "first_error": error}, b"[]", True


@pytest.mark.parametrize(
    ("company", "more", "ended", "outcome"),
    [
        (True, 1, KILLED, "infra_error"),  # graded once more, alone
        (False, 1, KILLED, "kernel_died"),  # alone it was its own memory
        (True, 0, KILLED, "kernel_died"),  # the kernel killed nobody, so it did that itself
        (True, 1, replace(KILLED, out_of_memory=True), "memory_exceeded"),  # its control group knows
    ],
)
def test_in_company_memory_that_ran_out_is_nobodys_fault(
    monkeypatch: pytest.MonkeyPatch, company: bool, more: int, ended: Ended, outcome: str
) -> None:
    """Where there is no control group, a neighbour's memory was the reason why a student got no points."""
    counts = iter(range(10, 100))
    sandbox = Killing(ended)
    monkeypatch.setattr(run, "_converse", killed)
    monkeypatch.setattr(run, "memory_kills", lambda: next(counts) if more else 10)
    execution = replace(EXECUTION, slot=replace(EXECUTION.slot, company=company))
    once = _run_undisturbed(execution, sandbox, lambda index, count: None)  # type: ignore[arg-type]  # as much of a sandbox as it needs
    assert _outcome(execution, once.received, once.process, once.ended)[0] == outcome
    assert sandbox.started == (1 if ended.out_of_memory else 2)


def test_company_makes_no_other_run() -> None:
    assert replace(EXECUTION, slot=replace(EXECUTION.slot, company=True)).run_key() == EXECUTION.run_key()
