"""How a worker tells the command at which cell a notebook is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from autograder.batch.dask_calls import WORDS, Words


class Worker:
    """A Dask worker's loop, whose time passes when it is told to, and what was logged."""

    def __init__(self) -> None:
        self.logged: list[tuple[Any, ...]] = []
        self.later: list[Callable[[], None]] = []
        self.loop = SimpleNamespace(
            add_callback=lambda what, *arguments: what(*arguments), call_later=lambda _, what: self.later.append(what)
        )

    def log_event(self, topic: str, event: tuple[Any, ...]) -> None:
        assert topic == WORDS
        self.logged.append(event)

    def pass_time(self) -> None:
        due = self.later.copy()
        self.later.clear()
        for each in due:
            each()


def test_the_last_cell_is_told_and_a_long_one_is_never_missed() -> None:
    worker = Worker()
    words = Words(worker, "batch", "ada")
    for index in range(5):
        words.cell(index, 9)
    assert worker.logged == []
    worker.pass_time()
    assert worker.logged == [("batch", "ada", 4, 9)]
    worker.pass_time()
    assert len(worker.logged) == 1
    words.cell(5, 9)
    worker.pass_time()
    assert worker.logged[1:] == [("batch", "ada", 5, 9)]
