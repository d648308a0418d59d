"""Lets a student see which checks of a cell hold: one table below the cell. Imported by `autograder.checks`.

Where grades are made, and in plain Python, a check says nothing unless it fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from autograder import showing
from autograder._check_failed import CheckFailed, show, show_shape
from autograder.showing import Row, Table

P = ParamSpec("P")
T = TypeVar("T")

_rows: list[Row] = []
_listening: list[Any] = []  # the IPython that tells when a cell has ended


def shown(check: Callable[P, T]) -> Callable[P, T]:
    """The check itself; in a notebook it is a row of the cell's table as well.

    A value that takes more memory or recursion than Python has fails it too: that is the value's fault, and not the grader's.
    """

    def looked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return check(*args, **kwargs)
        except (RecursionError, MemoryError):
            what = kwargs.get("what")
            named = what if isinstance(what, str) and what else "What was given"
            raise CheckFailed(f"{named} is too large to be looked at: has it lists inside lists, again and again?") from None

    @wraps(check)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if not showing.in_notebook():
            return looked(*args, **kwargs)
        _listen()
        what, expected = _described(check, args, kwargs)
        try:
            result = looked(*args, **kwargs)
        except CheckFailed as failure:
            _rows.append(Row("✗", what, str(failure)))
            _show()
            raise
        _rows.append(Row("✓", what, expected))
        return result

    return checked


def _described(check: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, str]:
    """(what is looked at, what is asked of it) in words. The value itself is not touched: it is the student's."""
    name = check.__name__.removeprefix("expect_").replace("_", " ")
    try:
        given = dict(inspect.signature(check).bind(*args, **kwargs).arguments)
    except TypeError:
        return name, ""  # the call says what is wrong with it
    what = given.pop("what", "")
    asked = ", ".join(_asked(key.replace("_", " "), value, name) for key, value in list(given.items())[1:] if value is not None)
    if isinstance(what, str) and what:
        return what.rstrip(" ,"), f"{name} {asked}"
    return name, asked


def _asked(key: str, value: Any, name: str) -> str:
    said = show_shape(value) if key == "shape" and isinstance(value, tuple) and value else show(value)
    return said if key in (name, "expected", "shape") else f"{key} {said}"


def _listen() -> None:
    shell = showing.shell()
    if shell not in _listening:
        shell.events.register("post_run_cell", _cell_ended)
        _listening.append(shell)


def _cell_ended(_: Any = None) -> None:
    if _rows:
        _show()


def _show() -> None:
    table = Table(tuple(dict.fromkeys(_rows)))  # a loop may say the same of several things
    _rows.clear()
    showing.show(table)
