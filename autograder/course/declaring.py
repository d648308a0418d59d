"""How a setting is declared: a frozen dataclass that remembers where it was written and what is wrong with how it was called.

A wrong key or a missing one does not raise where it stands, so that `autograder check` can list the problems of a whole file at once.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast, dataclass_transform

from autograder.errors import Problem

T = TypeVar("T")


class Setting:
    """Base of all settings: where it was written and what is wrong with how it was called."""

    place: str
    call_problems: tuple[Problem, ...]

    def problems(self) -> list[Problem]:
        """What is wrong with the values of this setting alone (its call was fine, its types fit)."""
        return []


@dataclass_transform(frozen_default=True)
def setting(cls: type[T]) -> type[T]:
    """Makes a frozen dataclass whose constructor collects wrong keys instead of raising TypeError."""
    made: Any = dataclass(frozen=True)(cls)
    known = [each for each in fields(made) if each.init]

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        caller = sys._getframe(1)
        place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}: {made.__name__}"
        given, problems = _bind(made.__name__, [each.name for each in known], args, kwargs, place)
        for each in known:
            object.__setattr__(self, each.name, given.get(each.name, _default(each)))
            if getattr(self, each.name) is MISSING:
                problems.append(Problem(place, f"'{each.name}' is missing", f"Write {made.__name__}({each.name}=…)."))
        object.__setattr__(self, "place", place)
        object.__setattr__(self, "call_problems", tuple(problems))

    made.__init__ = init
    return cast(type[T], made)


def _bind(owner: str, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any], place: str) -> tuple[dict[str, Any], list[Problem]]:
    given = dict(zip(names, args, strict=False))
    problems = [Problem(place, f"{owner} takes at most {len(names)} values")] if len(args) > len(names) else []
    for key, value in kwargs.items():
        if key not in names:
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known keys: {', '.join(names)}."
            problems.append(Problem(place, f"unknown key '{key}'", hint))
        elif key in given:
            problems.append(Problem(place, f"'{key}' is given twice"))
        else:
            given[key] = value
    return given, problems


def _default(each: Any) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default
