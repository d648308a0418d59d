"""The one exception of the checks, and how values are named in its messages. Imported by `autograder.checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from autograder import wire

Array = np.ndarray[Any, np.dtype[Any]]
_MOST_NAMES = 12


class CheckFailed(AssertionError):
    """A check does not hold; the message says what, what was expected, what came, and the likely reason."""

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows instead of a traceback: the frames are the checker's, not the student's."""
        return [f"✗ {self}"]


def fail(what: str, got: str, expected: str, reason: str = "") -> NoReturn:
    """Raises CheckFailed: 'Layer 1 has 100 parameters, 110 expected: is its bias missing?'"""
    raise CheckFailed(f"{what} {got}, {expected} expected" + (f": {reason}" if reason else "."))


def lacks(what: str, name: str, found: Iterable[object], reason: str = "") -> NoReturn:
    """Raises CheckFailed: "The table has no 'wide', it holds 'simple', 'narrow'."; at most a dozen names are written out."""
    names = [show(each) for each in found]
    held = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
    raise CheckFailed(f"{what} has no {name!r}, it holds {held or 'nothing'}" + (f": {reason}" if reason else "."))


def complaint(check: Callable[[Any], object], value: Any) -> str:
    """What a check of one argument says against a value, without failing; nothing if it holds.

    For what has cost its points elsewhere: "this network has a mistake that the one before it has not".
    """
    try:
        check(value)
    except CheckFailed as failed:
        return str(failed)
    return ""


def show(value: Any, levels: int = 3) -> str:
    """A value in a message: short, and without calling code of the value's own class. `levels`: of lists in lists that are written out."""
    value = wire.unwrapped(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {show_shape(value.shape)}"
    if type(value) is int and abs(value) >= 10**30:
        return "a very large whole number"  # Python refuses to write the largest ones
    if value is None or type(value) in (bool, int, float, str):
        return _cut(f"{value:.6g}" if type(value) is float else repr(value))
    if type(value) in (list, tuple) and len(value) <= 12 and levels:
        return _cut(f"[{', '.join(show(each, levels - 1) for each in value)}]")
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def many(number: int, noun: str) -> str:
    """'1 unit', '7,850 parameters'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_shape(shape: Any) -> str:
    """A shape with `n` for the axis that may have any length: '(n, 784)'."""
    sides = ["n" if side is None else str(side) for side in shape]
    return f"({sides[0]},)" if len(sides) == 1 else f"({', '.join(sides)})"


def as_array(value: Any, what: str) -> Array:
    """Numbers of an array, a tensor, a sample (its rows) or a list. Raises CheckFailed for anything else."""
    value = getattr(value, "rows", value) if is_sample(value) else value
    try:
        array = wire.as_array(value)
    except Exception:  # whatever a foreign object raises while it is looked at
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        fail(what, f"is {show(value)}", "an array of numbers", _no_array_reason(value))
    return array


def is_sample(value: Any) -> bool:
    """Whether this is the hand-in of a large array: some of its rows, with the shape and dtype of the whole."""
    return not isinstance(value, np.ndarray) and all(hasattr(value, each) for each in ("shape", "dtype", "rows", "indices"))


def _no_array_reason(value: Any) -> str:
    if value is None:
        return "does the function end with `return`?"
    if isinstance(value, list | tuple):
        return "do its rows have different lengths, or is something in it not a number?"
    if callable(value):
        return "call it, with parentheses"
    return "print it, and look at what it is"


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
