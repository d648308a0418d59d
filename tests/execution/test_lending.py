"""A hand-in cell finds its names, and a student keeps theirs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from autograder import student
from autograder.execution.lending import load_ipython_extension


class Shell:
    """What the extension needs of IPython: a namespace, and events around each cell."""

    def __init__(self, **namespace: Any) -> None:
        self.user_ns = namespace
        self.events = self
        self.registered: dict[str, Any] = {}

    def ask_exit(self) -> None:
        raise AssertionError("the kernel would end")

    def register(self, event: str, function: Any) -> None:
        self.registered[event] = function

    def run(self, cell: str) -> dict[str, Any]:
        """What the cell saw."""
        self.registered["pre_run_cell"](SimpleNamespace(raw_cell=cell))
        seen = dict(self.user_ns)
        self.registered["post_run_cell"](SimpleNamespace(success=True))
        return seen


HAND_IN = "hand_in('model', inputs={'model': Input(shape=(784,), range=(0, 1))})"


def test_shadowed_names_are_lent_to_a_hand_in_cell_and_given_back() -> None:
    shell = Shell(hand_in="on Monday", Input=print, x=1)
    load_ipython_extension(shell)
    assert shell.run(HAND_IN) == {"hand_in": student.hand_in, "Input": student.Input, "x": 1}
    assert shell.user_ns == {"hand_in": "on Monday", "Input": print, "x": 1}


def test_deleted_names_are_lent_and_are_gone_again() -> None:
    shell = Shell()
    load_ipython_extension(shell)
    assert shell.run("hand_in('x')") == {"hand_in": student.hand_in}
    assert shell.user_ns == {}


def test_other_cells_see_only_what_is_theirs() -> None:
    shell = Shell(Input=print)
    load_ipython_extension(shell)
    assert shell.run("x = Input(shape=(784,))") == {"Input": print}


def test_exit_in_a_cell_does_not_end_the_kernel() -> None:
    shell = Shell()
    load_ipython_extension(shell)
    shell.ask_exit()
