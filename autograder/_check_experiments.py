"""Checks of experiments: one history for each setting that was tried, and tables of results. Imported by `autograder.checks`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from autograder import wire
from autograder._check_failed import CheckFailed, fail, lacks, show
from autograder._check_models import expect_history, training_curves

Setting = str | float

_MOST = 100  # settings; each is compared with each, and nobody trains more
_SAME = 1e-4  # relative; another setting changes losses by more, another order of additions by less


def expect_experiment(
    results: Any,
    settings: Sequence[Setting] = (),
    epochs: int | None = None,
    keys: Sequence[str] = ("loss",),
    what: str = "The experiment",
) -> None:
    """{setting as text: history of its training}: these settings at least, so many epochs each, and no two trainings the same.

    A number among `settings` is found under every spelling, 0.0001 as '0.0001' and as '1e-04'. Histories are plain dictionaries
    here, because a dictionary of Keras objects cannot be handed in.
    """
    named, most = _by_setting(results, settings, what), max(_MOST, len(settings))
    if len(named) > most:
        fail(what, f"has {len(named):,} settings", f"at most {most}", "one for each training")
    for setting, history in named.items():
        place = _place(what, setting)
        if not isinstance(history, dict):
            fail(
                place,
                f"is {show(history)}",
                "a dictionary of lists",
                "`fit` returns an object, its attribute `history` is one",
            )
        expect_history(history, epochs, keys, place)
    losses = {setting: training_curves(history, what).get("loss", []) for setting, history in named.items()}
    for (one, first), (other, second) in itertools.combinations(losses.items(), 2):
        if _same_training(first, second):
            raise CheckFailed(
                f"{_place(what, one)} and {_place(what, other)} are the same training: does the setting reach network or optimizer?"
            )


def expect_table(table: Any, rows: Sequence[Setting], columns: Mapping[str, tuple[float, float]], what: str = "The table") -> None:
    """{row as text: {column: number}}: these rows and columns at least, each number finite and between the two ends of its column."""
    named = _by_setting(table, rows, what)
    for row in rows:
        cells = named[_key(row)]
        place = _place(what, _key(row))
        if not isinstance(cells, dict):
            fail(place, f"is {show(cells)}", f"a dictionary with {', '.join(map(repr, columns))}")
        for column, (low, high) in columns.items():
            if column not in cells:
                lacks(place, column, cells)
            _expect_between(cells[column], low, high, f"{place}['{column}']")


def _by_setting(found: Any, wanted: Sequence[Setting], what: str) -> dict[Setting, Any]:
    """What was found for each setting, numbers as numbers; all that is wanted is there."""
    if not isinstance(found, dict):
        reason = "does the function end with `return`?" if found is None else ""
        fail(what, f"is {show(found)}", "a dictionary with one entry for each setting", reason)
    for key in found:
        if not isinstance(key, str):
            fail(what, f"has the key {show(key)}", "text", "write str(…): only dictionaries with text as keys can be handed in")
    named: dict[Setting, Any] = {}
    for key, value in found.items():
        if _key(key) in named:
            fail(what, f"holds {key[:40]!r} beside the same setting in another spelling", "one entry for each")
        named[_key(key)] = value
    for setting in wanted:
        if _key(setting) not in named:
            lacks(what, str(setting), found)
    return named


def _key(setting: Setting) -> Setting:
    """Numbers as such however they are written, other text as it is."""
    try:
        return float(setting)
    except (ValueError, OverflowError):
        return setting


def _place(what: str, setting: Setting) -> str:
    return f"{what}['{setting:g}']" if isinstance(setting, float) else f"{what}['{setting}']"


def _same_training(first: list[float], second: list[float]) -> bool:
    return len(first) == len(second) > 0 and all(math.isclose(a, b, rel_tol=_SAME) for a, b in zip(first, second, strict=True))


def _expect_between(value: Any, low: float, high: float, what: str) -> None:
    value = wire.unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        fail(what, f"is {show(value)}", "a number")
    if not low <= value <= high:  # NaN lies nowhere
        reason = "a percentage? A fraction is asked for" if (low, high) == (0, 1) and 1 < value <= 100 else ""
        fail(what, f"is {show(value)}", f"a number from {low:g} to {high:g}", reason)
