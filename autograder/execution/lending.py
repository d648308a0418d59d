"""Lends a hand-in cell the names that it calls, whatever else a student's cell has called so meanwhile. Runs inside the kernel.

`from keras import Input`, as in most tutorials, would make every later `hand_in(…, inputs={…: Input(shape=…, range=…)})` fail. While
such a cell runs, the names are ours; afterwards they are the student's again.
"""

from __future__ import annotations

import re
from typing import Any

from autograder import student

_CALLS = re.compile(r"\b(hand_in|Input)\(")


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython when the kernel starts."""
    shell.ask_exit = lambda: None  # `exit()` in a cell would end the kernel before the graders' questions
    lender = _Lender(shell.user_ns)
    shell.events.register("pre_run_cell", lender.lend)
    shell.events.register("post_run_cell", lender.take_back)


class _Lender:
    """Remembers what stood under the names in the notebook's `namespace`."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._theirs: dict[str, list[Any]] = {}

    def lend(self, info: Any) -> None:
        called = set(_CALLS.findall(info.raw_cell))
        for name in called if "hand_in" in called else ():
            ours = getattr(student, name)
            if self._namespace.get(name) is not ours:
                self._theirs[name] = [self._namespace[name]] if name in self._namespace else []
                self._namespace[name] = ours

    def take_back(self, *_: Any) -> None:
        for name, value in self._theirs.items():
            if value:
                self._namespace[name] = value[0]
            else:
                self._namespace.pop(name, None)
        self._theirs = {}
